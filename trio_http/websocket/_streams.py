"""One message in pieces, in either direction, for those that are larger than memory."""

from __future__ import annotations

from types import TracebackType
from typing import Self, final

import trio

from ._inbox import Inbox, Piece
from ._session import Session

__all__ = ["IncomingMessage", "OutgoingMessage", "exact"]


def exact(message: str | bytes | bytearray | memoryview) -> str | bytes:
    """Return a message as the one type that means text, or the one that means binary.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(message, str):
        return str(message)
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    raise TypeError(f"a message is str or bytes, not {type(message).__name__}; send_json() takes objects")


@final
class IncomingMessage:
    """``async with ws.receive_stream() as message: async for piece in message``; enter it once.

    Leaving the block before the end drops the rest of the message.

    Attributes:
        is_text: Whether its pieces are str.
    """

    __slots__ = ("_ended", "_first", "_inbox", "_session", "is_text")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._inbox: Inbox | None = None
        self._first: Piece | None = None
        self._ended = False
        self.is_text: bool = False

    async def __aenter__(self) -> Self:
        """Wait for a message to begin.

        Raises:
            ConnectionClosed: None will.
        """
        inbox = self._session.inbox
        if inbox is None:
            raise RuntimeError("messages come whole here; to receive pieces open it with WebSocketLimits(stream=True)")
        self._first = await inbox.begin()
        self._inbox = inbox
        self.is_text = isinstance(self._first.data, str)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._inbox is not None
        self._inbox.end(skip=not self._ended and (self._first is None or not self._first.final))
        self._ended = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        """Wait for the next piece, never an empty one.

        Raises:
            ConnectionClosed: The message was cut off.

        Cancellation:
            Loses no piece.
        """
        while not self._ended:
            assert self._inbox is not None
            piece, self._first = self._first, None
            if piece is None:
                piece = await self._inbox.take()
            self._ended = piece.final
            if piece.data:
                return piece.data
        raise StopAsyncIteration


@final
class OutgoingMessage:
    """``async with ws.send_stream() as message: await message.send(piece)``; enter it once.

    Other tasks that send wait meanwhile; pings and pongs do not. The end of the block ends the message. A block that
    fails or is cancelled leaves half a message, which nothing may follow: the WebSocket is closed with 1011.
    """

    __slots__ = ("_begun", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun: type[str | bytes] | None = None

    async def __aenter__(self) -> Self:
        """Wait until no other message is being sent in pieces.

        Raises:
            ConnectionClosed: The WebSocket is closed.
        """
        await self._session.begin_fragments()
        return self

    async def send(self, piece: str | bytes | bytearray | memoryview) -> None:
        """Send a piece; the first one tells whether the message is text or binary.

        Raises:
            ConnectionClosed: As :meth:`WebSocket.send`.
            TypeError: It is str in a binary message, or the other way round, or neither.
        """
        data = exact(piece)
        if self._begun is not None and not isinstance(data, self._begun):
            raise TypeError("a message is either text or binary: all its pieces are str, or all are bytes")
        if data:
            self._begun = str if isinstance(data, str) else bytes
            await self._session.send(data, final=False)
        else:
            await trio.lowlevel.checkpoint()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._begun is None:
                return
            if error is None:
                await self._session.send(self._begun(), final=True)
            elif self._session.closed is None:  # asked of it, since the error may be that of another WebSocket
                await self._session.fail(1011, "a message was not finished")
        except BaseException:
            await self._session.fail(1011, "a message was not finished")
            raise
        finally:
            self._session.end_fragments()
