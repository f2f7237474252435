"""A WebSocket as users see it, on either side."""

from __future__ import annotations

import json as json_codec
from collections.abc import Callable
from typing import Any, Self, final

import trio

from .._errors import ConnectionClosed, DecodingError, LocalProtocolError
from ..messages import Address, Request
from ._carried import Carried
from ._codes import WebSocketOpCode
from ._session import Session
from ._streams import IncomingMessage, OutgoingMessage, exact

__all__ = ["NORMAL", "WebSocket", "WebSocketReceiveChannel", "WebSocketSendChannel"]

# What ends an iteration without an error. 1005 is what a browser's ws.close() comes to.
NORMAL = frozenset((1000, 1001, 1005))


@final
class WebSocket:
    """An open WebSocket; handlers get it, and ``async with client.websocket(url)`` gives it.

    Any task may send, and any may receive; messages are sent whole, one after the other, and each is received once.
    Pings are answered, and messages read ahead up to ``WebSocketLimits.queue``, while the program does other things.

    Example:
        >>> async for message in ws:
        ...     await ws.send(message)

    Attributes:
        request: The request that opened it.
        subprotocol: What both sides agreed on, or None.
    """

    __slots__ = ("_session", "request", "subprotocol")

    def __init__(self, session: Carried, *, request: Request, subprotocol: str | None) -> None:
        self._session = session
        self.request: Request = request
        self.subprotocol: str | None = subprotocol

    def __repr__(self) -> str:
        closed = self._session.closed
        state = "open" if closed is None else f"closed with {closed[0]}"
        return f"<WebSocket {self.request.target}: {state}>"

    # ---------------------------------------------------------------- facts

    @property
    def is_open(self) -> bool:
        """False as soon as either side has begun to close it, or the connection is gone."""
        return self._session.closed is None

    @property
    def close_code(self) -> int | None:
        """The code it was closed with, by whoever did so first (1006: the connection was lost); None while open."""
        closed = self._session.closed
        return None if closed is None else closed[0]

    @property
    def close_reason(self) -> str | None:
        """The reason given with it; None while open."""
        closed = self._session.closed
        return None if closed is None else closed[1]

    @property
    def peer(self) -> Address:
        """The address of the other end of the connection."""
        return self._session.peer

    @property
    def local(self) -> Address:
        """The address of our end."""
        return self._session.local

    # ---------------------------------------------------------------- messages

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message: str as text, bytes as binary. Waits while the peer is slow to take it.

        Raises:
            ConnectionClosed: The WebSocket is closed; or the peer took no byte for ``WebSocketTimeouts.write``.
            LocalProtocolError: The text cannot be encoded (lone surrogates).
            TypeError: It is neither text nor bytes.

        Cancellation:
            Either nothing of the message is sent and the WebSocket goes on, or it is closed (1006).
        """
        if type(message) is not str and type(message) is not bytes:
            message = exact(message)
        await self._session.send(message)

    async def send_json(self, value: object) -> None:
        """Send an object as JSON, in a text message.

        Raises:
            ConnectionClosed: As :meth:`send`.
            TypeError, ValueError: JSON cannot say this.
        """
        await self._session.send(json_codec.dumps(value, separators=(",", ":"), ensure_ascii=False))

    async def receive(self) -> str | bytes:
        """Wait for the next message: str if it is text, else bytes.

        Raises:
            ConnectionClosed: None will come. What the peer sent before closing is received first.

        Cancellation:
            Loses no message.
        """
        return await self._session.receive()

    async def receive_text(self) -> str:
        """Wait for the next message, which has to be text; a binary one closes the WebSocket with 1003.

        Raises:
            ConnectionClosed: As :meth:`receive`, or with code 1003.
        """
        message = await self._session.receive()
        if isinstance(message, str):
            return message
        await self._session.close(1003, "only text is understood here")
        raise self._session.error()

    async def receive_bytes(self) -> bytes:
        """Wait for the next message, which has to be binary; text closes the WebSocket with 1003.

        Raises:
            ConnectionClosed: As :meth:`receive`, or with code 1003.
        """
        message = await self._session.receive()
        if not isinstance(message, str):
            return message
        await self._session.close(1003, "only binary messages are understood here")
        raise self._session.error()

    async def receive_json(self, loads: Callable[[str | bytes], Any] = json_codec.loads) -> Any:
        """Wait for the next message and decode it from JSON.

        Raises:
            ConnectionClosed: As :meth:`receive`.
            DecodingError: It is not JSON; the WebSocket stays open.
        """
        message = await self._session.receive()
        try:
            return loads(message)
        except ValueError as error:
            raise DecodingError(f"a message of {len(message)} is not JSON: {error}") from error

    def _own_session(self) -> Session:
        if not isinstance(self._session, Session):
            raise LocalProtocolError("messages in pieces are not to be had here: the server carries whole ones only")
        return self._session

    def receive_stream(self) -> IncomingMessage:
        """Receive one message in pieces, as they come: ``async with ws.receive_stream() as message``.

        For messages larger than memory: open the WebSocket with ``WebSocketLimits(stream=True)``.

        Raises:
            RuntimeError: When the block is entered: it was not opened so.
            ConnectionClosed: Likewise: no message will come.
        """
        return IncomingMessage(self._own_session())

    def send_stream(self) -> OutgoingMessage:
        """Send one message in pieces: ``async with ws.send_stream() as message: await message.send(piece)``."""
        return OutgoingMessage(self._own_session())

    async def _receive_any(self) -> tuple[WebSocketOpCode, str | bytes]:
        opcode, payload = await self._session.receive_any()
        return WebSocketOpCode(opcode), payload

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        """Wait for the next message; a normal end (1000, 1001, 1005) ends the iteration, any other raises."""
        try:
            return await self._session.receive()
        except ConnectionClosed as error:
            if error.code in NORMAL:
                raise StopAsyncIteration from None
            raise

    def channels(self) -> tuple[WebSocketSendChannel, WebSocketReceiveChannel]:
        """Return the WebSocket as a trio send channel and receive channel; closing both closes it with 1000."""
        shared = _Halves(self)
        return WebSocketSendChannel(shared), WebSocketReceiveChannel(shared)

    # ---------------------------------------------------------------- signs of life, and the end

    async def ping(self) -> float:
        """Send a ping and wait for its pong.

        Returns:
            The seconds between the two.

        Raises:
            ConnectionClosed: The WebSocket is closed, or was closed before the pong came.
        """
        return await self._session.ping()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it: send a close frame, wait for the peer's, close the connection. Messages not received are lost.

        A second call, and one after the peer has closed, does nothing.

        Args:
            code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999.
            reason: At most 123 bytes of UTF-8; more is cut off.

        Raises:
            LocalProtocolError: The code may not be sent.

        Cancellation:
            The connection is closed at once; so it is when ``WebSocketTimeouts.close`` seconds have passed.
        """
        await self._session.close(code, reason)


@final
class _Halves:
    """What the two channels of one WebSocket share: who is still open."""

    __slots__ = ("left", "ws")

    def __init__(self, ws: WebSocket) -> None:
        self.ws: WebSocket = ws
        self.left: int = 2

    async def close_one(self) -> None:
        """Note that one of the two was closed; close the WebSocket with the second."""
        self.left -= 1
        if self.left:
            await trio.lowlevel.checkpoint()
        else:
            await self.ws.close()


@final
class WebSocketSendChannel(trio.abc.SendChannel[str | bytes]):
    """The sending half of a WebSocket, as a trio channel."""

    __slots__ = ("_closed", "_shared")

    def __init__(self, shared: _Halves) -> None:
        self._shared = shared
        self._closed = False

    async def send(self, value: str | bytes) -> None:
        """Send a message.

        Raises:
            trio.ClosedResourceError: This channel was closed.
            trio.BrokenResourceError: The WebSocket is closed; the cause says with which code.
        """
        if self._closed:
            raise trio.ClosedResourceError("this channel of a WebSocket was closed")
        try:
            await self._shared.ws.send(value)
        except ConnectionClosed as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def aclose(self) -> None:
        """Close this half; the WebSocket is closed with the second one."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._closed = True
        await self._shared.close_one()


@final
class WebSocketReceiveChannel(trio.abc.ReceiveChannel[str | bytes]):
    """The receiving half of a WebSocket, as a trio channel."""

    __slots__ = ("_closed", "_shared")

    def __init__(self, shared: _Halves) -> None:
        self._shared = shared
        self._closed = False

    async def receive(self) -> str | bytes:
        """Wait for a message.

        Raises:
            trio.EndOfChannel: The WebSocket was closed normally (1000, 1001, 1005).
            trio.ClosedResourceError: This channel was closed.
            trio.BrokenResourceError: It was closed otherwise; the cause says with which code.
        """
        if self._closed:
            raise trio.ClosedResourceError("this channel of a WebSocket was closed")
        try:
            return await self._shared.ws.receive()
        except ConnectionClosed as error:
            if error.code in NORMAL:
                raise trio.EndOfChannel from error
            raise trio.BrokenResourceError(str(error)) from error

    async def aclose(self) -> None:
        """Close this half; the WebSocket is closed with the second one."""
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        self._closed = True
        await self._shared.close_one()
