"""Closing so that the last words arrive."""

from __future__ import annotations

import trio

from .._errors import TransportError
from ._protocol import READ_SIZE, Transport

__all__ = ["linger"]


async def linger(transport: Transport, seconds: float, max_bytes: int | None, *, read_size: int = READ_SIZE) -> None:
    """Send an end, then read and discard until the peer has closed too; the connection can only be closed after that.

    Closing a socket with unread bytes resets it, and the peer may never see what is still under way to it (RFC 9112
    section 9.6).

    Args:
        transport: The connection.
        seconds: Wait no longer than this.
        max_bytes: Discard no more than this; None for no limit.
        read_size: Bytes asked for at once.
    """
    with trio.move_on_after(seconds):
        try:
            await transport.send_eof()
            count = 0
            while data := await transport.receive(read_size):
                count += len(data)
                if max_bytes is not None and count > max_bytes:
                    return
        except TransportError:
            pass  # it is gone already: all the better
