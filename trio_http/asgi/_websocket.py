"""One WebSocket of an application: the handshake as a question to it, then its messages (ASGI WebSocket 2.5)."""

from __future__ import annotations

from typing import NoReturn, final

import trio

from .._errors import ConnectionClosed
from ..messages import Request, Response
from ..semantics import HeaderItem, Headers
from ..websocket import WebSocket, WebSocketResponse
from ._messages import ASGIError, ClientDisconnected, body_of, headers_of, status_of, text_of, unexpected
from ._scope import websocket_scope
from ._task import AppTask
from ._types import ASGIApplication, Message

__all__ = ["open_websocket", "wants_websocket"]

# what is expected of the application next
DECISION, DENIAL_BODY, OPEN, OVER = range(4)
_EXPECTED = (
    "'websocket.accept', 'websocket.close' or 'websocket.http.response.start'",
    "'websocket.http.response.body'",
    "'websocket.send' or 'websocket.close'",
    "nothing more",
)
_AFTER = (
    "before the handshake was answered",
    "after 'websocket.http.response.start'",
    "on an open WebSocket",
    "after the WebSocket was closed or denied",
)


def wants_websocket(request: Request) -> bool:
    """Tell whether a request asks for a WebSocket."""
    # Hot: once per request.
    for _, name, value in request.headers.items_list:
        if name == b"upgrade" and b"websocket" in [token.strip().lower() for token in value.split(b",")]:
            return True
    return False


async def open_websocket(request: Request, app: ASGIApplication, root_path: str) -> Response:
    """Ask an application about a handshake; return its answer, which may be the open WebSocket.

    Raises:
        ASGIError: It gave no answer.
        Exception: What it raised instead.

    Cancellation:
        Cancels the application.
    """
    values = request.headers.get_list("sec-websocket-protocol")
    offered = [name.strip() for value in values for name in value.split(",") if name.strip()]
    session = _Session(request, offered)
    probe = WebSocketResponse(session.talk)
    refusal = probe.agree(request)
    if refusal is not probe:
        return refusal  # no WebSocket: the application is not asked
    task = AppTask(request, app, session.ended, session.dropped)
    session.task = task
    await task.start(websocket_scope(request, root_path, offered), session.receive, session.send)
    try:
        await session.decided.wait()
    except BaseException:
        session.drop(1006, "the client has left")
        task.cancel()
        raise
    if session.response is None:
        task.handled = True
        after, expected = _AFTER[session.expects], _EXPECTED[session.expects]
        raise task.failure or ASGIError(f"the application returned {after}; expected {expected}")
    return session.response


@final
class _Session:
    """The two ends of one WebSocket."""

    def __init__(self, request: Request, offered: list[str]) -> None:
        self._request = request
        self._offered = offered
        self.task: AppTask | None = None
        self.expects = DECISION
        self.decided = trio.Event()
        self.response: Response | None = None
        self._connect_told = False
        self._ws: WebSocket | None = None
        self._opened = trio.Event()  # it is open, or will not be
        self._closed: tuple[int, str] | None = None  # as the application is told
        self._denial: tuple[int, list[HeaderItem], list[bytes]] | None = None

    # ---------------------------------------------------------------- the server's side

    def ended(self) -> None:
        """The application is over."""
        self.decided.set()
        if self.task is not None and self.expects != OVER:
            self.task.handled = True  # open_websocket() or talk() tells of it

    def dropped(self) -> None:
        """The exchange is over, and nobody has opened what the application accepted."""
        if self._ws is None and self.expects == OPEN:
            self.drop(1006, "the client has left")
            if self.task is not None:
                self.task.cancel_soon()

    def drop(self, code: int, reason: str) -> None:
        """There is no WebSocket any more."""
        self.expects = OVER
        if self._closed is None:
            self._closed = code, reason
        self._opened.set()

    async def talk(self, ws: WebSocket) -> None:
        """Let the application talk until it is over."""
        task = self.task
        assert task is not None
        self._ws = ws
        self._opened.set()
        try:
            await task.over.wait()
        except BaseException:
            task.handled = True
            task.cancel()
            self.drop(1006, "the server has ended it")
            raise
        if task.failure is not None and task.handled and not task.excused:
            raise task.failure  # closes it with 1011

    # ---------------------------------------------------------------- the application's side

    async def receive(self) -> Message:
        """Wait for the next event: the handshake, a message, or the end."""
        if not self._connect_told:
            self._connect_told = True
            await trio.lowlevel.checkpoint()
            return {"type": "websocket.connect"}
        await self._opened.wait()
        if self._ws is not None and self._closed is None:
            try:
                data = await self._ws.receive()
            except ConnectionClosed as error:
                if self._closed is None:
                    self._closed = error.code, error.reason
            else:
                if isinstance(data, str):
                    return {"type": "websocket.receive", "bytes": None, "text": data}
                return {"type": "websocket.receive", "bytes": data, "text": None}
        await trio.lowlevel.checkpoint()
        self._excuse()
        code, reason = self._closed or (1006, "")
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def send(self, message: Message) -> None:
        """Take an event of the application.

        Raises:
            ASGIError: It is out of order, or not what it should be.
            LocalProtocolError: It cannot be sent.
            ClientDisconnected: The WebSocket is closed.
        """
        kind = message.get("type")
        if kind == "websocket.send" and self.expects == OPEN:
            await self._send_message(message)
        elif kind == "websocket.close" and self.expects == OPEN:
            await self._close(message)
        elif self._closed is not None and self.expects == OVER:
            self._refuse()
        elif kind == "websocket.accept" and self.expects == DECISION:
            await self._accept(message)
        elif kind == "websocket.close" and self.expects == DECISION:
            self._decide(Response("this WebSocket is refused\n", status=403), then=OVER)
            self.drop(1006, "refused")
            await trio.lowlevel.checkpoint()
        elif kind == "websocket.http.response.start" and self.expects == DECISION:
            self._denial = status_of(message), headers_of(message), []
            self.expects = DENIAL_BODY
        elif kind == "websocket.http.response.body" and self.expects == DENIAL_BODY:
            await self._deny(message)
        else:
            unexpected(message, _EXPECTED[self.expects], _AFTER[self.expects])

    def _refuse(self) -> NoReturn:
        self._excuse()
        code, reason = self._closed or (1006, "")
        raise ClientDisconnected(f"{self._request!r}: the WebSocket is closed: {code} {reason}")

    def _excuse(self) -> None:
        if self.task is not None:
            self.task.excused = True

    def _decide(self, response: Response, *, then: int) -> None:
        self.response = response
        self.expects = then
        self.decided.set()

    async def _accept(self, message: Message) -> None:
        chosen = text_of(message, "subprotocol")
        if chosen is not None and chosen not in self._offered:
            offered = ", ".join(self._offered) or "none"
            raise ASGIError(f"'websocket.accept' has subprotocol={chosen!r}; the client offers: {offered}")
        headers = Headers.from_items(headers_of(message))
        if "sec-websocket-protocol" in headers:
            raise ASGIError("'websocket.accept' has Sec-WebSocket-Protocol among its headers; expected subprotocol=")
        response = WebSocketResponse(self.talk, subprotocols=() if chosen is None else (chosen,), headers=headers)
        self._decide(response, then=OPEN)
        await self._opened.wait()  # what follows is sent on it
        if self._ws is None:
            self._refuse()

    async def _deny(self, message: Message) -> None:
        assert self._denial is not None
        status, items, pieces = self._denial
        pieces.append(body_of(message))
        if not message.get("more_body"):
            response = Response(b"".join(pieces), status=status)
            response.headers = Headers.from_items(items)
            self._decide(response, then=OVER)
            self.drop(1006, "refused")
        await trio.lowlevel.checkpoint()

    async def _send_message(self, message: Message) -> None:
        data = body_of(message, "bytes") if message.get("bytes") is not None else None
        text = text_of(message, "text")
        if (data is None) == (text is None):
            raise ASGIError("'websocket.send' has both of bytes and text, or none; expected one of the two")
        assert self._ws is not None
        try:
            await self._ws.send(text if data is None else data)  # type: ignore[arg-type]  # one of the two is there
        except ConnectionClosed as error:
            self._closed = self._closed or (error.code, error.reason)
            self.expects = OVER
            self._excuse()
            raise ClientDisconnected(f"{self._request!r}: {error}") from error

    async def _close(self, message: Message) -> None:
        code = message.get("code", 1000)
        if not isinstance(code, int):
            raise ASGIError(f"'websocket.close' has code={code!r}; expected an int")
        reason = text_of(message, "reason") or ""
        self.expects = OVER
        self._closed = self._closed or (code, reason)
        assert self._ws is not None
        await self._ws.close(code, reason)
