"""A WebSocket that an ASGI server carries, as our handlers see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import trio

from .._errors import ConnectionClosed, LocalProtocolError
from ..messages import Address, Handler, Response
from ..websocket import WebSocket, WebSocketResponse
from ._hosted import HostedExchange, request_of, response_to
from ._types import Receive, Scope, Send

__all__ = ["answer_websocket"]


async def answer_websocket(
    handler: Handler, scope: Scope, exchange: HostedExchange, receive: Receive, send: Send
) -> None:
    """Answer one request to open a WebSocket, and talk on it.

    Raises:
        Exception: What the function of the WebSocket raised.
    """
    await receive()  # websocket.connect
    request = request_of(scope, exchange)
    headers = request.headers
    headers.setdefault("upgrade", "websocket")  # HTTP/2 has none
    async with exchange.entered:
        response = await response_to(handler, request)
        if not isinstance(response, WebSocketResponse):
            await _deny(response, scope, send)
            return
        chosen = response.choose(request)
        if isinstance(chosen, Response):
            await _deny(chosen, scope, send)
            return
        own = [(name, value) for _, name, value in response.headers.items_list if name != b"upgrade"]
        await send({"type": "websocket.accept", "subprotocol": chosen, "headers": own})
        session = _HostedSession(exchange, receive, send)
        await response.talk_over(WebSocket(session, request=request, subprotocol=chosen))
    request.end()


async def _deny(response: Response, scope: Scope, send: Send) -> None:
    content = response.outgoing
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await content.aclose()
        await send({"type": "websocket.close"})  # the server answers 403
        return
    items = [(name, value) for _, name, value in response.headers.items_list if name != b"connection"]
    try:
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": items})
    except BaseException:
        await content.aclose()
        raise

    async def send_piece(data: bytes) -> None:
        await send({"type": "websocket.http.response.body", "body": bytes(data), "more_body": True})

    await content.send_to(send_piece)
    await send({"type": "websocket.http.response.body", "body": b"", "more_body": False})


@final
class _HostedSession:
    """The inside of the WebSocket."""

    def __init__(self, exchange: HostedExchange, receive: Receive, send: Send) -> None:
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._turn = trio.Lock()
        self.closed: tuple[int, str] | None = None
        self.at_end: dict[Callable[[], None], None] = {}

    def _end(self, code: int, reason: str) -> None:
        self.closed = code, reason
        for told in tuple(self.at_end):
            told()

    @property
    def peer(self) -> Address:
        return self._exchange.peer

    @property
    def local(self) -> Address:
        return self._exchange.local

    def error(self) -> ConnectionClosed:
        code, reason = self.closed or (1006, "the connection was lost")
        return ConnectionClosed(code, reason)

    async def send(self, message: str | bytes) -> None:
        if self.closed is not None:
            await trio.lowlevel.checkpoint()
            raise self.error()
        key = "text" if isinstance(message, str) else "bytes"
        try:
            await self._send({"type": "websocket.send", key: message})
        except OSError as error:
            self._end(1006, str(error))
            raise self.error() from error

    async def receive(self) -> str | bytes:
        async with self._turn:
            if self.closed is not None:
                raise self.error()
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._end(message.get("code") or 1005, message.get("reason") or "")
                raise self.error()
            text = message.get("text")
            return bytes(message["bytes"]) if text is None else str(text)

    async def receive_any(self) -> tuple[int, str | bytes]:
        message = await self.receive()
        return (1 if isinstance(message, str) else 2), message

    async def ping(self) -> float:
        raise LocalProtocolError("ASGI has no message for pings: the server sends its own")

    async def close(self, code: int, reason: str) -> None:
        if self.closed is not None:
            await trio.lowlevel.checkpoint()
            return
        self._end(code, reason)
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            pass  # it is gone already
