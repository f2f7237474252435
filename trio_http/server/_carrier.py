"""What a request may ask of the connection that brought it: facts, its body, and to be told of its end.

It is the :class:`~trio_http.messages.Exchange` of the connection's current request: one object for all of them, so that
nothing is made per request but the request, the response and the bytes. Its life is in `_connection.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any, TypeVar

import trio

from .. import h1
from .._errors import DecodingError, StatusError
from ..messages import Address, BodySource, CancelReason, EmptySource, Request, Response, TLSInfo, Via
from ..semantics import Headers, available_codings, parse_content_encoding
from ..transport import Transport, Watched, format_address
from ..wire import DecodedBody, HTTP1Stream, IncomingBody
from ._host import Host
from ._shield import Shield
from ._tls import tls_info

__all__ = ["Carrier"]

log = logging.getLogger("trio_http.server")

T = TypeVar("T")


class Carrier(Watched):
    """A connection being served, as requests and observers see it.

    Args:
        host: The server.
        transport: The connected bytes, TLS done; closed by :meth:`run`.
        peer: Who it is with, where the transport does not know.

    Attributes:
        scope: The scope of all that runs for this connection.
        request: The request being handled; None between two.
        opened_at: When the connection was accepted, on trio's clock.
    """

    __slots__ = (
        "_admitted",
        "_bodiless",
        "_body_limit",
        "_cancel_on_disconnect",
        "_cause",
        "_chunked",
        "_complete",
        "_cut",
        "_entered",
        "_extra",
        "_forced",
        "_goes_on",
        "_gone",
        "_handler_scope",
        "_host",
        "_last",
        "_moved",
        "_origin",
        "_peer",
        "_push_closes",
        "_said",
        "_shields",
        "_wire",
        "opened_at",
        "request",
        "scope",
    )

    def __init__(self, host: Host, transport: Transport, *, peer: Address = None) -> None:
        super().__init__(host.sweeper)
        self._host = host
        self._wire = HTTP1Stream(
            transport, h1.SERVER, limits=host.h1_limits, timing=host.timing, timer=self, read_size=host.read_size
        )
        self._peer = peer
        self._cause: str | None = None
        self._admitted = False  # it holds one of the places for requests
        self.scope: trio.CancelScope = trio.CancelScope()
        self.request: Request | None = None
        self._cut: CancelReason | None = None
        self._handler_scope: trio.CancelScope | None = None
        self._entered: AsyncExitStack | None = None
        self._extra = False  # the handler has asked for something that ends with its request
        self._said: Response | None = None  # what observers are told: what was sent last, not always the handler's
        self._complete = False  # and whether all of it was
        self._shields: list[Shield] = []
        self._forced = False
        self._gone: Callable[[], None] | None = None  # whom to tell that the client has left, instead of cutting
        self._goes_on = False  # the answer has been pushed, and the handler may go on after it
        self._moved = False  # the connection goes on in another task, because the handler does in this one
        self._origin: Carrier | None = None  # what observers know a connection by that was moved
        self._bodiless = False  # no body goes with the answer that is being pushed
        self._chunked = False  # it is sent in chunks, so trailers may follow
        self._push_closes = False  # the connection ends with it
        self._last = False  # it ends with the current request
        self._cancel_on_disconnect = host.cancel_on_disconnect
        self._body_limit = host.limits.body
        self.opened_at: float = trio.current_time()

    def __repr__(self) -> str:
        doing = f"handling {self.request!r}" if self.request is not None else "waiting for a request"
        return f"<connection from {format_address(self.peer)}: {doing}, {self.requests} requests so far>"

    # ---------------------------------------------------------------- facts

    @property
    def peer(self) -> Address:
        """The other side."""
        return self._wire.transport.peer if self._peer is None else self._peer

    @property
    def local(self) -> Address:
        """Our side."""
        return self._wire.transport.local

    @property
    def scheme(self) -> str:
        """``"https"`` over TLS, else ``"http"``, unless the server says otherwise."""
        return self._host.scheme or ("https" if self._wire.transport.is_tls else "http")

    @property
    def tls(self) -> TLSInfo | None:
        """What the TLS handshake came to; None without TLS."""
        return tls_info(self._wire.transport)

    @property
    def socket(self) -> object:
        """The socket below, for its options and the peer's credentials; None if there is none."""
        return self._wire.transport.socket

    @property
    def requests(self) -> int:
        """How many requests have come so far."""
        return self._wire.exchanges

    @property
    def bytes_sent(self) -> int:
        """Bytes given to the transport so far."""
        return self._wire.sent

    @property
    def phase(self) -> str:
        """What goes on, in a word.

        ``"idle"``, ``"head"`` (it is coming), ``"handling"``, ``"body"`` (it is awaited), ``"answering"``,
        ``"upgraded"`` or ``"closing"``.
        """
        core = self._wire.core
        if core.our_state is h1.SWITCHED_PROTOCOL:
            return "upgraded"
        if self.request is None:
            return "head" if core.buffered or core.our_state is not h1.IDLE else "idle"
        if core.our_state is h1.SEND_BODY:
            return "answering"
        if core.our_state in (h1.SEND_RESPONSE, h1.IDLE):
            return "body" if self._wire.waiting else "handling"
        return "closing"

    @property
    def age(self) -> float:
        """Seconds since it was accepted."""
        return trio.current_time() - self.opened_at

    # ---------------------------------------------------------------- what a request may ask (Exchange)

    @property
    def server(self) -> Host:
        """The server."""
        return self._host

    @property
    def state(self) -> Mapping[str, Any]:
        """What the server's lifespan provides."""
        return self._host.state

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the handler has been cancelled by us; None while it has not."""
        if self._handler_scope is not None and self._handler_scope.cancel_called:
            return "timeout"
        return self._cut

    def via(self, headers: Headers) -> Via:
        """Tell whom a request with these fields comes from."""
        proxies = self._host.proxy_headers
        peer = self.peer
        if proxies is None:
            return Via(peer[0] if isinstance(peer, tuple) else "", self.scheme, headers.get("host") or "")
        return proxies.via(peer, self.scheme, headers)

    def open_body(self) -> BodySource:
        """Return the source of the current request's body."""
        if self._wire.core.their_state is not h1.SEND_BODY:
            return EmptySource()
        limit = self._body_limit
        what = "ServerLimits.body" if limit == self._host.limits.body else "request.limit_body"
        source = IncomingBody(self._wire, limit=limit, what=what, received=self._body_moved)
        request = self.request
        if not self._host.decompress_request or request is None:
            return source
        codings = parse_content_encoding(request.headers.get("content-encoding"))
        if not codings:
            return source
        try:
            return DecodedBody(source, codings, self._host.limits.decompressed, self._wire.failed)
        except DecodingError as error:
            known = ", ".join(available_codings())
            raise StatusError(415, str(error), headers={"accept-encoding": known}) from None

    def limit_body(self, limit: int | None) -> None:
        """Take so many bytes of body for this request."""
        self._body_limit = limit
        self._extra = True

    def set_read_timeout(self, seconds: float | None) -> None:
        """Let this request's body stand still for so long."""
        self._wire.set_read_timeout(seconds)

    def set_cancel_on_disconnect(self, cancel: bool) -> None:
        """Say whether this handler is cancelled when its client leaves."""
        self._cancel_on_disconnect = cancel
        self._extra = True
        if not cancel:
            self._wire.transport.unwatch()
        elif self._host.monitor.parked:
            self._host.monitor.wake()

    async def inform(self, status: int, headers: Headers) -> None:
        """Send an informational response."""
        if not 100 <= status <= 199 or status == 101:
            raise ValueError(f"inform({status}): informational status codes are 100 and 102 to 199")
        if self.request is not None and not self.request.supports_http_1_1:
            await trio.lowlevel.checkpoint()  # RFC 9110 section 15.2: an HTTP/1.0 client must not get any
            return
        items = h1.Headers(headers.items_list)
        await self._wire.send_event(h1.InformationalResponse(status_code=status, headers=items, reason=b""))

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter a context that ends with the exchange."""
        if self._entered is None:
            self._entered = AsyncExitStack()
            self._extra = True
        return await self._entered.enter_async_context(manager)

    def background(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run a function in the server's background nursery."""
        self._host.start_background(fn, args, self.request)

    def shielded(self, seconds: float) -> AbstractContextManager[None]:
        """Protect a block from cancellation for a while."""
        over = self._forced  # the grace of a shutdown is over: nothing is protected any more
        return Shield(self._host.sweeper, self._shields, 0 if over else seconds)

    # ---------------------------------------------------------------- has the client left? (Monitored)

    @property
    def wants_watch(self) -> bool:
        """True if nobody would notice that the client leaves."""
        if self._goes_on:
            return True
        wanted = self._cancel_on_disconnect or self._gone is not None
        return wanted and not self._wire.waiting and not self._wire.transport.watched

    async def watch(self) -> None:
        """Watch until the handler ends, and some time longer."""
        # This runs a moment after it was asked for: the handler may have ended, or may wait for its body again.
        if self not in self._host.monitor.running or not self.wants_watch:
            return
        if self._goes_on:
            self._move()
            return
        try:
            await self._wire.transport.watch(self._client_left, half_close=self._host.half_close)
        except Exception:  # one connection's trouble must not reach the task of all
            log.exception("%s: watching whether the client is there failed", format_address(self.peer))

    def _move(self) -> None:
        """Let the connection go on in a task of its own; see `_connection.py`."""

    def _client_left(self) -> None:
        if self.request is not None:
            self._host.stats.clients_gone += 1
            if self._gone is not None:
                self._cause = self._cause or "client_gone"
                self._gone()
            else:
                self.cut("client_gone")

    def _body_moved(self) -> None:
        # The handler goes on after a part of its body: from now on nobody reads, so somebody has to watch.
        if self._host.monitor.parked:
            self._host.monitor.wake()

    def _give_place_back(self) -> None:
        if self._admitted:
            self._admitted = False
            self._host.admission.leave()

    # ---------------------------------------------------------------- ends from outside

    def expire(self) -> None:
        """The deadline of the handler has come, or that of a wait between requests."""
        if self._handler_scope is not None:
            self._handler_scope.cancel()
            return
        self._cause = "head" if self._wire.core.buffered or not self._wire.exchanges else "idle"
        self.scope.cancel()

    def drain(self) -> None:
        """End as soon as may be: at once if idle, else after the current answer."""
        if self.request is None and not self._wire.core.buffered:
            self._cause = "shutdown"
            self.scope.cancel()
        else:
            self._last = True  # the answer may have begun, and then it does not say so

    def cut(self, reason: CancelReason) -> None:
        """End now, whatever the handler is doing; only shielded parts may go on, but not beyond a shutdown."""
        if self.request is not None and self._cut is None:
            self._cut = reason
        self._cause = self._cause or reason
        if reason == "shutdown":
            self._forced = True
            for shield in self._shields:
                shield.lift()
        self.scope.cancel()

    def force(self) -> None:
        """Close the socket under whoever still uses it."""
        self._wire.transport.close_now()
