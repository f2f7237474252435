"""Messages in pieces, on their way from the reader of a WebSocket to whoever receives; for ``WebSocketLimits.stream``.

A piece waits here as it came, so a message may be larger than memory. What waits is bounded in bytes and messages:
beyond that the reader is made to stand before it reads on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, final

import trio

from .._errors import ConnectionClosed

__all__ = ["Inbox", "Piece"]

_BYTES = 256 * 1024  # that may wait; a read brings as much at most


class Piece(NamedTuple):
    """A part of a message, or all of it."""

    data: str | bytes
    size: int
    final: bool


@final
class Inbox:
    """Pieces in order; one task receives at a time.

    Args:
        room: Pieces that may wait before the reader stands.
        ended: Returns what to raise once nothing more will come; None while something may.
    """

    __slots__ = ("_arrived", "_bytes", "_drained", "_ended", "_pieces", "_room", "_skipping", "turn")

    def __init__(self, *, room: int, ended: Callable[[], ConnectionClosed | None]) -> None:
        self._room = room
        self._ended = ended
        self._pieces: deque[Piece] = deque()
        self._bytes = 0
        self._arrived: trio.Event | None = None
        self._drained: trio.Event | None = None
        self._skipping = False
        self.turn: trio.StrictFIFOLock = trio.StrictFIFOLock()

    def put(self, data: str | bytes, size: int, final: bool) -> None:
        """Add a piece; what comes after the end is dropped."""
        if self._ended() is None and (size or final):
            self._pieces.append(Piece(data, size, final))
            self._bytes += size
            self.wake()

    def put_message(self, message: str | bytes) -> bool:
        """Add a whole message; says True, that it is taken."""
        self.put(message, len(message), True)
        return True

    def wake(self) -> None:
        """Let who receives look again."""
        if self._arrived is not None:
            self._arrived.set()
            self._arrived = None

    def clear(self) -> None:
        """Drop what waits."""
        self._pieces.clear()
        self._bytes = 0
        self._let_read()

    def put_back(self, pieces: list[Piece]) -> None:
        """Put back what was taken last, in its order."""
        self._pieces.extendleft(reversed(pieces))
        self._bytes += sum(piece.size for piece in pieces)

    def skip(self) -> None:
        """Drop the rest of the message of which pieces have been taken; the reader goes on at once."""
        self._skipping = True
        self._drop_skipped()

    async def room(self) -> None:
        """Return once there is room; for the reader."""
        while self._bytes >= _BYTES or len(self._pieces) >= self._room:
            if self._skipping:
                self._drop_skipped()
                continue
            self._drained = self._drained or trio.Event()
            await self._drained.wait()

    async def take(self) -> Piece:
        """Wait for the next piece; the caller has the turn.

        Raises:
            ConnectionClosed: There will be none.

        Cancellation:
            Loses no piece.
        """
        await trio.lowlevel.checkpoint()
        while True:
            self._drop_skipped()
            if self._pieces:
                piece = self._pieces.popleft()
                self._bytes -= piece.size
                self._let_read()
                return piece
            error = self._ended()
            if error is not None:
                raise error
            self._arrived = trio.Event()
            await self._arrived.wait()

    def _drop_skipped(self) -> None:
        while self._skipping and self._pieces:
            piece = self._pieces.popleft()
            self._bytes -= piece.size
            self._skipping = not piece.final
        self._let_read()

    def _let_read(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None
