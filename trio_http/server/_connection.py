"""One connection of a server: request after request, until one side has had enough.

It decides whose turn it is; what is on the wire is the wire's business, and when to stop is the server's.

How it works
------------
* One cancel scope for the whole connection. It is cancelled by what happens outside user code: the deadline of a
  wait between requests, the client's leaving, the forced end at shutdown. It never revives, so whatever is said to the
  peer afterwards (408, a last answer) is said outside it, under a fresh deadline.
* The connection itself is the :class:`~trio_http.messages.Exchange` of its current request: nothing is made per
  request but the request, the handler's response and the bytes.
* Nothing that goes wrong in here leaves :meth:`ServerConnection.run`, except cancellation from outside and what is
  no ``Exception`` (KeyboardInterrupt).
"""

from __future__ import annotations

import copy
import logging
import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any, TypeVar, final

import trio

from .. import h1
from .._errors import BodyTooLarge, HTTPError, ReadError, RemoteProtocolError, StatusError, TransportError, WriteTimeout
from ..messages import (
    Address,
    BodySource,
    CancelReason,
    EmptySource,
    Request,
    Response,
    TLSInfo,
    UpgradeResponse,
    Via,
)
from ..semantics import Headers, parse_content_encoding
from ..transport import Transport, Watched, format_address
from ..wire import HTTP1Stream, IncomingBody, UpgradedStream, plain_answer, send_response
from ._answers import answer, answer_to_fault, answer_to_status_error, only_leaf
from ._coding import DecodedBody, compressed, unsupported
from ._draft import Draft
from ._hooks import call_hook
from ._host import Host
from ._instruments import Disconnect, Reply
from ._shield import Shield

__all__ = ["ServerConnection"]

log = logging.getLogger("trio_http.server")

T = TypeVar("T")

LINGER = 2.0  # seconds for a peer to close after we did; Go waits 0.5, nginx 5, Apache 2
LAST_WORDS = 1.0  # seconds for an answer to leave on a connection that is lost anyway
LINGER_BYTES = 1024 * 1024  # bytes discarded meanwhile
HOOK_GRACE = 1.0  # seconds for what has to run after the end of a connection


@final
class ServerConnection(Watched):
    """A connection being served.

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
        "_body_limit",
        "_cancel_on_disconnect",
        "_cause",
        "_cut",
        "_entered",
        "_extra",
        "_forced",
        "_handler_scope",
        "_host",
        "_peer",
        "_shields",
        "_wire",
        "opened_at",
        "request",
        "scope",
    )

    def __init__(self, host: Host, transport: Transport, *, peer: Address = None) -> None:
        super().__init__(host.sweeper)
        self._host = host
        self._wire = HTTP1Stream(transport, h1.SERVER, limits=host.h1_limits, timing=host.timing, timer=self)
        self._peer = peer
        self._cause: str | None = None
        self.scope = trio.CancelScope()
        self.request: Request | None = None
        self._cut: CancelReason | None = None
        self._handler_scope: trio.CancelScope | None = None
        self._entered: AsyncExitStack | None = None
        self._extra = False  # the handler has asked for something that ends with its request
        self._shields: list[Shield] = []
        self._forced = False
        self._cancel_on_disconnect = host.cancel_on_disconnect
        self._body_limit = host.limits.body
        self.opened_at = trio.current_time()

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
        return self._host.tls_info(self._wire.transport)

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
        source = IncomingBody(self._wire, limit=self._body_limit, what="ServerLimits.body", received=self._body_moved)
        request = self.request
        if not self._host.decompress_request or request is None:
            return source
        codings = parse_content_encoding(request.headers.get("content-encoding"))
        if not codings:
            return source
        if (error := unsupported(codings)) is not None:
            raise StatusError(415, str(error), headers={"accept-encoding": "gzip, deflate"})
        return DecodedBody(source, codings, self._host.limits.decompressed, self._wire.failed)

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
        return self._cancel_on_disconnect and not self._wire.waiting and not self._wire.transport.watched

    async def watch(self) -> None:
        """Watch until the handler ends, and some time longer."""
        if self.request is not None:
            await self._wire.transport.watch(self._client_left, half_close=self._host.half_close)

    def _client_left(self) -> None:
        if self.request is not None:
            self._host.stats.clients_gone += 1
            self.cut("client_gone")

    def _body_moved(self) -> None:
        # The handler goes on after a part of its body: from now on nobody reads, so somebody has to watch.
        if self._host.monitor.parked:
            self._host.monitor.wake()

    # ---------------------------------------------------------------- ends from outside

    def expire(self) -> None:
        """The deadline of a wait between requests has come."""
        self._cause = "head" if self._wire.core.buffered or not self._wire.exchanges else "idle"
        self.scope.cancel()

    def drain(self) -> None:
        """End as soon as may be: at once if idle, else after the current answer."""
        if self.request is None and not self._wire.core.buffered:
            self._cause = "shutdown"
            self.scope.cancel()

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

    # ---------------------------------------------------------------- the life of a connection

    async def run(self) -> None:
        """Serve until the end, then close."""
        host = self._host
        try:
            for instrument in host.instruments:
                instrument.connection_opened(self)
            with self.scope:
                for hook in host.hooks.connect:
                    await call_hook(hook(self))
                await self._serve()
            if self._cause == "head":
                log.info("%s: no complete request head in time; answered 408", format_address(self.peer))
                if self._wire.core.buffered:  # a connection that never sent a byte is just closed, as nginx does
                    await self._last_answer(answer(408, "the request head did not arrive in time"))
            elif self._cause == "client_gone":
                log.info("%s: client gone; its handler was cancelled", format_address(self.peer))
        except Exception as error:
            # A bug of ours, or user code in a place where we expected none: it must not end the server.
            self._cause = "error"
            host.stats.errors += 1
            log.exception("%s: connection failed", format_address(self.peer))
            await self._tell_of_error(error)
        except BaseExceptionGroup as group:
            # Errors of user code beside our being cancelled: they stay here, the rest goes on its way.
            errors, rest = group.split(Exception)
            self._cause = self._cause or "cancelled"
            host.stats.errors += 1
            log.error("%s: failed while being cancelled", format_address(self.peer), exc_info=errors)
            if rest is not None:
                raise rest from None
        except BaseException:
            self._cause = self._cause or "cancelled"
            raise
        finally:
            peer = self.peer  # a closed socket cannot tell any more
            self.unwatch()
            await self._wire.aclose()
            if host.hooks.disconnect or host.instruments:
                await self._tell_of_end(peer)

    async def _tell_of_end(self, peer: Address) -> None:
        sent, age = self._wire.sent, self.age
        end = Disconnect(peer, self._cause or "closed", self._wire.exchanges, age, sent)
        for instrument in self._host.instruments:
            instrument.connection_closed(self, end)
        # Also when we are being cancelled somebody may have to count; the shield has its own deadline.
        with trio.CancelScope(deadline=trio.current_time() + HOOK_GRACE, shield=True):
            for hook in self._host.hooks.disconnect:
                try:
                    await call_hook(hook(end))
                except Exception:
                    log.exception("%s: an on_disconnect hook failed", format_address(peer))

    async def _serve(self) -> None:
        wire = self._wire
        host = self._host
        core = wire.core
        monitor = host.monitor
        running = monitor.running
        pipelined = 0
        while True:
            # Hot from here to the end of the loop: 9 us in all with the handler, 4 of them in the core. No task,
            # scope or channel per request; see design.md 9.
            try:
                if not core.buffered:
                    pipelined = 0
                elif (pipelined := pipelined + 1) == host.limits.pipelined:
                    pipelined = 0
                    await trio.lowlevel.checkpoint()  # others get a turn
                head = await wire.receive_request()
            except RemoteProtocolError as error:
                self._cause = "error"
                host.stats.refused += 1
                log.info("%s: refused: %s", format_address(self.peer), error)
                await self._last_answer(answer_to_fault(error))
                return
            except ReadError as error:
                self._cause = "error"
                log.info("%s: connection lost while waiting for a request: %s", format_address(self.peer), error)
                return
            if head is None:
                return
            self.request = request = Request.received(
                head.method, head.target, head.headers.triples, head.http_version, self
            )
            host.stats.requests += 1
            running[self] = None
            if monitor.parked:
                monitor.wake()
            try:
                keep = await (self._exchange(request) if host.plain else self._observed(request))
            finally:
                self._handler_ended()
                request.end()
                self.request = None
                if self._extra:
                    await self._tidy_up()
            if not keep:
                return

    def _handler_ended(self) -> None:
        # from here on nobody is cancelled because the client leaves
        self._host.monitor.running.pop(self, None)
        if self._wire.transport.watched:
            self._wire.transport.unwatch()

    async def _tidy_up(self) -> None:
        """Take back what the handler has set, and leave what it has entered: in its task, last in first out."""
        self._extra = False
        self._cancel_on_disconnect = self._host.cancel_on_disconnect
        self._body_limit = self._host.limits.body
        stack, self._entered = self._entered, None
        if stack is not None:
            try:
                await stack.__aexit__(*sys.exc_info())
            except Exception:
                self._host.stats.errors += 1
                log.exception("%s: leaving what a handler had entered failed", format_address(self.peer))

    # ---------------------------------------------------------------- one exchange

    async def _observed(self, request: Request) -> bool:
        """Handle a request where more has to be done than in the plain case: limits, hooks, observers."""
        host = self._host
        began, sent = trio.current_time(), self._wire.sent
        seen = Seen()
        for instrument in host.instruments:
            instrument.request_received(request)
        try:
            return await self._limited(request, seen)
        finally:
            response = seen.response
            if response is None:
                status = 499 if self._cut == "client_gone" else 500
            else:
                status = response.status
            reply = Reply(status, self._wire.sent - sent, trio.current_time() - began, seen.complete)
            for instrument in host.instruments:
                instrument.request_answered(request, response, reply)

    async def _limited(self, request: Request, seen: Seen) -> bool:
        host = self._host
        concurrency = host.limits.concurrency
        if concurrency is not None and len(host.monitor.running) > concurrency:
            busy = answer(503, "too many requests at once")
            busy.headers["retry-after"] = "1"
            return await self._send(request, busy, seen)
        seconds = host.timeouts.handler
        if seconds is None:
            return await self._hooked(request, seen)
        try:
            with trio.CancelScope(deadline=trio.current_time() + seconds) as self._handler_scope:
                return await self._hooked(request, seen)
            log.warning("%r: not over after %g s (ServerTimeouts.handler)", request, seconds)
            if self._wire.core.our_state is h1.SEND_RESPONSE:
                seen.response = answer(503, "the request took too long")
                await self._last_answer(seen.response)
        finally:
            self._handler_scope = None
        return False

    async def _hooked(self, request: Request, seen: Seen) -> bool:
        host = self._host
        draft: Draft | None = None
        if host.hooks.receive:
            draft = Draft()
            try:
                for hook in host.hooks.receive:
                    await call_hook(hook(request, draft))
                    if draft.answered:
                        break
            except Exception as error:
                return await self._send(request, await self._answer_to(request, error), seen)
        if draft is not None and draft.answered:
            response = draft.finish()
        else:
            response = await self._handle(request)
            if draft is not None and draft.headers:
                response = copy.copy(response)  # the handler may return one object again and again
                response.headers = response.headers.copy()
                for name, value in draft.headers.get_all():
                    if name not in response.headers or name.lower() == "set-cookie":
                        response.headers.add(name, value)
        return await self._send(request, response, seen)

    async def _send(self, request: Request, response: Response, seen: Seen) -> bool:
        seen.response = response
        keep = await self._answer(request, response)
        seen.complete = self._cause is None
        if seen.complete:
            for hook in self._host.hooks.reply:
                try:
                    await call_hook(hook(request, response))
                except Exception as error:
                    self._host.stats.errors += 1
                    log.exception("%r: an on_reply hook failed", request)
                    await self._tell_of_error(error)
        return keep

    async def _exchange(self, request: Request) -> bool:
        """Handle one request and send the answer; tell whether the connection goes on."""
        # Hot: the commonest case written out, because each coroutine on the way costs 0.3 us. All others go on below.
        wire = self._wire
        host = self._host
        try:
            response: object = await host.handler(request)
        except Exception as error:
            response = await self._answer_to(request, error)
        if type(response) is not Response or response.compress or wire.fault is not None or host.closing(wire):
            return await self._answer(request, self._checked(request, response))
        data = plain_answer(wire, response, host.fixed_lines())
        if data is None:
            return await self._send_whole(request, response, close=False)
        try:
            if (unsent := wire.send_nowait(data)) is not None:
                await wire.send_unsent(unsent)
        except (TransportError, WriteTimeout) as error:
            return self._lost(request, error)
        wire.next_exchange()
        return True

    async def _handle(self, request: Request) -> Response:
        try:
            return self._checked(request, await self._host.handler(request))
        except Exception as error:
            return await self._answer_to(request, error)

    def _checked(self, request: Request, response: object) -> Response:
        if isinstance(response, Response):
            return response
        log.error("%r: the handler returned %r, not a Response; answered 500", request, type(response))
        self._host.stats.errors += 1
        return answer(500)

    async def _answer(self, request: Request, response: Response) -> bool:
        wire = self._wire
        host = self._host
        if wire.fault is not None:
            if not isinstance(wire.fault, BodyTooLarge):
                return await self._faulty(request, response, wire.fault)
            # The bytes are sound, there are only too many: a handler that caught this says what it likes.
            return await self._send_whole(request, response, close=True)
        if type(response) is not Response and isinstance(response, UpgradeResponse):
            response = response.agree(request)
        if type(response) is not Response and isinstance(response, UpgradeResponse):
            return await self._hand_over(request, response)
        if response.compress:
            response = compressed(request, response)
        return await self._send_whole(request, response, close=host.closing(wire))

    async def _send_whole(self, request: Request, response: Response, *, close: bool) -> bool:
        """Send any answer, and see what becomes of a body that nobody has read."""
        wire = self._wire
        host = self._host
        unread = wire.core.their_state is h1.SEND_BODY
        if unread and not self._worth_draining():
            close = True
        try:
            head_only = request.method == "HEAD"
            await send_response(wire, response, fixed=host.fixed_items(), close=close, head_only=head_only)
        except (TransportError, WriteTimeout) as error:
            return self._lost(request, error)
        except Exception as error:
            return await self._failed_answer(request, error)
        self._handler_ended()
        if unread and not close and not await wire.discard_body(host.limits.drain):
            close = True
        if close or not wire.reusable:
            await wire.linger(LINGER, LINGER_BYTES)
            return False
        wire.next_exchange()
        return True

    def _lost(self, request: Request, error: HTTPError) -> bool:
        self._cause = "write_timeout" if isinstance(error, WriteTimeout) else "client_gone"
        log.info("%s: %r: client gone while answering: %s", format_address(self.peer), request, error)
        return False

    async def _faulty(self, request: Request, response: Response, fault: HTTPError) -> bool:
        # The request itself is at fault, so nothing that follows on this connection can be trusted.
        self._cause = "error"
        self._host.stats.refused += 1
        log.info("%s: %s", format_address(self.peer), fault)
        await response.outgoing.aclose()
        await self._last_answer(answer_to_fault(fault))
        return False

    async def _hand_over(self, request: Request, response: UpgradeResponse) -> bool:
        """Switch protocols, and let user code talk until it ends."""
        wire = self._wire
        core = wire.core
        if core.their_state is h1.SEND_BODY and not await wire.discard_body(self._host.limits.drain):
            return await self._send_whole(request, answer(413, "read the body before the switch"), close=True)
        protocol = response.protocol
        asked = [token.strip().lower() for token in (request.headers.get("upgrade") or "").split(",")]
        fits = request.method == "CONNECT" if protocol is None else protocol.lower() in asked
        if not fits or core.their_state is not h1.MIGHT_SWITCH_PROTOCOL:
            wanted = answer(426 if protocol is not None else 405)
            if protocol is not None:
                wanted.headers["upgrade"] = protocol
            return await self._send_whole(request, wanted, close=True)
        items = response.headers.items_list
        try:
            if protocol is None:
                lines = h1.Headers([item for item in items if item[1] != b"upgrade"])
                await wire.send_event(h1.Response(status_code=200, headers=lines, reason=b"OK"))
            else:
                lines = h1.Headers([*items, (b"Connection", b"connection", b"upgrade")])
                head = h1.InformationalResponse(status_code=101, headers=lines, reason=b"Switching Protocols")
                await wire.send_event(head)
        except (TransportError, WriteTimeout) as error:
            return self._lost(request, error)
        self._handler_ended()  # who talks now sees the end himself
        if self._handler_scope is not None:
            self._handler_scope.deadline = math.inf  # the exchange is over; what follows may take its time
        first, ended = core.trailing_data
        stream = UpgradedStream(wire.transport, first, ended=ended)
        try:
            await response.take_over(stream)
        except Exception as error:
            self._cause = "error"
            self._host.stats.errors += 1
            log.exception("%s: %r: failed after the switch of protocols", format_address(self.peer), request)
            await self._tell_of_error(error)
        return False

    # ---------------------------------------------------------------- when something went wrong

    async def _answer_to(self, request: Request, error: Exception) -> Response:
        leaf = only_leaf(error)
        if isinstance(leaf, BodyTooLarge) and leaf is self._wire.fault:
            self._host.stats.refused += 1
            log.info("%s: %s", format_address(self.peer), leaf)
            return answer_to_fault(leaf) or answer(413)
        if leaf is self._wire.fault:
            return answer(400)  # the caller knows better what to say of a fault of the connection
        if isinstance(leaf, StatusError) and leaf.response is None:
            return answer_to_status_error(leaf)
        status = 502 if isinstance(leaf, StatusError) else 500
        self._host.stats.errors += 1
        log.error(
            "%s: %r: unhandled error of the handler; answered %d",
            format_address(self.peer),
            request,
            status,
            exc_info=error,
        )
        for instrument in self._host.instruments:
            instrument.handler_failed(request, error)
        await self._tell_of_error(error)
        return answer(status)

    async def _tell_of_error(self, error: Exception) -> None:
        for hook in self._host.hooks.error:
            try:
                await call_hook(hook(error, self))
            except Exception:
                log.exception("%s: an on_error hook failed", format_address(self.peer))

    async def _failed_answer(self, request: Request, error: Exception) -> bool:
        """The answer could not be sent as the handler wanted it: say 500 if nothing has left yet, then close."""
        started = self._wire.core.our_state is not h1.SEND_RESPONSE
        if started and only_leaf(error) is self._wire.fault:
            # The request's body failed while the answer was made of it: the peer's doing, and nothing can be said.
            self._cause = "client_gone"
            log.info("%s: %r: the answer was cut short: %s", format_address(self.peer), request, only_leaf(error))
            return False
        self._cause = "error"
        self._host.stats.errors += 1
        what = "cut short" if started else "answered 500"
        log.error("%s: %r: sending the answer failed; %s", format_address(self.peer), request, what, exc_info=error)
        await self._tell_of_error(error)
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
        self._handler_ended()
        if response is None or wire.broken or wire.core.our_state not in (h1.IDLE, h1.SEND_RESPONSE):
            return
        with trio.move_on_after(LAST_WORDS):
            try:
                await send_response(wire, response, fixed=self._host.fixed_items(), close=True, head_only=False)
            except HTTPError as error:
                log.info("%s: the last answer could not be sent: %s", format_address(self.peer), error)
                return
        await wire.linger(LINGER, LINGER_BYTES)


@final
class Seen:
    """What observers are told of one exchange in the end."""

    __slots__ = ("complete", "response")

    def __init__(self) -> None:
        self.response: Response | None = None
        self.complete = False
