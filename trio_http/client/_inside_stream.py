"""A connection within this process: two trio streams, and what is sent into one comes out of the other.

It holds a few pieces and then makes the sender wait, as a socket does; of what the bytes mean it knows nothing.
"""

from __future__ import annotations

from typing import final

import trio

__all__ = ["InsideStream", "inside_pair"]

_PIECE = 64 * 1024  # bytes of one piece at most
_PIECES = 4  # on their way in one direction; together what a socket's buffer holds


@final
class InsideStream(trio.abc.HalfCloseableStream):
    """One end; see :func:`inside_pair`."""

    __slots__ = ("_closed", "_first", "_receive", "_receiving", "_send", "_sending")

    def __init__(self, send: trio.MemorySendChannel[bytes], receive: trio.MemoryReceiveChannel[bytes]) -> None:
        self._send = send
        self._receive = receive
        self._first = b""
        self._closed = False
        self._sending = False
        self._receiving = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything; waits while the other end does not receive.

        Raises:
            trio.BrokenResourceError: The other end is closed.
            trio.ClosedResourceError: This one is, or has sent its end.
            trio.BusyResourceError: Another task is sending.
        """
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            if self._closed:
                raise trio.ClosedResourceError("this stream was closed on our side")
            for start in range(0, len(data), _PIECE):
                await self._send.send(bytes(data[start : start + _PIECE]))
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Return after a checkpoint: sending may wait all the same."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed on our side")

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; ``b""`` is the end.

        Raises:
            trio.ClosedResourceError: This end is closed.
            trio.BusyResourceError: Another task is receiving.
        """
        if max_bytes is not None and max_bytes < 1:
            raise ValueError(f"receive_some(max_bytes={max_bytes!r}): give at least 1, or None for no bound")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving on this stream")
        if self._first and not self._closed:
            await trio.lowlevel.checkpoint()
            data, self._first = self._first, b""
        else:
            self._receiving = True
            try:
                data = await self._receive.receive()
            except trio.EndOfChannel:
                return b""
            finally:
                self._receiving = False
        if max_bytes is not None and len(data) > max_bytes:
            data, self._first = data[:max_bytes], data[max_bytes:]
        return data

    async def send_eof(self) -> None:
        """Say that nothing more will be sent.

        Raises:
            trio.BusyResourceError: Another task is sending.
        """
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        await self._send.aclose()
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed on our side")

    async def aclose(self) -> None:
        """Close this end; the other one receives what has been sent, and then the end."""
        self._closed = True
        self._send.close()
        await self._receive.aclose()


def inside_pair() -> tuple[InsideStream, InsideStream]:
    """Return the two ends of a new connection."""
    there = trio.open_memory_channel[bytes](_PIECES)
    back = trio.open_memory_channel[bytes](_PIECES)
    return InsideStream(there[0], back[1]), InsideStream(back[0], there[1])
