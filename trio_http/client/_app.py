"""Requests to a handler in this process: no socket, no bytes on a wire, the same deadlines and errors.

The handler runs in the task of the caller, so it sees his cancellation and his context variables; a body that is
produced piece by piece, on either side, comes through a channel from a task in the client's nursery. There, too, runs
what a handler leaves behind with ``request.background()``: until it is done, or until the client's block is left.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar, TypeVarTuple, final

import trio

from .. import h1
from .._config import ServerLimits
from .._errors import BodyTooLarge, HTTPError, PoolError, ReadTimeout, StatusError, TotalTimeout
from ..messages import (
    Address,
    BareExchange,
    BodySource,
    Content,
    EmptySource,
    Handler,
    Request,
    Response,
    Timings,
    UpgradeResponse,
    WholeSource,
    no_response,
)
from ..semantics import Headers, HeadersInput, phrases
from ..transport import StreamTransport
from ..wire import UpgradedStream, response_head
from ._attempt import Head, too_large
from ._call import Call
from ._hooks import called
from ._inside_stream import InsideStream, inside_pair
from ._trace import ClientInstrument, Trace
from ._upload import Upload

__all__ = ["AppAttempt"]

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")

log = logging.getLogger("trio_http.client")

TALK_GRACE = 1.0  # seconds for what talks at the other side to end by itself

_SERVER = ServerLimits()


@final
class _Pipe:
    """A body on its way between two tasks, as a source."""

    def __init__(self, content: Content, nursery: trio.Nursery, name: str) -> None:
        self._send, self._receive = trio.open_memory_channel[bytes](0)
        self._content = content
        self._name = name
        self._is_whole = False
        self.upload = Upload()
        self.length: int | None = content.length
        self.trailers: Headers | None = None
        nursery.start_soon(self.upload.run, self._pour, name=name)

    async def _pour(self) -> None:
        async def send(chunk: bytes) -> None:
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise TypeError(f"a piece of a body is bytes, not {type(chunk).__name__}: {chunk!r:.60}")
            if chunk:
                await self._send.send(bytes(chunk))

        async with self._send:
            await self._content.send_to(send)
            self._is_whole = True

    async def receive_chunk(self) -> bytes:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            await self.upload.done.wait()
            if self.upload.error is not None:
                raise self.upload.error from None
            if not self._is_whole:  # its task has been cancelled: that is no end
                raise PoolError(f"{self._name}: the client was closed before its end") from None
            return b""

    async def aclose(self) -> None:
        self._receive.close()
        await self.upload.stop()


@final
class _Capped:
    """The body of a request under the limit that a server would have, or that the handler has set."""

    def __init__(self, source: BodySource, limit: int | None, what: str) -> None:
        self._source = source
        self._limit = limit
        self._what = what
        self._count = 0
        self.length = source.length

    @property
    def trailers(self) -> Headers | None:
        return self._source.trailers

    async def receive_chunk(self) -> bytes:
        if self._limit is not None and self.length is not None and self.length > self._limit:
            raise self._too_large(f"it has {self.length}")
        piece = await self._source.receive_chunk()
        self._count += len(piece)
        if self._limit is not None and self._count > self._limit:
            raise self._too_large(f"{self._count} have come and there are more")
        return piece

    def _too_large(self, found: str) -> BodyTooLarge:
        return BodyTooLarge(
            f"{self._what}: the body is larger than the {self._limit} bytes that the handler takes "
            f"(request.limit_body(), or ServerLimits.body): {found}",
            limit=self._limit,
        )

    async def aclose(self) -> None:
        await self._source.aclose()


@final
class _InProcess(BareExchange):
    """What the handler may ask of the exchange."""

    peer: Address = ("127.0.0.1", 0)

    def __init__(self, attempt: AppAttempt, scheme: str) -> None:
        self._attempt = attempt
        self._body_limit = _SERVER.body
        self.scheme = scheme

    def open_body(self) -> BodySource:
        return self._attempt.open_request_body(self._body_limit)

    def limit_body(self, limit: int | None) -> None:
        self._body_limit = limit

    async def enter(self, manager: AbstractAsyncContextManager[_T]) -> _T:
        return await self._attempt.contexts.enter_async_context(manager)

    def background(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        self._attempt.background(fn, args)

    async def inform(self, status: int, headers: Headers) -> None:
        told = self._attempt.call.on_informational
        if told is not None:
            await called(told, status, headers)
        await trio.lowlevel.checkpoint()


@final
class AppAttempt:
    """One request to a handler; see :class:`~trio_http.client._attempt.Attempt`.

    Args:
        call: The request.
        app: The handler.
        nursery: Where bodies are produced.
        instruments: Told of each phase.
        ended: Told once when it is over.
    """

    def __init__(
        self,
        call: Call,
        app: Handler,
        nursery: trio.Nursery,
        instruments: Sequence[ClientInstrument],
        ended: Callable[[AppAttempt], object],
    ) -> None:
        self.call = call
        self._tell_ended = ended
        self.timings = Timings(call.began)
        self.timings.acquired = trio.current_time()
        self._trace = Trace(instruments, call, self.timings) if instruments else None
        self._received = 0
        self._app = app
        self._nursery = nursery
        self._pipes: list[_Pipe] = []
        self._data: bytes | None = None
        self._pipe: _Pipe | None = None
        self._trailers: Headers | None = None
        self._request: Request | None = None
        self._stream: InsideStream | None = None
        self._talk: Upload | None = None
        self._waiting: trio.CancelScope | None = None
        self._closed = False
        self.over = False
        self.contexts = AsyncExitStack()

    def background(self, fn: Callable[..., Awaitable[object]], args: tuple[object, ...]) -> None:
        """Run a function in the client's nursery; its failure is logged, and harms nobody else."""

        async def run() -> None:
            try:
                await fn(*args)
            except* Exception as group:
                error = group.exceptions[0] if len(group.exceptions) == 1 else group
                log.error("background work of %s failed", self.call, exc_info=error)

        self._nursery.start_soon(run, name=f"background of {self.call}")

    def open_request_body(self, limit: int | None) -> BodySource:
        """Return the body as the handler reads it."""
        content = self.call.content
        if content.data is None:
            source: BodySource = self._piped(content, "request")
        elif content.data:
            source = WholeSource(content.data)
        else:
            return EmptySource()
        return _Capped(source, limit, str(self.call))

    def _piped(self, content: Content, what: str) -> _Pipe:
        pipe = _Pipe(content, self._nursery, f"{what} body of {self.call}")
        self._pipes.append(pipe)
        return pipe

    async def perform(self) -> Head:
        """Call the handler and return the head of its response.

        Raises:
            Exception: What the handler raised, but for a StatusError, which is an answer.
            ReadTimeout, TotalTimeout: It took too long.
            PoolError: The client was closed meanwhile.
        """
        call = self.call
        headers = Headers.from_items(call.items)
        if call.upgrade is not None:
            headers["Upgrade"] = call.upgrade.decode("ascii")
            headers["Connection"] = "Upgrade"
        if call.content.length is not None and (call.content.length or call.method in {"POST", "PUT", "PATCH"}):
            headers.setdefault("Content-Length", str(call.content.length))
        exchange = _InProcess(self, call.to.origin.scheme)
        request = Request.received(call.method.encode("ascii"), call.to.target, headers.items_list, b"1.1", exchange)
        self._request = request
        trace = self._trace
        if trace is not None:
            trace.phase_began("wait")
        try:
            response = await self._in_time(self._ask, request)
            if not isinstance(response, Response):
                raise TypeError(f"{call}: the handler {no_response(response)}")
            if isinstance(response, UpgradeResponse):
                response = response.agree(request)
            if isinstance(response, UpgradeResponse) and not _is_asked_for(response, request):
                response = _refused(response)
            self.timings.sent = self.timings.answered = trio.current_time()
            if trace is not None:
                trace.answered(response.status)
            return self._switch(response) if isinstance(response, UpgradeResponse) else await self._take(response)
        except BaseException as error:
            if trace is not None:
                trace.ended(error, complete=False, received=0)
            await self.abandon()
            raise

    async def _ask(self, request: Request) -> Response:
        try:
            return await self._app(request)
        except StatusError as error:
            if error.response is not None:
                raise
            return _answer(error.status, error.detail or phrases.get(error.status, ""), error.headers)
        except BodyTooLarge as error:
            return _answer(413, f"at most {error.limit} bytes are accepted")

    async def _in_time(self, wait: Callable[[*_Args], Awaitable[_T]], *args: *_Args) -> _T:
        """Wait for the handler, or for its body, as long as there is time and the client is open."""
        call = self.call
        read = call.terms.timeouts.read
        begun = trio.current_time()
        with trio.CancelScope(
            deadline=call.latest if read is None else min(call.latest, begun + read)
        ) as self._waiting:
            if self._closed:
                self._waiting.cancel()
            return await wait(*args)
        if self._closed:
            raise PoolError(f"{call}: the client was closed while this request was under way")
        raise self._timeout(read, begun)

    async def _take(self, response: Response) -> h1.Response:
        """Keep the body of a response, and return its head."""
        call = self.call
        content = response.outgoing
        if call.method == "HEAD" or response.status in {204, 304}:
            await content.aclose()
            self._data = b""
        elif content.data is not None:
            self._data = content.data
        else:
            self._trailers = response.trailers_to_send
            self._pipe = self._piped(content, "response")
        items = [item for item in response.headers.items_list if item[1] != b"transfer-encoding"]
        if content.data is not None and not any(item[1] == b"content-length" for item in items):
            items = [*items, (b"Content-Length", b"content-length", b"%d" % len(content.data))]
        return response_head(response, items)

    def close_now(self) -> None:
        """End what is waited for, in whichever task, with a PoolError: the client is closed."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()

    def _switch(self, response: UpgradeResponse) -> h1.InformationalResponse:
        """Let the function that the response brought talk at the other end of a connection."""
        self._stream, theirs = inside_pair()

        async def talk() -> None:
            try:
                await response.take_over(theirs)
            except Exception:
                log.exception("%s: failed after the switch of protocols", self.call)
            finally:
                await trio.aclose_forcefully(theirs)

        self._talk = Upload()
        self._nursery.start_soon(self._talk.run, talk, name=f"the other side of {self.call}")
        lines = [*response.headers.items_list, (b"Connection", b"connection", b"upgrade")]
        return h1.InformationalResponse(status_code=101, headers=h1.Headers(lines), reason=b"Switching Protocols")

    async def _end_talk(self) -> None:
        """Hang up, and give the function a moment to notice it."""
        if self._stream is not None and self._talk is not None:
            await trio.aclose_forcefully(self._stream)
            with trio.CancelScope(deadline=trio.current_time() + TALK_GRACE, shield=True):
                await self._talk.done.wait()
            await self._talk.stop()

    def _timeout(self, read: float | None, begun: float) -> HTTPError:
        call = self.call
        if read is None or call.latest < begun + read:
            return TotalTimeout(
                f"{call}: not over after {call.total:g} s in all (timeout={call.total:g}); the handler is still busy",
                limit=call.total,
            )
        return ReadTimeout(f"{call}: the handler has not answered for {read:g} s (ClientTimeouts.read)", limit=read)

    def switched(self) -> UpgradedStream:
        """Return our end of the connection to the function that took over."""
        assert self._stream is not None
        return UpgradedStream(StreamTransport(self._stream))

    @property
    def has_body(self) -> bool:
        """True while there may be bytes of a body to read."""
        return not self.over and (self._pipe is not None or bool(self._data))

    @property
    def body_length(self) -> int | None:
        """Bytes of the body; None where only the end will tell."""
        return len(self._data) if self._data is not None else None

    async def receive_chunk(self) -> bytes | h1.EndOfMessage:
        """Wait for the next piece of the body."""
        try:
            data = await self._in_time(self._receive)
        except HTTPError as error:
            if self._trace is not None:
                self._trace.ended(error, complete=False, received=self._received)
            await self.abandon()
            raise
        self._received += len(data)
        if not data:
            await self.finish()
            return h1.EndOfMessage(headers=() if self._trailers is None else self._trailers.raw)
        return data

    async def _receive(self) -> bytes:
        if self._pipe is not None:
            return await self._pipe.receive_chunk()
        await trio.lowlevel.checkpoint()
        data, self._data = self._data or b"", b""
        return data

    async def read_whole(self, limit: int | None) -> tuple[bytes, Headers | None]:
        """Return the whole body."""
        pieces: list[bytes] = []
        count = 0
        try:
            while not isinstance(piece := await self.receive_chunk(), h1.EndOfMessage):
                count += len(piece)
                if limit is not None and count > limit:
                    raise too_large(self.call, limit, f"{count} bytes have come and there are more")
                pieces.append(piece)
        except BaseException:
            await self.abandon()
            raise
        return b"".join(pieces), self._trailers

    def stop_the_clock(self) -> None:
        """Let the time in all count no more."""
        self.call.latest = math.inf

    def finish_nowait(self) -> bool:
        """Nothing can be given back at once: tasks may have to end."""
        return self.over

    async def finish(self) -> None:
        """End."""
        if self._trace is not None:
            self._trace.ended(None, complete=True, received=self._received)
        await self.abandon()

    async def abandon(self) -> None:
        """End: the tasks that produce bodies are stopped."""
        if self.over:
            return
        self.over = True
        self._tell_ended(self)
        self.timings.ended = trio.current_time()
        if self._trace is not None:
            self._trace.ended(None, complete=False, received=self._received)
        if self._request is not None:
            self._request.end()
        await self._end_talk()
        for pipe in self._pipes:
            await pipe.aclose()
        await self.contexts.aclose()


def _is_asked_for(response: UpgradeResponse, request: Request) -> bool:
    asked = [each.strip().lower() for each in (request.headers.get("upgrade") or "").split(",")]
    return response.protocol is not None and response.protocol.lower() in asked


def _refused(response: UpgradeResponse) -> Response:
    if response.protocol is None:
        return Response("this is for CONNECT\n", status=405)
    return Response(f"this is {response.protocol}: ask for it\n", status=426, headers={"Upgrade": response.protocol})


def _answer(status: int, text: str, headers: HeadersInput | None = None) -> Response:
    response = Response(text, status=status)
    for name, value in Headers(headers).get_all():
        response.headers.add(name, value)
    return response
