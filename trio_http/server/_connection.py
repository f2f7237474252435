"""One connection of a server: request after request, until one side has had enough.

It decides whose turn it is; what is on the wire is the wire's business, and when to stop is the server's.

How it works
------------
* One cancel scope for the whole connection. It is cancelled by what happens outside user code: the deadline of a
  wait between requests, the client's leaving, the forced end at shutdown. It never revives, so whatever is said to the
  peer afterwards (408, a last answer) is said outside it, under a fresh deadline.
* What its requests may ask is in `_carrier.py`, how they are answered in `_answering.py`: one object, because each call
  from one to another would cost on every request. What most servers do not need is in `_observed.py`.
* Nothing that goes wrong in here leaves :meth:`ServerConnection.run`, except cancellation from outside and what is
  no ``Exception`` (KeyboardInterrupt).
"""

from __future__ import annotations

import logging
import sys
from typing import final

import trio

from .. import h1
from .._errors import ReadError, RemoteProtocolError, TransportError, WriteTimeout
from ..messages import Address, Request, Response
from ..transport import format_address
from ..wire import plain_answer
from ._answers import answer, answer_to_fault
from ._hooks import call_hook
from ._instruments import Disconnect, tell
from ._observed import Observed
from ._pushing import PushedResponse

__all__ = ["ServerConnection"]

log = logging.getLogger("trio_http.server")

HOOK_GRACE = 1.0  # seconds for what has to run after the end of a connection


@final
class ServerConnection(Observed):
    """A connection being served; its arguments and attributes are those of :class:`Carrier`."""

    __slots__ = ()

    # ---------------------------------------------------------------- the life of a connection

    async def run(self) -> None:
        """Serve until the end, then close."""
        host = self._host
        host.came(self)
        try:
            if host.instruments and self._origin is None:
                tell(host.instruments, lambda instrument: instrument.connection_opened(self))
            with self.scope:
                for hook in host.hooks.connect if self._origin is None else ():
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
            try:
                await self._end()
            finally:
                host.left(self)

    async def _end(self) -> None:
        host = self._host
        peer = self.peer  # a closed socket cannot tell any more, and what goes on in the background may ask its request
        self.unwatch()
        if self._moved:
            return
        await self._wire.aclose()
        if host.hooks.disconnect or host.instruments:
            await self._tell_of_end(peer)

    async def _tell_of_end(self, peer: Address) -> None:
        sent, age = self._wire.sent, self.age
        end = Disconnect(peer, self._cause or "closed", self._wire.exchanges, age, sent)
        known = self if self._origin is None else self._origin
        tell(self._host.instruments, lambda instrument: instrument.connection_closed(known, end))
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
                head = wire.next_request()
                if head is None:
                    pipelined = 0
                    while head is None:
                        # Not wire.receive_request(): each coroutine that a wait goes through costs at each wake, and
                        # the more the more connections there are.
                        head = wire.take_request(await wire.transport.receive(wire.read_size))
                elif (pipelined := pipelined + 1) == host.limits.pipelined:
                    pipelined = 0
                    await trio.lowlevel.checkpoint()  # others get a turn
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
            if isinstance(head, h1.ConnectionClosed):
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
            # Nothing of an exchange is kept while the connection is idle: less memory, and what is freed now is still
            # in the processor's cache. With 1,024 connections that is 3 % of all.
            del head, request
            if not keep:
                return
            if self._last and not core.buffered:
                # The head had gone out before, without a word of closing, and nobody else ends what is idle only now.
                self._cause = "shutdown"
                return

    def _move(self) -> None:
        """Let the connection go on in a task of its own, because the handler goes on in this one after its answer."""
        host = self._host
        wire = self._wire
        self._goes_on = False
        host.monitor.running.pop(self, None)
        if self._push_closes or not wire.reusable or host.closing(wire):
            return  # no request comes after this one, or none can before a body that is still arriving
        successor = ServerConnection(host, wire.transport, peer=self._peer)
        successor._origin = self if self._origin is None else self._origin
        successor._wire = wire
        successor.opened_at = self.opened_at
        if host.take_over(successor):
            self._moved = True
            wire.next_exchange()
            wire.belongs_to(successor)

    async def _tidy_up(self) -> None:
        """Take back what the handler has set, and leave what it has entered: in its task, last in first out."""
        self._extra = False
        self._cancel_on_disconnect = self._host.cancel_on_disconnect
        self._body_limit = self._host.limits.body
        self._gone = None
        stack, self._entered = self._entered, None
        if stack is not None:
            try:
                await stack.__aexit__(*sys.exc_info())
            except Exception:
                self._host.stats.errors += 1
                log.exception("%s: leaving what a handler had entered failed", format_address(self.peer))

    # ---------------------------------------------------------------- one exchange

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
            if type(response) is PushedResponse:
                return await self._after_push(request, response)
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
        if not host.plain:
            self._said = response
        return True
