"""TLS over a trio stream whose peer hears why a handshake fails.

OpenSSL puts the alert (RFC 8446 section 6.2) into its output and raises. ``trio.SSLStream`` raises too, and never sends
it, so that the peer would see nothing but an end. Here the stream is made with something that passes for a context and
remembers where the output of its TLS object is.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import cast, final

import trio

__all__ = ["secure_stream"]

ALERT_GRACE = 0.2  # seconds for an alert to leave; peers that take nothing do not hold us


@final
class _Context:
    """Passes for a context when a stream makes its TLS object."""

    __slots__ = ("_context", "output")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.output: ssl.MemoryBIO = ssl.MemoryBIO()

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *, server_side: bool, server_hostname: str | None
    ) -> ssl.SSLObject:
        self.output = outgoing
        return self._context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=server_hostname)


def secure_stream(
    below: trio.abc.Stream,
    context: ssl.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
) -> tuple[trio.SSLStream[trio.abc.Stream], Callable[[], Awaitable[None]]]:
    """Return a TLS stream over another one, and the function that does its handshake.

    The function raises what ``do_handshake()`` of the stream raises, after the alert has been sent. The arguments are
    those of ``trio.SSLStream``.
    """
    remembering = _Context(context)
    context = cast("ssl.SSLContext", remembering)
    secure = trio.SSLStream(below, context, server_side=server_side, server_hostname=server_hostname)

    async def handshake() -> None:
        try:
            await secure.do_handshake()
        except trio.BrokenResourceError:
            if alert := remembering.output.read():
                with trio.move_on_after(ALERT_GRACE), contextlib.suppress(trio.BrokenResourceError):
                    await below.send_all(alert)
            raise

    return secure, handshake
