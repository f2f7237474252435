"""One request that an ASGI server brings to a handler of ours: its exchange, its body, its answer.

How it works
------------
* All calls of ``receive()`` are made by one task, which hands pieces of the body to whoever reads, one at a time, and
  sees the client leave. Where the handler leaves a piece unread, what follows it is not seen.
* Background work runs in the nursery of the lifespan where the server has one, else in one of this request: the call of
  the application then ends with the last of it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar, final

import trio

from .._errors import BodyTooLarge, IncompleteBody, StatusError
from ..messages import (
    Address,
    BareExchange,
    BodySource,
    CancelReason,
    EmptySource,
    Handler,
    Request,
    Response,
    Serving,
    UpgradeResponse,
    no_response,
)
from ..semantics import HeaderItem, Headers
from ..server._answers import answer, answer_to_status_error, only_leaf
from ..server._coding import compressed
from ..wire import NO_BODY
from ._types import Message, Receive, Scope, Send

__all__ = ["HostedExchange", "answer_http", "request_of", "response_to"]

log = logging.getLogger("trio_http.asgi")

T = TypeVar("T")

_HOP = frozenset((b"connection", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"upgrade"))


@final
class HostedExchange(BareExchange):
    """What a handler may ask of a request that an ASGI server has brought.

    Args:
        scope: The scope.
        send: Where informational answers go.
        server: What handlers see as the server.
        state: What the lifespan provides.
        work: Where background work runs.
        max_body: The largest body that is taken; None for any.
    """

    def __init__(
        self,
        scope: Scope,
        send: Send,
        server: Serving,
        state: Mapping[str, Any],
        work: trio.Nursery,
        max_body: int | None,
    ) -> None:
        client, local = scope.get("client"), scope.get("server")
        self.peer: Address = (client[0], client[1]) if client else None
        self.local: Address = None if not local else local[0] if local[1] is None else (local[0], local[1])
        self.scheme = "https" if scope["scheme"] in {"https", "wss"} else "http"
        self.server = server
        self.state = state
        self.cancel_reason: CancelReason | None = None
        self.entered = AsyncExitStack()
        self.scope = trio.CancelScope()
        self._hints = "http.response.early_hint" in (scope.get("extensions") or {})
        self._send = send
        self._work = work
        self._max_body = max_body
        self._cancels = True
        self.body_complete = False
        self._pieces, self._body = trio.open_memory_channel[bytes](0)
        self._length = _declared_length(scope)

    def open_body(self) -> BodySource:
        """Return the source of the body."""
        return EmptySource() if self._length == 0 else _HostedBody(self, self._body, self._length, self._max_body)

    def limit_body(self, limit: int | None) -> None:
        """Take so many bytes of body."""
        self._max_body = limit

    def set_cancel_on_disconnect(self, cancel: bool) -> None:
        """Say whether the handler is cancelled when its client leaves."""
        self._cancels = cancel

    async def inform(self, status: int, headers: Headers) -> None:
        """Send early hints, where the server can; ASGI knows no other informational answer."""
        if status == 103 and self._hints:
            links = [value for _, name, value in headers.items_list if name == b"link"]
            await self._send({"type": "http.response.early_hint", "links": links})
        else:
            await trio.lowlevel.checkpoint()

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter a context that ends when the answer has been sent."""
        return await self.entered.enter_async_context(manager)

    def background(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run a function beside the exchange."""
        if self.server is not None and self.server.shutting_down.is_set():
            raise RuntimeError(f"{fn!r} cannot run in the background: the server is shutting down")

        async def run() -> None:
            try:
                await fn(*args)
            except* Exception as group:  # beside a cancellation, too, which goes on its way
                log.error("background work %r failed", fn, exc_info=only_leaf(group))

        self._work.start_soon(run)

    async def pump(self, receive: Receive) -> None:
        """Receive until the client leaves; for a task of its own."""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                self._pieces.close()
                if self._cancels:
                    self.cancel_reason = "client_gone"
                    self.scope.cancel()
                return
            more = bool(message.get("more_body"))
            if data := message.get("body"):
                await self._pieces.send(bytes(data))
            if not more:
                self.body_complete = True
                self._pieces.close()


@final
class _HostedBody:
    """The body of a request, as it comes from the server."""

    def __init__(
        self,
        exchange: HostedExchange,
        pieces: trio.MemoryReceiveChannel[bytes],
        length: int | None,
        limit: int | None,
    ) -> None:
        self._exchange = exchange
        self._pieces = pieces
        self._limit = limit
        self._received = 0
        self._over = False
        self.length = length
        self.trailers: Headers | None = None

    async def receive_chunk(self) -> bytes:
        if self._over:
            await trio.lowlevel.checkpoint()
            return b""
        if self._limit is not None and self.length is not None and self.length > self._limit:
            raise self._too_large(f"its Content-Length is {self.length}")
        try:
            data = await self._pieces.receive()
        except trio.EndOfChannel:
            if self._exchange.body_complete:
                self._over = True
                return b""
            of = "" if self.length is None else f" of {self.length}"
            raise IncompleteBody(f"the client left after {self._received}{of} bytes of the body") from None
        self._received += len(data)
        if self._limit is not None and self._received > self._limit:
            raise self._too_large(f"{self._received} bytes have arrived")
        return data

    async def aclose(self) -> None:
        self._over = True
        await trio.lowlevel.checkpoint()

    def _too_large(self, found: str) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than the {self._limit} bytes allowed: {found}", limit=self._limit)


def _declared_length(scope: Scope) -> int | None:
    framed = None
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
        if name == b"transfer-encoding":
            framed = True
    # HTTP/1.1 has no other way to announce a body; in HTTP/2 only the end tells
    return None if framed or scope.get("http_version") not in {"1.0", "1.1"} else 0


def request_of(scope: Scope, exchange: HostedExchange) -> Request:
    """Return the request of a scope."""
    raw_path: bytes = scope.get("raw_path") or _quoted(scope["path"])
    raw_path = raw_path.partition(b"?")[0]  # some servers leave the query there
    query: bytes = scope.get("query_string") or b""
    items: list[HeaderItem] = [(name, name.lower(), value) for name, value in scope["headers"]]
    spoken: str = scope["http_version"]
    version = {"1.0": b"1.0", "1.1": b"1.1"}.get(spoken) or spoken.encode()
    return Request.received(
        scope.get("method", "GET").encode(), raw_path + (b"?" + query if query else b""), items, version, exchange
    )


def _quoted(path: str) -> bytes:
    return b"".join(
        b"%c" % byte if 33 <= byte <= 126 and byte not in b"?#%" else b"%%%02X" % byte for byte in path.encode()
    )


async def response_to(handler: Handler, request: Request) -> Response:
    """Call a handler; what it raises is logged and answered as our own server does."""
    try:
        response: object = await handler(request)
    except Exception as error:
        leaf = only_leaf(error)
        if isinstance(leaf, BodyTooLarge):
            return answer(413, f"at most {leaf.limit} bytes are accepted")
        if isinstance(leaf, IncompleteBody):
            return answer(400)
        if isinstance(leaf, StatusError) and leaf.response is None:
            return answer_to_status_error(leaf)
        status = 502 if isinstance(leaf, StatusError) else 500
        log.error("%r: unhandled error of the handler; answered %d", request, status, exc_info=error)
        return answer(status)
    if isinstance(response, Response):
        return response
    log.error("%r: the handler %s; answered 500", request, no_response(response))
    return answer(500)


async def answer_http(handler: Handler, scope: Scope, exchange: HostedExchange, receive: Receive, send: Send) -> None:
    """Answer one HTTP request.

    Raises:
        Exception: What the handler's body raised while it was being sent: the answer is cut short.
    """
    request = request_of(scope, exchange)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.pump, receive)
        with exchange.scope:
            try:
                async with exchange.entered:
                    response = await response_to(handler, request)
                    if isinstance(response, UpgradeResponse):
                        log.error("%r: a server of ASGI cannot hand the connection over; answered 501", request)
                        response = answer(501, "this server cannot switch protocols")
                    if response.compress:
                        response = compressed(request, response)
                    trailers = "http.response.trailers" in (scope.get("extensions") or {})
                    await _send_response(request, response, send, trailers=trailers)
            except Exception as error:  # raised outside the nursery, which would wrap it
                failure = error
        nursery.cancel_scope.cancel()
    request.end()
    if failure is not None:
        raise failure


async def _send_response(request: Request, response: Response, send: Send, *, trailers: bool) -> None:
    content = response.outgoing
    items = [(name, value) for _, name, value in response.headers.items_list if name not in _HOP]
    bodiless = request.method == "HEAD" or response.status in NO_BODY
    if content.length is not None and response.status not in NO_BODY and "content-length" not in response.headers:
        items.append((b"content-length", b"%d" % content.length))
    ended = False
    try:
        head: Message = {"type": "http.response.start", "status": response.status, "headers": items}
        with_trailers = trailers and response.trailers_to_send is not None and not bodiless
        if with_trailers:
            head["trailers"] = True
        await send(head)
        if not bodiless:

            async def send_piece(data: bytes) -> None:
                if data:
                    await send({"type": "http.response.body", "body": bytes(data), "more_body": True})

            ended = True
            if content.data is not None:
                await send({"type": "http.response.body", "body": content.data, "more_body": False})
            else:
                await content.send_to(send_piece)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        if with_trailers and response.trailers_to_send is not None:
            fields = [(name, value) for _, name, value in response.trailers_to_send.items_list]
            await send({"type": "http.response.trailers", "headers": fields})
    finally:
        if not ended:
            await content.aclose()
