"""Messages in pieces, on their way from the reader of a WebSocket to whoever receives; for ``WebSocketLimits.stream``.

How it works
------------
* A piece waits here as it came from the wire, so a message may be larger than memory. What waits is bounded in bytes
  and pieces: beyond that the reader is made to stand before it reads on.
* It is decompressed and decoded when it is taken, at most 64 KiB at once: what a few bytes come to when they are
  decompressed never waits anywhere. The price is that bad data is noticed by who receives, not when it comes.
* What nobody wants is decompressed all the same: the compressor of the peer refers to it.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, final

import trio

from .._errors import ConnectionClosed
from ._deflate import TAIL, Inflater, InvalidData

__all__ = ["Inbox", "Piece"]

_BYTES = 256 * 1024  # that may wait; a read brings as much at most
_AT_ONCE = 64 * 1024  # bytes that one piece may come to


class Piece(NamedTuple):
    """A part of a message, or all of it."""

    data: str | bytes
    size: int
    final: bool


class _Raw(NamedTuple):
    """A part of a message as it came; the last one of a compressed message has its :data:`TAIL`."""

    data: bytes
    is_text: bool
    compressed: bool
    final: bool

    @property
    def size(self) -> int:
        return len(self.data)


@final
class Inbox:
    """Pieces in order; one task receives at a time.

    Args:
        room: Pieces that may wait before the reader stands.
        inflater: What decompresses; None where nothing was agreed.
        ended: Returns what to raise once nothing more will come; None while something may.
        refuse: Closes the WebSocket, with code and reason.
    """

    __slots__ = (
        "_arrived",
        "_bad",
        "_bytes",
        "_decoder",
        "_drained",
        "_ended",
        "_inflater",
        "_pieces",
        "_refuse",
        "_room",
        "_skipping",
        "_turn",
    )

    def __init__(
        self,
        *,
        room: int,
        inflater: Inflater | None,
        ended: Callable[[], ConnectionClosed | None],
        refuse: Callable[[int, str], Awaitable[None]],
    ) -> None:
        self._room = room
        self._inflater = inflater
        self._ended = ended
        self._refuse = refuse
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._pieces: deque[Piece | _Raw] = deque()
        self._bytes = 0
        self._bad: str | None = None  # why nothing that came can be understood any more
        self._arrived: trio.Event | None = None
        self._drained: trio.Event | None = None
        self._skipping = False
        self._turn: trio.StrictFIFOLock = trio.StrictFIFOLock()

    # ---------------------------------------------------------------- for the reader

    def put(self, data: bytes, is_text: bool, compressed: bool, final: bool) -> None:
        """Add a piece as it came; what comes after the end is dropped."""
        if data or final:
            self._put(_Raw(data + TAIL if compressed and final else data, is_text, compressed, final))

    def put_message(self, message: str | bytes) -> bool:
        """Add a whole message that was not compressed; says True, that it is taken."""
        self._put(Piece(message, len(message), True))
        return True

    def _put(self, piece: Piece | _Raw) -> None:
        if self._ended() is None and self._bad is None:
            self._pieces.append(piece)
            self._bytes += piece.size
            self.wake()

    async def room(self) -> None:
        """Return once there is room."""
        while self._bytes >= _BYTES or len(self._pieces) >= self._room:
            if self._skipping:
                await self._drop_skipped()
                continue
            self._drained = self._drained or trio.Event()
            await self._drained.wait()

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

    # ---------------------------------------------------------------- for who receives

    async def begin(self) -> Piece:
        """Wait for a message to begin, and return its first piece; :meth:`end` has to follow.

        Raises:
            ConnectionClosed: There will be none.

        Cancellation:
            Loses no piece.
        """
        await self._turn.acquire()
        try:
            return await self.take()
        except BaseException:
            self._turn.release()
            raise

    def end(self, *, skip: bool) -> None:
        """Let others receive; ``skip`` drops the rest of the message of which pieces have been taken."""
        if skip:
            self._skipping = True
            self._let_read()  # the reader drops what waits if it stands, and goes on at once
        self._turn.release()

    async def take(self) -> Piece:
        """Wait for the next piece; the caller has begun.

        Raises:
            ConnectionClosed: There will be none.

        Cancellation:
            Loses no piece.
        """
        await trio.lowlevel.checkpoint()
        while True:
            await self._drop_skipped()
            piece = self._next()
            if piece is not None:
                return piece
            if self._bad is not None:
                await self._refuse(1007, self._bad)
            error = self._ended()
            if error is not None:
                raise error
            self._arrived = trio.Event()
            await self._arrived.wait()

    async def take_message(self, limit: int | None) -> str | bytes | None:
        """Wait for a whole message; None if it has more than ``limit`` bytes, which may be told before it ends.

        Raises:
            ConnectionClosed: There will be none.

        Cancellation:
            Loses no piece.
        """
        pieces: list[Piece] = []
        size = 0
        async with self._turn:
            try:
                while not pieces or not pieces[-1].final:
                    pieces.append(await self.take())
                    size += pieces[-1].size
                    if limit is not None and size > limit:
                        return None
            except trio.Cancelled:
                self._pieces.extendleft(reversed(pieces))
                self._bytes += size
                raise
        data = [piece.data for piece in pieces]
        if len(data) == 1:
            return data[0]
        return "".join(data) if isinstance(data[0], str) else b"".join(data)  # type: ignore[arg-type]  # all of one kind

    def _next(self) -> Piece | None:
        """Take and unpack what came first; None if there is nothing, or nothing that can be understood."""
        if not self._pieces:
            return None
        first = self._pieces.popleft()
        self._bytes -= first.size
        try:
            piece = first if isinstance(first, Piece) else self._unpack(first)
        except InvalidData as error:
            self._bad = f"this message cannot be decompressed: {error}"
        except UnicodeDecodeError as error:
            self._bad = f"this text is not UTF-8: {error.reason} at byte {error.start}"
        else:
            self._let_read()
            return piece
        self._skipping = False
        self.clear()
        return None

    def _unpack(self, raw: _Raw) -> Piece:
        data, final = raw.data, raw.final
        if raw.compressed:
            assert self._inflater is not None
            data, rest = self._inflater.some(data, _AT_ONCE)
            if rest is not None:
                final = False
                self._pieces.appendleft(raw._replace(data=rest))
                self._bytes += len(rest)
            elif final:
                self._inflater.end_message()
        return Piece(self._decoder.decode(data, final) if raw.is_text else data, len(data), final)

    async def _drop_skipped(self) -> None:
        while self._skipping and (piece := self._next()) is not None:
            self._skipping = not piece.final
            await trio.lowlevel.checkpoint()

    def _let_read(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None
