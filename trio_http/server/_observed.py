"""An exchange in a server that asks for more than a handler: hooks, observers, a bound on handlers or their time.

A server without them never comes here.
"""

from __future__ import annotations

import copy
import logging

import trio

from .. import h1
from ..messages import Request, Response
from ._answers import answer
from ._carrier import Seen
from ._draft import Draft
from ._hooks import call_hook
from ._instruments import Reply, tell
from ._pushing import PushedResponse, Pushing

__all__ = ["Observed"]

log = logging.getLogger("trio_http.server")


class Observed(Pushing):
    """A connection whose exchanges are limited and watched."""

    __slots__ = ()

    async def _observed(self, request: Request) -> bool:
        """Handle a request where more has to be done than in the plain case: limits, hooks, observers."""
        host = self._host
        began, sent = trio.current_time(), self._wire.sent
        self._seen = seen = Seen()
        tell(host.instruments, lambda instrument: instrument.request_received(request))
        try:
            return await self._limited(request, seen)
        finally:
            self._seen = None
            response = seen.response
            if response is None:
                status = 499 if self._cut == "client_gone" else 500
            else:
                status = response.status
            reply = Reply(status, self._wire.sent - sent, trio.current_time() - began, seen.complete)
            tell(host.instruments, lambda instrument: instrument.request_answered(request, response, reply))

    async def _limited(self, request: Request, seen: Seen) -> bool:
        host = self._host
        if not await host.admission.enter():
            host.stats.turned_away += 1
            busy = answer(503, "too many requests at once")
            busy.headers["retry-after"] = str(host.admission.retry_after)
            return await self._send(request, busy, seen)
        self._admitted = True
        try:
            return await self._timed(request, seen)
        finally:
            self._give_place_back()

    async def _timed(self, request: Request, seen: Seen) -> bool:
        seconds = self._host.timeouts.handler
        if seconds is None:
            return await self._hooked(request, seen)
        try:
            with trio.CancelScope(deadline=trio.current_time() + seconds) as self._handler_scope:
                return await self._hooked(request, seen)
            log.warning("%r: not over after %g s (ServerTimeouts.handler)", request, seconds)
            if self._wire.core.our_state is h1.SEND_RESPONSE:
                await self._last_answer(answer(503, "the request took too long"))
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
        if type(response) is PushedResponse:
            keep = await self._after_push(request, response)
        else:
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
