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

    __slots__ = ("_first", "_receive", "_send")

    def __init__(self, send: trio.MemorySendChannel[bytes], receive: trio.MemoryReceiveChannel[bytes]) -> None:
        self._send = send
        self._receive = receive
        self._first = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything; waits while the other end does not receive.

        Raises:
            trio.BrokenResourceError: The other end is closed.
            trio.ClosedResourceError: This one is, or has sent its end.
        """
        await trio.lowlevel.checkpoint()
        for start in range(0, len(data), _PIECE):
            await self._send.send(bytes(data[start : start + _PIECE]))

    async def wait_send_all_might_not_block(self) -> None:
        """Return after a checkpoint: sending may wait all the same."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; ``b""`` is the end.

        Raises:
            trio.ClosedResourceError: This end is closed.
        """
        if self._first:
            await trio.lowlevel.checkpoint()
            data, self._first = self._first, b""
        else:
            try:
                data = await self._receive.receive()
            except trio.EndOfChannel:
                return b""
        if max_bytes is not None and len(data) > max_bytes:
            data, self._first = data[:max_bytes], data[max_bytes:]
        return data

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        await self._send.aclose()

    async def aclose(self) -> None:
        """Close this end; the other one receives what has been sent, and then the end."""
        self._send.close()
        await self._receive.aclose()


def inside_pair() -> tuple[InsideStream, InsideStream]:
    """Return the two ends of a new connection."""
    there = trio.open_memory_channel[bytes](_PIECES)
    back = trio.open_memory_channel[bytes](_PIECES)
    return InsideStream(there[0], back[1]), InsideStream(back[0], there[1])
