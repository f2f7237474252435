"""An ASGI application as a handler.

How it works
------------
* Where the handler is the one that the server calls itself, the application runs in the connection's own task and
  pushes its answer through the connection. Nothing is made per request but a scope, two bound methods and the bytes.
* Everywhere else (behind middleware, in a router, in a client of this process) a Response has to be returned before the
  body is sent, and an application does not return then: it gets a task of its own, in the nursery for background work.
  So do WebSockets and CONNECT, which a handler hands over by returning.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Literal, final

import trio

from .._errors import ReadError
from ..messages import Request, Response, can_be_called_with
from ..server import PushedResponse, Server, ServerConnection
from ._beside import Beside
from ._connect import open_tunnel
from ._http import HTTPSession
from ._lifespan import Lifespan
from ._scope import http_scope
from ._task import DISCONNECT_GRACE
from ._types import ASGIApplication
from ._websocket import open_websocket, wants_websocket

__all__ = ["ASGIHandler"]

log = logging.getLogger("trio_http.asgi")


@final
class ASGIHandler:
    """Answer requests by an ASGI 3 application: ``serve(ASGIHandler(app), 8000)``, or a route of a router.

    The application runs on trio: written for trio, for anyio, or for neither (no asyncio). :func:`serve_asgi` is the
    short way, which also runs its lifespan; otherwise give ``lifespan=handler.lifespan`` to the server.

    Args:
        app: ``async def app(scope, receive, send)``.
        root_path: Where the application is mounted, such as ``"/api"``: ``scope["root_path"]``. A path that does not
            begin with it gets it, as behind a proxy that takes it away.
        lifespan: ``"auto"``: an application that raises before ``lifespan.startup.complete`` does not speak of it;
            ``"on"``: it has to; ``"off"``: it is not asked.
        startup_timeout: Seconds for its start; None for as long as it takes.
        shutdown_timeout: Seconds for its end; None for as long as it takes.
        cancel_on_disconnect: Cancel the application when its client leaves before its answer is complete. Who waits in
            ``receive()`` gets ``http.disconnect`` first, and a second to end by itself. False: it is only told.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        root_path: str = "",
        lifespan: Literal["auto", "on", "off"] = "auto",
        startup_timeout: float | None = None,
        shutdown_timeout: float | None = 30.0,
        cancel_on_disconnect: bool = True,
    ) -> None:
        given: object = app
        if not callable(given) or not can_be_called_with(given, 3):
            hint = ""
            if callable(given) and can_be_called_with(given, 1):
                hint = ". A handler is served by trio_http.serve()"
            elif callable(given) and can_be_called_with(given, 2):
                hint = ". A WSGI application is served by serve_wsgi()"
            raise TypeError(f"{given!r} is no ASGI application: expected `async def app(scope, receive, send)`{hint}")
        if lifespan not in {"auto", "on", "off"}:
            raise ValueError(f"lifespan={lifespan!r}: expected 'auto', 'on' or 'off'")
        root_path = root_path.rstrip("/")
        if root_path and not root_path.startswith("/"):
            raise ValueError(f"root_path={root_path!r}: expected a path, such as '/api'")
        self._app = app
        self._root_path = root_path
        self._lifespan_mode: Literal["auto", "on", "off"] = lifespan
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._cancel = cancel_on_disconnect

    def __repr__(self) -> str:
        return f"<ASGIHandler of {self._app!r}>"

    def lifespan(self, server: Server) -> AbstractAsyncContextManager[Mapping[str, Any]]:
        """Run the application's lifespan around a server: ``serve(handler, lifespan=handler.lifespan)``.

        Raises:
            LifespanError: The application says that it cannot start, or end; or neither says nor ends in time.
        """
        return Lifespan(
            self._app,
            mode=self._lifespan_mode,
            startup_timeout=self._startup_timeout,
            shutdown_timeout=self._shutdown_timeout,
        )

    async def __call__(self, request: Request) -> Response:
        """Let the application answer.

        Raises:
            ASGIError: It does not keep to ASGI.
            Exception: What it raises before it has begun to answer.

        Cancellation:
            Cancels it.
        """
        # Hot: once per request.
        method = request.method
        if method == "CONNECT":
            return await open_tunnel(request, self._app)
        if method == "GET" and wants_websocket(request):
            return await open_websocket(request, self._app, self._root_path)
        scope = http_scope(request, self._root_path)
        connection = request.exchange
        if not isinstance(connection, ServerConnection) or not connection.outermost(self):
            return await Beside(request, self._app, cancel=self._cancel).respond(scope)
        session = HTTPSession(request, connection, self._watch)
        if not self._cancel:
            self._watch(session)
        failure: Exception | None = None
        try:
            await self._app(scope, session.receive, session.send)
        except Exception as error:
            failure = error
        if failure is None and session.complete:
            return PushedResponse.of(session.status, session.items)
        return self._imperfect(request, session, failure)

    def _imperfect(self, request: Request, session: HTTPSession, failure: Exception | None) -> Response:
        """Tell the server how an application ended that has failed, or has not answered in full."""
        if session.complete:
            return PushedResponse.of(session.status, session.items, failure)
        if session.gone:
            if failure is not None:
                log.info("%r: the application ended by %r after its client had left", request, failure)
            if session.fault is None:
                lost = session.lost or ReadError("it did not wait for the end of the answer")
                return PushedResponse.of(session.status, session.items, lost=lost)
            failure = session.fault  # the server knows what to say to it
        if failure is None:
            failure = session.unanswered()
        assert failure is not None
        if not session.started:
            raise failure
        return PushedResponse.of(session.status, session.items, failure)

    def _watch(self, session: HTTPSession) -> None:
        """Be told, from now on, when the client leaves."""
        connection = session.request.exchange
        assert isinstance(connection, ServerConnection)
        connection.on_client_gone(partial(self._client_left, session, connection))

    def _client_left(self, session: HTTPSession, connection: ServerConnection) -> None:
        listened = session.listened
        session.leave()
        if not self._cancel:
            return
        if listened and not connection.server.shutting_down.is_set():
            connection.background(_cut_later, connection, session.request)
        else:
            connection.cut("client_gone")


async def _cut_later(connection: ServerConnection, request: Request) -> None:
    await trio.sleep(DISCONNECT_GRACE)
    if connection.request is request:
        connection.cut("client_gone")
