"""CONNECT for applications: an exchange of the type ``http`` whose body is a tunnel.

The specification has no word for it. Here the scope's path is ``host:port``. With the first ``http.response.body`` of
a 2xx answer the head leaves, without any framing, and from then on the connection is the application's: its bodies are
sent as they are, ``receive()`` gives what comes as ``http.request``, and the raw stream is
``scope["extensions"]["trio_http.transport"]``, for those who want a trio stream. Any other status refuses.
"""

from __future__ import annotations

from typing import Any, NoReturn, final

import trio

from .._errors import LocalProtocolError
from ..messages import Request, Response, UpgradeResponse
from ..semantics import HeaderItem, Headers
from ._messages import ASGIError, ClientDisconnected, body_of, headers_of, status_of, unexpected
from ._scope import connect_scope
from ._task import AppTask
from ._types import ASGIApplication, Message

__all__ = ["open_tunnel"]

START, FIRST_BODY, REFUSAL, TUNNEL, OVER = range(5)
_EXPECTED = (
    "'http.response.start'",
    "'http.response.body'",
    "'http.response.body'",
    "'http.response.body'",
    "nothing more",
)
_AFTER = (
    "before CONNECT was answered",
    "after 'http.response.start'",
    "inside the body of its refusal",
    "in its tunnel",
    "after the end of its answer",
)


async def open_tunnel(request: Request, app: ASGIApplication) -> Response:
    """Ask an application about a CONNECT request; return its answer, which may be the tunnel.

    Raises:
        ASGIError: It gave no answer.
        Exception: What it raised instead.

    Cancellation:
        Cancels the application.
    """
    session = _Session(request)
    task = session.task = AppTask(request, app, session.ended, session.dropped)
    await task.start(connect_scope(request, session.stream), session.receive, session.send)
    try:
        await session.decided.wait()
    except BaseException:
        session.drop()
        task.cancel()
        raise
    if session.response is None:
        task.handled = True
        after, expected = _AFTER[session.expects], _EXPECTED[session.expects]
        raise task.failure or ASGIError(f"the application returned {after}; expected {expected}")
    return session.response


@final
class _Transport(trio.abc.HalfCloseableStream):
    """The raw stream of a tunnel; usable once the head of the answer has left."""

    def __init__(self) -> None:
        self._stream: trio.abc.HalfCloseableStream | None = None

    def open(self, stream: trio.abc.HalfCloseableStream) -> None:
        """There it is."""
        self._stream = stream

    def _opened(self) -> trio.abc.HalfCloseableStream:
        if self._stream is None:
            raise LocalProtocolError(
                "the tunnel is not open yet: send 'http.response.start' with a 2xx status, "
                "then 'http.response.body' with more_body=True"
            )
        return self._stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything."""
        await self._opened().send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending might not block."""
        await self._opened().wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Wait for bytes."""
        return await self._opened().receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        await self._opened().send_eof()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._stream is None:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.aclose()


@final
class _Session:
    """The two ends of one tunnel."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.task: AppTask | None = None
        self.stream = _Transport()
        self.expects = START
        self.decided = trio.Event()
        self.response: Response | None = None
        self._opened = trio.Event()
        self._gone = False
        self._asked = False
        self._status = 200
        self._items: list[HeaderItem] = []
        self._pieces: list[bytes] = []

    # ---------------------------------------------------------------- the server's side

    def ended(self) -> None:
        """The application is over."""
        self.decided.set()
        if self.task is not None and self.expects != OVER:
            self.task.handled = True  # open_tunnel() or talk() tells of it

    def dropped(self) -> None:
        """The exchange is over, and nobody has opened the tunnel that the application granted."""
        if self.expects == TUNNEL and not self._opened.is_set():
            self.drop()
            if self.task is not None:
                self.task.cancel_soon()

    def drop(self) -> None:
        """There is nobody at the other end."""
        self.expects = OVER
        self._gone = True
        self._opened.set()

    async def talk(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Let the application talk until it is over."""
        task = self.task
        assert task is not None
        self.stream.open(stream)
        self._opened.set()
        try:
            await task.over.wait()
        except BaseException:
            task.handled = True
            task.cancel()
            self.drop()
            raise
        if task.failure is not None and task.handled and not task.excused:
            raise task.failure

    # ---------------------------------------------------------------- the application's side

    async def receive(self) -> Message:
        """Wait for the next event: bytes of the tunnel, or its end. Before it is open: CONNECT has no body."""
        if not self._asked and self.expects < TUNNEL:
            self._asked = True
            await trio.lowlevel.checkpoint()
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._opened.wait()
        data: Any = b""
        if not self._gone:
            try:
                data = await self.stream.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._gone = True
        if data:
            return {"type": "http.request", "body": bytes(data), "more_body": True}
        await trio.lowlevel.checkpoint()
        self._excuse()
        return {"type": "http.disconnect"}

    def _excuse(self) -> None:
        if self.task is not None:
            self.task.excused = True  # it knows that nobody is there: what it raises now is its way to end

    async def send(self, message: Message) -> None:
        """Take an event of the application.

        Raises:
            ASGIError: It is out of order, or not what it should be.
            ClientDisconnected: Nobody is there any more.
        """
        kind = message.get("type")
        if self._gone:
            self._refuse()
        if kind == "http.response.start" and self.expects == START:
            self._status, self._items = status_of(message), headers_of(message)
            self.expects = FIRST_BODY if self._status < 300 else REFUSAL
        elif kind == "http.response.body" and FIRST_BODY <= self.expects <= TUNNEL:
            data, more = body_of(message), bool(message.get("more_body"))
            if self.expects == REFUSAL:
                await self._deny(data, more=more)
            else:
                await self._pass_on(data, more=more)
        else:
            unexpected(message, _EXPECTED[self.expects], _AFTER[self.expects])

    def _refuse(self) -> NoReturn:
        self._excuse()
        raise ClientDisconnected(f"{self._request!r}: the client has left: there is nobody to send to")

    async def _deny(self, data: bytes, *, more: bool) -> None:
        self._pieces.append(data)
        if not more:
            response = Response(b"".join(self._pieces), status=self._status)
            response.headers = Headers.from_items(self._items)
            self.response = response
            self.drop()
            self.decided.set()
        await trio.lowlevel.checkpoint()

    async def _pass_on(self, data: bytes, *, more: bool) -> None:
        if self.expects == FIRST_BODY:
            response = UpgradeResponse(None, self.talk)
            response.headers = Headers.from_items(self._items)
            self.response = response
            self.expects = TUNNEL
            self.decided.set()
            await self._opened.wait()
            if self._gone:
                self._refuse()
        try:
            if data:
                await self.stream.send_all(data)
            if not more:
                self.expects = OVER
                await self.stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._gone = True
            self._excuse()
            raise ClientDisconnected(f"{self._request!r}: the client has left: {error}") from error
