"""An HTTP application behind a handler: its answer becomes a Response, which middleware sees before it is sent.

The application runs in a task of its own, because a handler has to return before the body is sent, and an application
does not. Where nothing stands around the handler this is not needed: then it pushes (see `_handler.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import trio

from .._errors import WriteError
from ..messages import Content, Request, Response, SendChunk
from ..semantics import HeaderItem, Headers
from ..wire import NO_BODY
from ._http import HTTPSession
from ._messages import ASGIError
from ._task import AppTask
from ._types import ASGIApplication, Scope

__all__ = ["Beside"]


@final
class Beside:
    """One exchange of an application beside its handler; an :class:`Outlet`.

    Args:
        request: The request.
        app: The application.
        cancel: Whether it is cancelled when nobody wants its answer any more.
    """

    def __init__(self, request: Request, app: ASGIApplication, *, cancel: bool) -> None:
        self._request = request
        self._session = HTTPSession(request, self)
        self._task = AppTask(request, app, self._ended, self._dropped)
        self._cancel = cancel
        self._begun = trio.Event()  # there is a response, or there will be none
        self._response: Response | None = None
        self._whole = False  # the end of the body has come
        self._discard = False  # what comes has no body: HEAD, 204, 304
        self._left = False
        self._send, self._receive = trio.open_memory_channel[bytes](0)

    async def respond(self, scope: Scope) -> Response:
        """Run the application until it has begun to answer; return the answer.

        Raises:
            ASGIError: It returned without one.
            Exception: What it raised before.

        Cancellation:
            The application is told that its client has left.
        """
        session = self._session
        await self._task.start(scope, session.receive, session.send)
        try:
            await self._begun.wait()
        except BaseException:
            self.leave()
            raise
        if self._response is not None:
            return self._response
        self._task.handled = True
        raise self._failure()

    def leave(self) -> None:
        """Nobody wants the rest of the answer."""
        if self._left:
            return
        self._left = True
        listened = self._session.listened
        self._session.leave()
        self._task.excused = True
        self._receive.close()
        if self._cancel and not listened:
            self._task.cancel()
        elif self._cancel:
            self._task.cancel_soon()

    def _dropped(self) -> None:
        if not self._whole:
            self.skip()

    def _ended(self) -> None:
        self._begun.set()
        self._send.close()
        if not self._whole:
            self._task.handled = True  # the handler or the body tells of it

    # ---------------------------------------------------------------- the answer, as it is pushed

    async def push_whole(self, status: int, items: list[HeaderItem], data: bytes) -> None:
        """Take a whole answer."""
        self._give(status, items, data)
        self._whole = True
        await trio.lowlevel.checkpoint()

    async def push_head(self, status: int, items: list[HeaderItem], first: bytes) -> None:
        """Take a head and the first bytes of the body."""
        self._discard = self._request.method == "HEAD" or status in NO_BODY
        response = self._give(status, items, None)
        if self._session.has_trailers:
            response.trailers_to_send = Headers()
        response.replace_body(_Rest(self))
        await self.push_chunk(first)

    async def push_chunk(self, data: bytes) -> None:
        """Take more of the body."""
        if self._discard or not data:
            await trio.lowlevel.checkpoint()
            return
        try:
            await self._send.send(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise WriteError("nobody wants the rest of the answer") from None

    async def push_content(self, content: Content) -> None:
        """Take more of the body from where it comes."""
        await (content.aclose() if self._discard else content.send_to(self.push_chunk))

    async def push_end(self, trailers: Sequence[HeaderItem]) -> None:
        """Take the end."""
        response = self._response
        assert response is not None
        if response.trailers_to_send is not None:
            for item in trailers:
                response.trailers_to_send.add_item(item)
        self._whole = True
        self._send.close()
        await trio.lowlevel.checkpoint()

    def _give(self, status: int, items: list[HeaderItem], data: bytes | None) -> Response:
        response = Response(data, status=status)
        response.headers = Headers.from_items(items)
        self._response = response
        self._begun.set()
        return response

    async def pour(self, send: SendChunk) -> None:
        """Send the body on, for the server."""
        try:
            async for data in self._receive:
                await send(data)
            await self._finished()
        except BaseException:
            self.leave()
            raise

    async def _finished(self) -> None:
        if not self._whole:
            await self._task.over.wait()
            raise self._failure()

    def _failure(self) -> Exception:
        session = self._session
        return (
            session.fault
            or self._task.failure
            or session.unanswered()
            or ASGIError("the application was cancelled before its answer was complete")
        )

    def skip(self) -> None:
        """Nobody will read the body: either there is none by the rules of HTTP, or nobody is there."""
        if not self._discard:
            self.leave()


@final
class _Rest:
    """The body of a response that an application pushes; as a producer."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    async def __call__(self, send: SendChunk) -> None:
        await self._beside.pour(send)

    async def aclose(self) -> None:
        self._beside.skip()
        await trio.lowlevel.checkpoint()
