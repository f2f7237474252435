"""The two functions that most programs start a server with."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import trio

from .._config import ServerLimits, ServerTimeouts
from ..messages import Address, Handler
from ._entrance import Listener
from ._server import Lifespan, Server

__all__ = ["serve", "serve_connection"]


async def serve(
    handler: Handler,
    port: int = 0,
    *,
    host: str | Sequence[str] | None = "127.0.0.1",
    listeners: Sequence[Listener] | None = None,
    path: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    timeouts: ServerTimeouts | None = None,
    limits: ServerLimits | None = None,
    lifespan: Lifespan | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve HTTP until shut down or cancelled: ``server = await nursery.start(trio_http.serve, handler, 8000)``.

    The :class:`Server` that ``nursery.start`` returns listens already; it knows its ``port``, ``url`` and
    ``connections``, and ``await server.shutdown(grace=5)`` ends it in good order. What is rarer than the options here
    is an option of :class:`Server`.

    Args:
        handler: ``async (Request) -> Response``, called for each request; a Router is one.
        port: The TCP port; 0 for any free one.
        host: An address or a name, or several; None for all addresses, IPv4 and IPv6.
        listeners: trio listeners to use instead of ``port`` and ``host``; closed by us.
        path: Listen on this unix socket instead.
        ssl_context: Serve over TLS with this context.
        timeouts: How long to wait for peers; all on by default, see :class:`ServerTimeouts`.
        limits: What to take from peers; see :class:`ServerLimits`.
        lifespan: An async context manager around everything: ``async with lifespan(server) as state``.
        task_status: For ``nursery.start``.

    Raises:
        ConnectError: The address cannot be bound.

    Cancellation:
        Cancels all handlers and closes everything at once.
    """
    server = Server(
        handler,
        port,
        host=host,
        listeners=listeners,
        path=path,
        ssl_context=ssl_context,
        timeouts=timeouts,
        limits=limits,
        lifespan=lifespan,
    )
    await server.listen(task_status=task_status)


async def serve_connection(
    handler: Handler,
    stream: trio.abc.Stream,
    *,
    peer: Address = None,
    timeouts: ServerTimeouts | None = None,
    limits: ServerLimits | None = None,
) -> None:
    """Serve one connection that was accepted elsewhere, until it ends.

    Args:
        handler: ``async (Request) -> Response``.
        stream: The connected stream, TLS done; closed by us.
        peer: Who it is with, where the stream cannot tell.
        timeouts: How long to wait for the peer.
        limits: What to take from the peer.

    Cancellation:
        Cancels the handler and closes the connection.
    """
    await Server(handler, timeouts=timeouts, limits=limits).serve_stream(stream, peer=peer)
