"""Sending what a handler has returned, or what is said in its place when something went wrong.

It knows one exchange at a time; which one is next is decided in `_connection.py`.
"""

from __future__ import annotations

import logging

import trio

from .. import h1
from .._errors import BodyTooLarge, HTTPError, ReadError, StatusError, TransportError, WriteTimeout
from ..messages import Request, Response, UpgradeResponse, no_response
from ..transport import format_address
from ..wire import UpgradedStream, send_response
from ._answers import answer, answer_to_fault, answer_to_status_error, only_leaf
from ._carrier import Carrier
from ._coding import compressed
from ._hooks import call_hook
from ._instruments import tell

__all__ = ["Answering"]

log = logging.getLogger("trio_http.server")

LINGER = 2.0  # seconds for a peer to close after we did; Go waits 0.5; nginx 5 and Apache 2 for each piece, 30 in all
LINGER_BYTES = 1024 * 1024  # bytes discarded meanwhile
_NOT_ASYNC = ". Handlers are async functions: async def handler(request)"
LAST_WORDS = 1.0  # seconds for an answer to leave on a connection that is lost anyway


class Answering(Carrier):
    """A connection that answers its current request."""

    __slots__ = ()

    async def _handle(self, request: Request) -> Response:
        try:
            return self._checked(request, await self._host.handler(request))
        except Exception as error:
            return await self._answer_to(request, error)

    def _checked(self, request: Request, response: object) -> Response:
        if isinstance(response, Response):
            return response
        log.error("%r: the handler %s; answered 500", request, no_response(response))
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
            if isinstance(response, UpgradeResponse):
                return await self._hand_over(request, response)
        if response.compress:
            response = compressed(request, response)
        return await self._send_whole(request, response, close=host.closing(wire))

    async def _send_whole(self, request: Request, response: Response, *, close: bool) -> bool:
        """Send any answer, and see what becomes of a body that nobody has read."""
        wire = self._wire
        host = self._host
        self._saw(response)
        last = wire.core.their_state is h1.MUST_CLOSE
        unread = wire.core.their_state is h1.SEND_BODY
        if unread and not self._worth_draining():
            close = True
        try:
            await self._send_final(response, close=close)
        except (TransportError, WriteTimeout) as error:
            return self._lost(request, error)
        except Exception as error:
            return await self._failed_answer(request, error)
        self._handler_ended()
        if unread and not close and not await wire.discard_body(host.limits.drain):
            close = True
        if close or not wire.reusable:
            await self._part(last)
            return False
        wire.next_exchange()
        return True

    async def _part(self, last: bool) -> None:
        """Let an answer arrive; the connection is closed right after this.

        Args:
            last: The client has said that nothing comes after its request. Where nothing has come, closing at once can
                cost it no byte (nginx waits by the same rule).
        """
        wire = self._wire
        if last and not wire.core.buffered:
            try:
                if not wire.transport.receive_nowait(wire.read_size):
                    return  # nothing, or the client's end
            except ReadError:
                return
        await wire.linger(LINGER, LINGER_BYTES)

    async def _send_final(self, response: Response, *, close: bool) -> None:
        head_only = self.request is not None and self.request.method == "HEAD"
        await send_response(self._wire, response, fixed=self._host.fixed_items(), close=close, head_only=head_only)

    def _worth_draining(self) -> bool:
        core = self._wire.core
        drain = self._host.limits.drain
        length = core.their_body_length
        return not core.they_are_waiting_for_100_continue and (length is None or drain is None or length <= drain)

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
        self._saw(response)
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
        self._give_place_back()  # this may go on for hours, and is no request any more
        self.disarm()  # the exchange is over; what follows may take its time
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

    def _saw(self, response: Response | None) -> None:
        if not self._host.plain:
            self._said = response

    def _handler_ended(self) -> None:
        # from here on nobody is cancelled because the client leaves
        self._host.monitor.running.pop(self, None)
        if not self._moved and self._wire.transport.watched:
            self._wire.transport.unwatch()

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
            "%s: %r: unhandled error of the handler; answered %d%s",
            format_address(self.peer),
            request,
            status,
            _NOT_ASYNC if isinstance(leaf, TypeError) and "await" in str(leaf) else "",
            exc_info=error,
        )
        tell(self._host.instruments, lambda instrument: instrument.handler_failed(request, error))
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

    async def _last_answer(self, response: Response | None) -> None:
        """Say something final, if it can still be said, and let it arrive."""
        wire = self._wire
        self._handler_ended()
        if response is None or wire.broken or wire.core.our_state not in (h1.IDLE, h1.SEND_RESPONSE):
            return
        self._saw(response)
        with trio.move_on_after(LAST_WORDS):
            try:
                await send_response(wire, response, fixed=self._host.fixed_items(), close=True, head_only=False)
            except HTTPError as error:
                log.info("%s: the last answer could not be sent: %s", format_address(self.peer), error)
                return
        await wire.linger(LINGER, LINGER_BYTES)
