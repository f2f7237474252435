"""A listener without sockets: whoever serves it is reached by connections in memory."""

from __future__ import annotations

import contextlib
import math
from typing import final

import trio
import trio.testing

__all__ = ["MemoryListener"]


@final
class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener whose connections are pairs of memory streams: serve one end, use the other.

    For tests of anything that takes a trio listener or stream and needs no network: there are no addresses, no delays
    and no faults; for those there is the :class:`VirtualNetwork`. It needs no clock of its own and works in any run.

    Example:
        >>> listener = MemoryListener()
        >>> server = await nursery.start(Server(handler, listeners=[listener]).listen)
        >>> stream = listener.connect()
    """

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream](math.inf)

    def connect(self) -> trio.abc.HalfCloseableStream:
        """Return the client's end of a new connection; the other waits to be accepted.

        Raises:
            trio.BrokenResourceError: The listener is closed.
        """
        ours, theirs = trio.testing.memory_stream_pair()
        self._send.send_nowait(theirs)
        return ours

    async def accept(self) -> trio.abc.Stream:
        """Wait for the next connection.

        Raises:
            trio.ClosedResourceError: The listener is closed.

        Cancellation:
            Loses no connection.
        """
        return await self._receive.receive()

    async def aclose(self) -> None:
        """Close; connections that nobody has accepted end, as a kernel resets them."""
        async with contextlib.AsyncExitStack() as waiting:  # a cancellation of one closing leaves none open
            with contextlib.suppress(trio.WouldBlock, trio.ClosedResourceError):
                while True:
                    waiting.push_async_callback(trio.aclose_forcefully, self._receive.receive_nowait())
            self._receive.close()
        await trio.lowlevel.checkpoint()
