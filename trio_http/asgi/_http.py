"""One HTTP exchange of an application: what ``receive()`` gives, what ``send()`` takes, and in which order.

It knows nothing of how the application is run, nor of where its answer goes (an :class:`Outlet`).

How it works
------------
* ``receive()`` gives the body as it comes, then waits until the client leaves or the answer is complete, and says
  ``http.disconnect``. Several tasks may call it: the body goes piece by piece to one after the other, the end of the
  exchange to all of them.
* ``send()`` sends nothing before the first message with a body, as the specification wants: so an application that
  fails before it is answered with 500.
* A fault of the request (a body too large, a broken chunk, silence) is the server's to answer. The application is told
  what it knows: ``http.disconnect``, and :class:`ClientDisconnected` for whatever it sends from then on.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from typing import final

import trio

from .._errors import HTTPError, TransportError, WriteTimeout
from .._files import FileBody, Snapshot, open_file
from ..messages import Content, Request, disk_limiter
from ..semantics import HeaderItem
from ._messages import ASGIError, ClientDisconnected, body_of, headers_of, status_of, text_of, unexpected
from ._outlet import Outlet
from ._types import Message

__all__ = ["HTTPSession"]

log = logging.getLogger("trio_http.asgi")

# what is expected of the application next
START, FIRST_BODY, BODY, TRAILERS, COMPLETE = range(5)
_AFTER = (
    "before its response was started",
    "after 'http.response.start'",
    "inside the body of its response",
    "after the body, with trailers announced",
    "after its response was complete",
)
_EXPECTED = (
    "'http.response.start'",
    "'http.response.body' or 'http.response.pathsend'",
    "'http.response.body'",
    "'http.response.trailers'",
    "nothing more",
)


@final
class HTTPSession:
    """The two ends of one exchange.

    Args:
        request: The request; an attribute, too.
        outlet: Where the answer goes.
        on_wait: Called when a task begins to wait for the end of the exchange; whoever sees the client leave has to
            call :meth:`leave` from then on.

    Attributes:
        expects: What the application has to send next.
        status: Of the answer.
        items: Its fields.
        fault: What was wrong with the request; None as long as nothing is.
        lost: Why the answer could not be sent; None as long as it could.
        gone: True once the client has left, as far as the application is concerned.
    """

    __slots__ = (
        "_body_over",
        "_lock",
        "_on_wait",
        "_outlet",
        "_trailers",
        "_waiting",
        "expects",
        "fault",
        "gone",
        "items",
        "lost",
        "request",
        "status",
    )

    def __init__(self, request: Request, outlet: Outlet, on_wait: Callable[[HTTPSession], None] | None = None) -> None:
        # Hot: once per request.
        self.request = request
        self._outlet = outlet
        self._on_wait = on_wait
        self.expects = START
        self._body_over = False
        self._trailers: list[HeaderItem] | None = None  # None: none were announced
        self._lock: trio.Lock | None = None
        self._waiting: trio.Event | None = None  # for the end, one way or the other
        self.status = 500
        self.items: list[HeaderItem] = []
        self.fault: HTTPError | None = None
        self.lost: HTTPError | None = None
        self.gone = False

    @property
    def started(self) -> bool:
        """True once something of the answer has been given away."""
        return self.expects >= BODY

    @property
    def complete(self) -> bool:
        """True once the answer is complete."""
        return self.expects == COMPLETE

    def unanswered(self) -> ASGIError | None:
        """Return what is wrong with an application that has returned; None if nothing is."""
        if self.expects == COMPLETE or self.gone:
            return None
        return ASGIError(f"the application returned {_AFTER[self.expects]}; expected {_EXPECTED[self.expects]}")

    @property
    def listened(self) -> bool:
        """True if somebody waits to be told of the end."""
        return self._waiting is not None and self._waiting.statistics().tasks_waiting > 0

    def leave(self) -> None:
        """Say that the client has left: whoever waits in ``receive()`` is told."""
        self.gone = True
        self._body_over = True
        if self._waiting is not None:
            self._waiting.set()

    # ---------------------------------------------------------------- receive()

    async def receive(self) -> Message:
        """Wait for the next event: a piece of the body, or the end of the exchange.

        Cancellation:
            Loses nothing.
        """
        if not self._body_over and self.expects != COMPLETE:
            if self._lock is None:
                self._lock = trio.Lock()
            async with self._lock:
                if not self._body_over:
                    message = await self._receive_body()
                    if message is not None:
                        return message
        return await self._receive_end()

    async def _receive_body(self) -> Message | None:
        body = self.request.body
        try:
            data = await body.receive_some()
        except HTTPError as error:
            # Also what a client does that leaves in the midst of its body.
            log.info("%r: %s", self.request, error)
            self.fault = error
            self.leave()
            return None
        length = body.length
        more = bool(data) and (length is None or body.received < length)
        self._body_over = not more
        return {"type": "http.request", "body": data, "more_body": more}

    async def _receive_end(self) -> Message:
        if self.gone or self.expects == COMPLETE:
            await trio.lowlevel.checkpoint()
        else:
            if self._waiting is None:
                self._waiting = trio.Event()
                if self._on_wait is not None:
                    self._on_wait(self)
            await self._waiting.wait()
        return {"type": "http.disconnect"}

    # ---------------------------------------------------------------- send()

    async def send(self, message: Message) -> None:
        """Take an event of the answer.

        Raises:
            ASGIError: It is out of order, or not what it should be.
            LocalProtocolError: HTTP does not allow it.
            ClientDisconnected: Nobody is there any more.

        Cancellation:
            The answer cannot be finished then.
        """
        # Hot: twice per request.
        kind = message.get("type")
        expects = self.expects
        if expects == START:
            if kind == "http.response.start":
                self.status = status_of(message)
                self.items = headers_of(message)
                if message.get("trailers"):
                    self._announce_trailers()
                self.expects = FIRST_BODY
                return
        elif kind == "http.response.body" and expects <= BODY:
            data = body_of(message)
            more = message.get("more_body")
            if self.gone:
                self._refuse()
            try:
                if more or self._trailers is not None or expects == BODY:
                    await self._send_piece(data, more=bool(more))
                else:
                    await self._outlet.push_whole(self.status, _framed(self.items, data), data)
                    self._completed()
            except (TransportError, WriteTimeout) as error:
                self._lost(error)
            return
        await self._send_rarer(kind, message)

    def _announce_trailers(self) -> None:
        self._trailers = []
        if self.request.supports_http_1_1:  # only chunks carry them (RFC 9110 section 6.5)
            self.items = [item for item in self.items if item[1] != b"content-length"]

    @property
    def has_trailers(self) -> bool:
        """True if trailers were announced."""
        return self._trailers is not None

    def _refuse(self) -> None:
        raise ClientDisconnected(f"{self.request!r}: the client has left: there is nobody to send to")

    def _lost(self, error: HTTPError) -> None:
        self.lost = error
        self.leave()
        raise ClientDisconnected(f"{self.request!r}: the client has left: {error}") from error

    async def _send_piece(self, data: bytes, *, more: bool) -> None:
        if self.expects == FIRST_BODY:
            self.expects = BODY  # before it is sent: if that fails nobody can tell how much has left
            await self._outlet.push_head(self.status, self.items, data)
        else:
            await self._outlet.push_chunk(data)
        if more:
            return
        if self._trailers is not None:
            self.expects = TRAILERS
        else:
            await self._end(())

    async def _end(self, trailers: list[HeaderItem] | tuple[()]) -> None:
        await self._outlet.push_end(trailers)
        self._completed()

    def _completed(self) -> None:
        self.expects = COMPLETE
        if self._waiting is not None:
            self._waiting.set()

    async def _send_rarer(self, kind: object, message: Message) -> None:
        expects = self.expects
        if kind == "http.response.debug":  # templates and their contexts, for tests: nobody here wants them
            log.debug("%r: %r", self.request, message.get("info"))
            return
        try:
            if kind == "http.response.early_hint" and expects <= FIRST_BODY:
                await self._send_hints(message)
            elif kind == "http.response.pathsend" and expects == FIRST_BODY:
                await self._send_file(message)
            elif kind == "http.response.trailers" and expects == TRAILERS and self._trailers is not None:
                self._trailers += headers_of(message)
                if not message.get("more_trailers"):
                    if self.gone:
                        self._refuse()
                    await self._end(self._trailers)
            else:
                unexpected(message, _EXPECTED[expects], _AFTER[expects])
        except (TransportError, WriteTimeout) as error:
            self._lost(error)

    async def _send_hints(self, message: Message) -> None:
        links = message.get("links", ())
        pairs = [(b"link", link) for link in links]
        items = headers_of({"type": message["type"], "headers": pairs})
        if self.gone:
            self._refuse()
        await self.request.inform(103, [(raw, value) for raw, _, value in items])

    async def _send_file(self, message: Message) -> None:
        path = text_of(message, "path")
        if path is None:
            raise ASGIError("'http.response.pathsend' has no path; expected the absolute path of a file")
        if self.gone:
            self._refuse()
        limiter = disk_limiter()
        try:
            snapshot = await trio.to_thread.run_sync(_look_at, path, limiter=limiter)
        except OSError as error:
            raise ASGIError(f"'http.response.pathsend': {path!r} cannot be read: {error}") from error
        await self._send_piece(b"", more=True)
        parts = [(0, snapshot.size)] if snapshot.size else []
        try:
            await self._outlet.push_content(Content(FileBody(snapshot, parts, limiter)))
        except HTTPError:
            raise
        except OSError as error:  # which frameworks would take for a client that has left
            raise ASGIError(f"'http.response.pathsend': {path!r} could not be read to its end: {error}") from error
        await self._send_piece(b"", more=False)


def _look_at(path: str) -> Snapshot:
    """Find out whether a file can be read, while an error can still be answered. Blocks."""
    descriptor, found = open_file(path)
    os.close(descriptor)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder", path)
    return Snapshot(path, None, found)


def _framed(items: list[HeaderItem], data: bytes) -> list[HeaderItem]:
    """Leave a Content-Length out that says what the server is going to say anyway."""
    # Hot: with it the answer could not take the short way. A wrong one stays, and is refused further down.
    for index, item in enumerate(items):
        if item[1] == b"content-length":
            if item[2] == b"%d" % len(data):
                return [*items[:index], *items[index + 1 :]]
            break
    return items
