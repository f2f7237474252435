"""What the wire needs of a connection's bytes: one small interface, so that there is one wire for all of them.

Two implementations: :class:`SocketTransport` on a plain non-blocking socket (the fast path of production) and
:class:`StreamTransport` on any trio stream (TLS, unix sockets of others, virtual networks, memory streams). Tests of
behaviour run on both.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

__all__ = ["HIDDEN_END_PAUSE", "READ_SIZE", "WRITE_SLICE", "Address", "Transport", "format_address"]

Address = tuple[str, int] | str | None

HIDDEN_END_PAUSE = 0.05  # seconds between two looks at a connection whose end is hidden behind unread bytes
READ_SIZE = 64 * 1024  # bytes asked for at once: one read call for any usual head, 16 for a MiB
WRITE_SLICE = 64 * 1024  # bytes given to a stream at once, so that each slice has a deadline of its own


class Transport(Protocol):
    """One connection's bytes, without deadlines: those belong to the callers."""

    @property
    def peer(self) -> Address:
        """The other side: (host, port), the path of a unix socket, or None."""
        ...

    @property
    def local(self) -> Address:
        """Our side, in the same form."""
        ...

    @property
    def is_tls(self) -> bool:
        """True when the bytes travel encrypted."""
        ...

    @property
    def wakes(self) -> bool:
        """True if :meth:`close_now` ends a :meth:`receive` that is waiting in another task."""
        ...

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return bytes that are there already, ``b""`` for the end, or None if it would take a wait to know.

        Raises:
            ReadError: The connection broke.
        """
        ...

    async def receive(self, max_bytes: int) -> bytes:
        """Wait for bytes; ``b""`` is the end.

        Raises:
            ReadError: The connection broke, or was closed by another task.

        Cancellation:
            Loses no byte on a socket; a TLS stream stays usable too.
        """
        ...

    def send_nowait(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Send what can be sent without waiting; return how many bytes were taken (0 is a valid answer).

        Raises:
            WriteError: The connection broke.
        """
        ...

    async def send(self, data: memoryview) -> int:
        """Wait until some bytes are taken; return how many.

        Raises:
            WriteError: The connection broke, or was closed by another task.

        Cancellation:
            Some bytes may have been sent: the connection can only be closed.
        """
        ...

    async def send_eof(self) -> None:
        """Tell the peer that nothing more will come, if this kind of connection can.

        Raises:
            WriteError: The connection broke.
        """
        ...

    @property
    def watched(self) -> bool:
        """True while a :meth:`watch` is on that nobody has ended."""
        ...

    async def watch(self, left: Callable[[], None], *, half_close: bool) -> None:
        """Call ``left`` when the peer goes away; run in a task of its own, which ends some time after :meth:`unwatch`.

        Args:
            left: Called at most once, and only while the watch is on.
            half_close: An end sent by the peer is no leaving.
        """
        ...

    def unwatch(self) -> None:
        """End the watch, at once: after this call others may read."""
        ...

    def has_unread(self) -> bool:
        """Tell whether bytes, the end or an error wait to be read; for idle connections, where all three are bad."""
        ...

    @property
    def socket(self) -> trio.socket.SocketType | socket.socket | None:
        """The socket below, for socket options and such; None if there is none."""
        ...

    async def aclose(self) -> None:
        """Close in good order where that takes no waiting on the peer; never raises for a broken connection."""
        ...

    def close_now(self) -> None:
        """Close at once, from any task; whoever waits gets an error. Calling it twice is fine."""
        ...


def format_address(address: Address) -> str:
    """Return an address as people write it: ``127.0.0.1:80``, ``[::1]:80``, a path, or ``?``."""
    if address is None:
        return "?"
    if isinstance(address, str):
        return f"unix:{address}"
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
