"""Answers that are sent while the handler still runs, piece by piece: for applications that push rather than return.

A handler returns a response, so that all who stand around it see one. What is pushed passes them by, so only the
handler that the server itself calls may do so (:attr:`Pushing.outermost`), and only an adapter needs to: an application
written for another interface sends from inside its own call. It returns a :class:`PushedResponse` in the end, which
tells those who count what was said.

How it works
------------
* Everything here is called by the adapter, in whichever task its application sends from, one call at a time.
* Whoever pushes sees the errors of the connection; what becomes of it is decided once the handler has returned.
* Once the answer is complete nobody is cancelled because the client leaves, and no time limit of the handler counts.
* A handler that goes on after its answer must not hold up the next request. The monitor, which looks after handlers
  that take longer anyway, finds it, and the connection moves: another object takes over the wire, in its own task.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Self, final

import trio

from .. import h1
from .._errors import HTTPError, LocalProtocolError
from ..messages import Content, Request, Response
from ..semantics import HeaderItem, Headers, reason_bytes
from ..transport import format_address
from ..wire import JOIN_MAX, NO_BODY, begin_response, send_content
from ._answering import LINGER, LINGER_BYTES, Answering, log

__all__ = ["PushedResponse", "Pushing"]


@final
class PushedResponse(Response):
    """What a handler returns that has pushed its answer: status and fields of what was sent, without the body.

    Attributes:
        failure: What went wrong with the application; None if nothing did.
        lost: Why the answer could not reach the client; None if it could.
    """

    __slots__ = ("failure", "lost")

    failure: Exception | None
    lost: HTTPError | None

    @classmethod
    def of(
        cls, status: int, items: list[HeaderItem], failure: Exception | None = None, lost: HTTPError | None = None
    ) -> Self:
        """Make one; nothing is checked a second time."""
        # Hot: once per exchange of an application.
        self = cls.received(status, "", Headers.from_items(items), "HTTP/1.1", None, b"")
        self.failure = failure
        self.lost = lost
        return self


class Pushing(Answering):
    """A connection whose handler may send its answer itself."""

    __slots__ = ()

    def outermost(self, handler: object) -> bool:
        """Tell whether this handler is called by the server itself, with nobody around it who wants the response."""
        host = self._host
        return host.handler is handler and not host.hooks.receive

    def on_client_gone(self, callback: Callable[[], None]) -> None:
        """Call this when the client leaves, instead of cancelling the handler; for the current request.

        The callback may call :meth:`cut`.
        """
        self._gone = callback
        self._extra = True
        if self._host.monitor.parked:
            self._host.monitor.wake()

    @property
    def answered(self) -> bool:
        """True once the answer to the current request is complete."""
        return self._wire.core.our_state not in (h1.SEND_RESPONSE, h1.SEND_BODY)

    # ---------------------------------------------------------------- pushing

    async def push_whole(self, status: int, items: list[HeaderItem], data: bytes) -> None:
        """Send a whole answer.

        Args:
            status: 200 to 999.
            items: The fields, checked; those about framing and the connection are ours to choose.
            data: The body; dropped where none may be sent.

        Raises:
            LocalProtocolError: The body is not as long as its Content-Length; nothing was sent.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        # Hot: once per exchange of an application that answers in one piece.
        wire = self._wire
        host = self._host
        if len(data) <= JOIN_MAX and not host.closing(wire):
            plain = wire.core.send_plain_answer(status, reason_bytes(status), items, host.fixed_lines(), data)
            if plain is not None:
                if (unsent := wire.send_nowait(plain)) is not None:
                    await wire.send_unsent(unsent)
                self._answer_ended()
                return
        await self._begin(status, items, data, whole=True)
        await self._end_push()

    async def push_head(self, status: int, items: list[HeaderItem], first: bytes) -> None:
        """Send a head, and the first bytes of the body with it.

        Raises:
            LocalProtocolError: It breaks HTTP.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        await self._begin(status, items, first, whole=False)

    async def push_chunk(self, data: bytes) -> None:
        """Send more of the body; waits while the peer is slow to take it.

        Raises:
            LocalProtocolError: It is longer than declared.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        if self._bodiless or not data:
            await trio.lowlevel.checkpoint()  # an empty chunk would be the end on the wire
        else:
            await self._wire.send_event(h1.Data(data=data))

    async def push_content(self, content: Content) -> None:
        """Send more of the body from where it comes, as :meth:`push_chunk` does; closes it on every path."""
        if self._bodiless:
            await content.aclose()
        else:
            await send_content(self._wire, content)

    async def push_end(self, trailers: Sequence[HeaderItem]) -> None:
        """End the answer.

        Args:
            trailers: Fields to send behind the body, where that is sent in chunks; dropped otherwise.

        Raises:
            LocalProtocolError: The body is shorter than declared.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        await self._wire.send_event(h1.EndOfMessage(headers=h1.Headers(list(trailers) if self._chunked else [])))
        await self._end_push()

    async def _begin(self, status: int, items: list[HeaderItem], data: bytes, *, whole: bool) -> None:
        wire = self._wire
        host = self._host
        request = self.request
        if wire.core.our_state is not h1.SEND_RESPONSE or request is None:
            raise LocalProtocolError(
                f"{request!r} cannot be answered any more: the connection is {wire.core.our_state}"
            )
        close = wire.fault is not None or host.closing(wire)
        if wire.core.their_state is h1.SEND_BODY and not self._worth_draining():
            close = True
        self._push_closes = close
        response = Response(status=status)
        response.headers = Headers.from_items(items)
        self._bodiless = request.method == "HEAD" or status in NO_BODY
        counted = any(item[1] == b"content-length" for item in items)
        self._chunked = not (counted or self._bodiless) and request.supports_http_1_1
        if whole:
            response.replace_content(data)
            await self._send_final(response, close=close)
        else:
            first = b"" if self._bodiless else data
            await begin_response(wire, response, first, fixed=host.fixed_items(), close=close)

    async def _end_push(self) -> None:
        self._answer_ended()
        if self._push_closes or not self._may_go_on():
            # A client that reads until the end must not wait for what the application does after its answer.
            self._push_closes = True
            with contextlib.suppress(HTTPError):
                await self._wire.transport.send_eof()

    def _may_go_on(self) -> bool:
        core = self._wire.core
        return core.our_state is h1.DONE and not self._wire.broken

    def _answer_ended(self) -> None:
        if self._wire.transport.watched:
            self._wire.transport.unwatch()
        if self._admitted:
            self._give_place_back()  # what follows is no request any more
        self._goes_on = True  # most return at once; the monitor sees to those that do not
        if self._host.monitor.parked:
            self._host.monitor.wake()
        self.disarm()

    # ---------------------------------------------------------------- after the handler

    async def _after_push(self, request: Request, response: PushedResponse) -> bool:
        """See what becomes of the connection, once a handler that has pushed returns."""
        wire = self._wire
        self._saw(response)
        self._goes_on = False
        failure = response.failure
        if response.lost is not None:
            return self._lost(request, response.lost)
        if failure is not None:
            if not self._moved and not self.answered:
                return await self._failed_answer(request, failure)
            self._host.stats.errors += 1
            log.error("%s: %r: failed after its answer", format_address(self.peer), request, exc_info=failure)
            await self._tell_of_error(failure)
        if self._moved:
            return False
        close = self._push_closes
        self._push_closes = False
        if not close and self._host.closing(wire):
            return False  # the shutdown began after the answer: from then on this was an idle connection
        if not close and wire.core.their_state is h1.SEND_BODY:
            close = not await wire.discard_body(self._host.limits.drain)
        if close or not wire.reusable:
            await wire.linger(LINGER, LINGER_BYTES)
            return False
        wire.next_exchange()
        return True
