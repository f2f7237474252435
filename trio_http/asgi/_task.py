"""An application in a task of its own, beside the exchange that it answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import final

import trio

from .._errors import StatusError
from ..messages import Request
from ._at_end import at_end
from ._types import ASGIApplication, Receive, Scope, Send

__all__ = ["DISCONNECT_GRACE", "AppTask"]

log = logging.getLogger("trio_http.asgi")

DISCONNECT_GRACE = 1.0  # seconds for an application that waits in receive() to end by itself once its client has left


@final
class AppTask:
    """One call of an application, in the nursery for background work of whoever carries the request.

    Args:
        request: What it is about.
        app: The application.
        ended: Called when it is over, however it ended.
        dropped: Called when the exchange is over and it is not: nobody will take what it still has to say.

    Attributes:
        failure: What it raised.
        over: Set when it is over.
        handled: True once somebody has taken the failure upon himself: it is not logged again.
        excused: True once it was told that nobody is there any more: what it raises then is its way to end.
    """

    __slots__ = ("_app", "_dropped", "_ended", "_request", "_scope", "excused", "failure", "handled", "over")

    def __init__(
        self, request: Request, app: ASGIApplication, ended: Callable[[], None], dropped: Callable[[], None]
    ) -> None:
        self._request = request
        self._app = app
        self._ended = ended
        self._dropped = dropped
        self._scope = trio.CancelScope()
        self.failure: Exception | None = None
        self.handled = False
        self.excused = False
        self.over = trio.Event()

    async def start(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start it.

        Raises:
            StatusError: 503: the server is shutting down.
            RuntimeError: Whoever carries the request has no nursery.
        """
        server = self._request.server
        if server is not None and server.shutting_down.is_set():
            raise StatusError(503, "the server is shutting down", headers={"Retry-After": "5"})
        self._request.background(self._run, scope, receive, send)
        await at_end(self._request, self._exchange_is_over)

    def _exchange_is_over(self) -> None:
        if not self.over.is_set():
            self._dropped()

    def cancel(self) -> None:
        """End it."""
        self._scope.cancel()

    def cancel_soon(self) -> None:
        """End it, unless it ends by itself in a moment."""
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + DISCONNECT_GRACE)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._scope:
                await self._app(scope, receive, send)
        except Exception as error:
            self.failure = error
        finally:
            self.over.set()
            self._ended()
        if self.failure is None:
            return
        if self.excused:
            log.info("%r: the application ended by %r after its client had left", self._request, self.failure)
        elif not self.handled:
            raise self.failure  # whoever runs background work logs it, with the request
