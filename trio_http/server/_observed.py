"""An exchange in a server that asks for more than a handler: hooks, observers, a bound on handlers or their time.

A server without them never comes here.
"""

from __future__ import annotations

import copy
import logging

import trio

from .. import h1
from ..messages import Request
from ._answers import answer
from ._draft import Draft
from ._hooks import call_hook
from ._instruments import Reply, tell
from ._pushing import PushedResponse, Pushing

__all__ = ["Observed"]

log = logging.getLogger("trio_http.server")


class Observed(Pushing):
    """A connection whose exchanges are limited and watched."""

    __slots__ = ()

    async def _exchange(self, request: Request) -> bool:
        """Handle a request and send the answer; see `_connection.py`."""
        raise NotImplementedError

    async def _observed(self, request: Request) -> bool:
        """Handle a request where more has to be done than in the plain case: limits, hooks, observers."""
        # Hot for those who log, count or limit.
        host = self._host
        instruments = host.instruments
        wire = self._wire
        began, sent = trio.current_time(), wire.sent
        wire.received = 0
        self._complete = False
        self._saw(None)
        if instruments:
            tell(instruments, lambda instrument: instrument.request_received(request))
        try:
            if not (host.admission.enter_nowait() or await host.admission.enter()):
                return await self._turn_away(request)
            self._admitted = True
            try:
                if host.timeouts.handler is None:
                    return await self._hooked(request)
                return await self._timed(request, host.timeouts.handler)
            finally:
                self._give_place_back()
        finally:
            response, self._said = self._said, None
            if instruments:
                if response is None:
                    status = 499 if self._cut == "client_gone" else 500
                else:
                    status = response.status
                reply = Reply(status, wire.sent - sent, trio.current_time() - began, self._complete, wire.received)
                tell(instruments, lambda instrument: instrument.request_answered(request, response, reply))

    async def _turn_away(self, request: Request) -> bool:
        host = self._host
        host.stats.turned_away += 1
        busy = answer(503, "too many requests at once")
        busy.headers["retry-after"] = str(host.admission.retry_after)
        keep = await self._answer(request, busy)
        await self._tell_of_reply(request)
        return keep

    async def _timed(self, request: Request, seconds: float) -> bool:
        self._handler_scope = scope = trio.CancelScope()
        self.arm(trio.current_time() + seconds)  # cheaper than a deadline of the scope's own
        try:
            with scope:
                return await self._hooked(request)
            log.warning("%r: not over after %g s (ServerTimeouts.handler)", request, seconds)
            if self._wire.core.our_state is h1.SEND_RESPONSE:
                await self._last_answer(answer(503, "the request took too long"))
        finally:
            self.disarm()
            self._handler_scope = None
        return False

    async def _hooked(self, request: Request) -> bool:
        hooks = self._host.hooks
        keep = await (self._drafted(request) if hooks.receive else self._exchange(request))
        if hooks.reply:
            await self._tell_of_reply(request)
        else:
            self._complete = self._cause is None
        return keep

    async def _drafted(self, request: Request) -> bool:
        """Handle a request that hooks see before the handler does, with the beginning of an answer."""
        draft = Draft()
        try:
            for hook in self._host.hooks.receive:
                await call_hook(hook(request, draft))
                if draft.answered:
                    break
        except Exception as error:
            return await self._answer(request, await self._answer_to(request, error))
        if draft.answered:
            return await self._answer(request, draft.finish())
        response = await self._handle(request)
        if type(response) is PushedResponse:
            return await self._after_push(request, response)
        if draft.headers:
            response = copy.copy(response)  # the handler may return one object again and again
            response.headers = response.headers.copy()
            for name, value in draft.headers.get_all():
                if name not in response.headers or name.lower() == "set-cookie":
                    response.headers.add(name, value)
        return await self._answer(request, response)

    async def _tell_of_reply(self, request: Request) -> None:
        self._complete = self._cause is None
        if not self._complete or self._said is None:
            return
        for hook in self._host.hooks.reply:
            try:
                await call_hook(hook(request, self._said))
            except Exception as error:
                self._host.stats.errors += 1
                log.exception("%r: an on_reply hook failed", request)
                await self._tell_of_error(error)
