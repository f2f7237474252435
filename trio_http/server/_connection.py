"""One connection of a server: request after request, until one side has had enough.

It decides whose turn it is; what is on the wire is the wire's business, and when to stop is the server's.

How it works
------------
* One cancel scope for the whole connection. It is cancelled by what happens outside user code: the deadline of a
  wait between requests, the forced end at shutdown. It never revives, so whatever is said to the peer afterwards (408,
  a last answer) is said outside it, under a fresh deadline.
* The connection itself is the :class:`~trio_http.messages.Exchange` of its current request: nothing is made per
  request but the request, the handler's response and the bytes.
* Nothing that goes wrong in here leaves :meth:`ServerConnection.run`, except cancellation from outside and what is
  no ``Exception`` (KeyboardInterrupt).
"""

from __future__ import annotations

import logging
from typing import Protocol, final

import trio

from .. import h1
from .._config import ServerLimits, ServerTimeouts
from .._errors import (
    HTTPError,
    ReadError,
    RemoteProtocolError,
    StatusError,
    TransportError,
    WriteTimeout,
)
from ..messages import Address, BodySource, CancelReason, Handler, Request, Response
from ..semantics import Headers
from ..transport import Sweeper, Transport, Watched, format_address
from ..wire import HTTP1Stream, IncomingBody, Timing, plain_answer, send_response
from ._answers import answer, answer_to_fault, answer_to_status_error, only_leaf

__all__ = ["Host", "ServerConnection"]

log = logging.getLogger("trio_http.server")

LINGER = 2.0  # seconds for a peer to close after we did; Go waits 0.5, nginx 5, Apache 2
LAST_WORDS = 1.0  # seconds for an answer to leave on a connection that is lost anyway
LINGER_BYTES = 1024 * 1024  # bytes discarded meanwhile


class Host(Protocol):
    """What a connection needs of its server."""

    active: int
    """Handlers that run now."""

    @property
    def handler(self) -> Handler:
        """What answers."""

    @property
    def timeouts(self) -> ServerTimeouts:
        """How long to wait for peers."""

    @property
    def limits(self) -> ServerLimits:
        """What to take from peers."""

    @property
    def h1_limits(self) -> h1.Limits:
        """Those of them that the core enforces."""

    @property
    def timing(self) -> Timing:
        """The timeouts as the wire takes them."""

    @property
    def sweeper(self) -> Sweeper:
        """Who watches the deadlines."""

    draining: bool
    """True once the server is shutting down: answers say ``Connection: close``."""

    def date_line(self) -> bytes:
        """The Date field of answers with its CRLF; ``b""`` for none."""


@final
class ServerConnection(Watched):
    """A connection being served.

    Args:
        host: The server.
        transport: The connected bytes, TLS done; closed by :meth:`run`.

    Attributes:
        scope: The scope of all that runs for this connection.
        request: The request being handled; None between two.
        opened_at: When the connection was accepted, on trio's clock.
    """

    __slots__ = ("_cause", "_cut", "_handler_scope", "_host", "_wire", "opened_at", "request", "scope")

    def __init__(self, host: Host, transport: Transport) -> None:
        super().__init__(host.sweeper)
        self._host = host
        self._wire = HTTP1Stream(transport, h1.SERVER, limits=host.h1_limits, timing=host.timing, timer=self)
        self._cause: str | None = None
        self.scope = trio.CancelScope()
        self.request: Request | None = None
        self._cut: CancelReason | None = None
        self._handler_scope: trio.CancelScope | None = None
        self.opened_at = trio.current_time()

    def __repr__(self) -> str:
        doing = f"handling {self.request!r}" if self.request is not None else "waiting for a request"
        return f"<connection from {format_address(self.peer)}: {doing}, {self.requests} requests so far>"

    # ---------------------------------------------------------------- what a request may ask (Exchange)

    @property
    def peer(self) -> Address:
        """The other side."""
        return self._wire.transport.peer

    @property
    def local(self) -> Address:
        """Our side."""
        return self._wire.transport.local

    @property
    def scheme(self) -> str:
        """``"https"`` over TLS, else ``"http"``."""
        return "https" if self._wire.transport.is_tls else "http"

    @property
    def requests(self) -> int:
        """How many requests have come so far."""
        return self._wire.exchanges

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the handler has been cancelled by us; None while it has not."""
        if self._handler_scope is not None and self._handler_scope.cancel_called:
            return "timeout"
        return self._cut

    def open_body(self) -> BodySource:
        """Return the source of the current request's body."""
        return IncomingBody(self._wire, limit=self._host.limits.body, what="ServerLimits.body")

    async def inform(self, status: int, headers: Headers) -> None:
        """Send an informational response."""
        if not 100 <= status <= 199 or status == 101:
            raise ValueError(f"inform({status}): informational status codes are 100 and 102 to 199")
        items = h1.Headers(headers.items_list)
        await self._wire.send_event(h1.InformationalResponse(status_code=status, headers=items, reason=b""))

    # ---------------------------------------------------------------- ends from outside

    def expire(self) -> None:
        """The deadline of a wait between requests has come."""
        self._cause = "head" if self._wire.core.buffered or not self._wire.exchanges else "idle"
        self.scope.cancel()

    def drain(self) -> None:
        """End as soon as may be: at once if idle, else after the current answer."""
        if self.request is None and not self._wire.core.buffered:
            self._cause = "idle"
            self.scope.cancel()

    def cut(self, reason: CancelReason) -> None:
        """End now, whatever the handler is doing."""
        if self.request is not None:
            self._cut = reason
        self._cause = reason
        self.scope.cancel()

    def force(self) -> None:
        """Close the socket under whoever still uses it."""
        self._wire.transport.close_now()

    # ---------------------------------------------------------------- the life of a connection

    async def run(self) -> None:
        """Serve until the end, then close."""
        try:
            with self.scope:
                await self._serve()
            if self._cause == "head":
                log.info("%s: no complete request head in time; answered 408", format_address(self.peer))
                if self._wire.core.buffered:  # a connection that never sent a byte is just closed, as nginx does
                    await self._last_answer(answer(408, "the request head did not arrive in time"))
        except Exception:
            # A bug of ours, or user code in a place where we expected none: it must not end the server.
            log.exception("%s: connection failed", format_address(self.peer))
        finally:
            self.unwatch()
            await self._wire.aclose()

    async def _serve(self) -> None:
        wire = self._wire
        host = self._host
        core = wire.core
        pipelined = 0
        while True:
            # Hot from here to the end of the loop: see design.md 9. No task, scope or channel per request.
            try:
                if not core.buffered:
                    pipelined = 0
                elif (pipelined := pipelined + 1) == host.limits.pipelined:
                    pipelined = 0
                    await trio.lowlevel.checkpoint()  # others get a turn
                head = await wire.receive_request()
            except RemoteProtocolError as error:
                log.info("%s: refused: %s", format_address(self.peer), error)
                await self._last_answer(answer_to_fault(error))
                return
            except ReadError as error:
                log.info("%s: connection lost while waiting for a request: %s", format_address(self.peer), error)
                return
            if head is None:
                return
            request = Request.received(head.method, head.target, head.headers.triples, head.http_version, self)
            self.request = request
            host.active += 1
            try:
                keep = await self._exchange(request)
            finally:
                host.active -= 1
                request.end()
                self.request = self._handler_scope = None
            if not keep:
                return

    async def _exchange(self, request: Request) -> bool:
        """Handle one request and send the answer; tell whether the connection goes on."""
        wire = self._wire
        host = self._host
        limits = host.limits
        if limits.concurrency is not None and host.active > limits.concurrency:
            response = answer(503, "too many requests at once")
            response.headers["retry-after"] = "1"
        elif host.timeouts.handler is None:
            response = await self._handle(request)
        else:
            response = await self._handle_in_time(request, host.timeouts.handler)
        if wire.fault is not None:
            # The request itself is at fault, so nothing that follows on this connection can be trusted.
            fallback = answer_to_fault(wire.fault)
            log.info("%s: %s", format_address(self.peer), wire.fault)
            await response.outgoing.aclose()
            await self._last_answer(fallback)
            return False
        close = host.draining or (
            limits.requests_per_connection is not None and wire.exchanges >= limits.requests_per_connection
        )
        if not close and (data := plain_answer(wire, response, host.date_line())) is not None:
            try:
                if (unsent := wire.send_nowait(data)) is not None:
                    await wire.send_unsent(unsent)
            except (TransportError, WriteTimeout) as error:
                log.info("%s: %r: client gone while answering: %s", format_address(self.peer), request, error)
                return False
            wire.next_exchange()
            return True
        unread = wire.core.their_state is h1.SEND_BODY
        if unread and not self._worth_draining():
            close = True
        try:
            head_only = request.method == "HEAD"
            await send_response(wire, response, date_line=host.date_line(), close=close, head_only=head_only)
        except TransportError as error:
            log.info("%s: %r: client gone while answering: %s", format_address(self.peer), request, error)
            return False
        except WriteTimeout as error:
            log.info("%s", error)
            return False
        except Exception as error:
            return await self._failed_answer(request, error)
        if unread and not close and not await wire.discard_body(limits.drain):
            close = True
        if close or not wire.reusable:
            await wire.linger(LINGER, LINGER_BYTES)
            return False
        wire.next_exchange()
        return True

    async def _handle(self, request: Request) -> Response:
        try:
            response: object = await self._host.handler(request)
        except Exception as error:
            return self._answer_to(request, error)
        if not isinstance(response, Response):
            log.error("%r: the handler returned %r, not a Response; answered 500", request, type(response))
            return answer(500)
        return response

    async def _handle_in_time(self, request: Request, seconds: float) -> Response:
        with trio.CancelScope(deadline=trio.current_time() + seconds) as self._handler_scope:
            return await self._handle(request)
        log.warning("%r: the handler took longer than %g s (ServerTimeouts.handler); answered 503", request, seconds)
        return answer(503, "the request took too long")

    def _answer_to(self, request: Request, error: Exception) -> Response:
        leaf = only_leaf(error)
        if leaf is self._wire.fault:
            return answer(400)  # the caller knows better what to say of a fault of the connection
        if isinstance(leaf, StatusError):
            if leaf.response is None:
                return answer_to_status_error(leaf)
            log.error("%r: unhandled %s of an upstream; answered 502", request, leaf.status, exc_info=error)
            return answer(502)
        log.error("%s: %r: handler failed; answered 500", format_address(self.peer), request, exc_info=error)
        return answer(500)

    async def _failed_answer(self, request: Request, error: Exception) -> bool:
        """The answer could not be sent as the handler wanted it: say 500 if nothing has left yet, then close."""
        started = self._wire.core.our_state is not h1.SEND_RESPONSE
        what = "cut short" if started else "answered 500"
        log.error("%s: %r: sending the answer failed; %s", format_address(self.peer), request, what, exc_info=error)
        if not started:
            await self._last_answer(answer(500))
        return False

    def _worth_draining(self) -> bool:
        core = self._wire.core
        drain = self._host.limits.drain
        length = core.their_body_length
        return not core.they_are_waiting_for_100_continue and (length is None or drain is None or length <= drain)

    async def _last_answer(self, response: Response | None) -> None:
        """Say something final, if it can still be said, and let it arrive."""
        wire = self._wire
        if response is None or wire.broken or wire.core.our_state not in (h1.IDLE, h1.SEND_RESPONSE):
            return
        with trio.move_on_after(LAST_WORDS):
            try:
                await send_response(wire, response, date_line=self._host.date_line(), close=True, head_only=False)
            except HTTPError as error:
                log.info("%s: the last answer could not be sent: %s", format_address(self.peer), error)
                return
        await wire.linger(LINGER, LINGER_BYTES)
