"""The functions that most programs serve an application with."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Literal

import trio

from .._config import ServerLimits, ServerTimeouts
from ..server import Listener, Server
from ._handler import ASGIHandler
from ._types import ASGIApplication
from ._wsgi import THREADS, WSGIApplication, WSGIHandler

__all__ = ["serve_asgi", "serve_wsgi"]


async def serve_asgi(
    app: ASGIApplication,
    port: int = 0,
    *,
    host: str | Sequence[str] | None = "127.0.0.1",
    listeners: Sequence[Listener] | None = None,
    path: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    timeouts: ServerTimeouts | None = None,
    limits: ServerLimits | None = None,
    root_path: str = "",
    lifespan: Literal["auto", "on", "off"] = "auto",
    cancel_on_disconnect: bool = True,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI 3 application until shut down or cancelled: ``await nursery.start(serve_asgi, app, 8000)``.

    What is rarer than the options here is an option of :class:`Server` or of :class:`ASGIHandler`:
    ``handler = ASGIHandler(app); Server(handler, lifespan=handler.lifespan, ...)``.

    Args:
        app: ``async def app(scope, receive, send)``; it runs on trio.
        port: The TCP port; 0 for any free one.
        host: An address or a name, or several; None for all addresses, IPv4 and IPv6.
        listeners: trio listeners to use instead of ``port`` and ``host``; closed by us.
        path: Listen on this unix socket instead.
        ssl_context: Serve over TLS with this context.
        timeouts: How long to wait for peers; all on by default, see :class:`ServerTimeouts`.
        limits: What to take from peers; see :class:`ServerLimits`.
        root_path: Where the application is mounted; see :class:`ASGIHandler`.
        lifespan: Whether the application is asked to start and end: ``"auto"``, ``"on"`` or ``"off"``.
        cancel_on_disconnect: Cancel the application when its client leaves before its answer is complete.
        task_status: For ``nursery.start``.

    Raises:
        ConnectError: The address cannot be bound.
        LifespanError: The application cannot start, or end.

    Cancellation:
        Cancels all calls of the application and closes everything at once.
    """
    handler = ASGIHandler(app, root_path=root_path, lifespan=lifespan, cancel_on_disconnect=cancel_on_disconnect)
    server = Server(
        handler,
        port,
        host=host,
        listeners=listeners,
        path=path,
        ssl_context=ssl_context,
        timeouts=timeouts,
        limits=limits,
        lifespan=handler.lifespan,
        cancel_on_disconnect=cancel_on_disconnect,
    )
    await server.listen(task_status=task_status)


async def serve_wsgi(
    app: WSGIApplication,
    port: int = 0,
    *,
    host: str | Sequence[str] | None = "127.0.0.1",
    listeners: Sequence[Listener] | None = None,
    path: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    timeouts: ServerTimeouts | None = None,
    limits: ServerLimits | None = None,
    root_path: str = "",
    threads: int | trio.CapacityLimiter = THREADS,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a WSGI application until shut down or cancelled: ``await nursery.start(serve_wsgi, app, 8000)``.

    What is rarer than the options here is an option of :class:`Server`: ``Server(WSGIHandler(app), ...)``.

    Args:
        app: ``def app(environ, start_response)``; each call runs in a thread.
        port: The TCP port; 0 for any free one.
        host: An address or a name, or several; None for all addresses, IPv4 and IPv6.
        listeners: trio listeners to use instead of ``port`` and ``host``; closed by us.
        path: Listen on this unix socket instead.
        ssl_context: Serve over TLS with this context.
        timeouts: How long to wait for peers; all on by default, see :class:`ServerTimeouts`.
        limits: What to take from peers; see :class:`ServerLimits`.
        root_path: Where the application is mounted: ``SCRIPT_NAME``.
        threads: How many calls run at once, or a limiter to share.
        task_status: For ``nursery.start``.

    Raises:
        ConnectError: The address cannot be bound.

    Cancellation:
        Closes everything at once; calls that are under way are waited for, because a thread cannot be cancelled.
    """
    server = Server(
        WSGIHandler(app, threads=threads, root_path=root_path),
        port,
        host=host,
        listeners=listeners,
        path=path,
        ssl_context=ssl_context,
        timeouts=timeouts,
        limits=limits,
    )
    await server.listen(task_status=task_status)
