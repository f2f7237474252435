"""What a running server is doing, connection by connection, as JSON: for ``trio-http top``, and for programs.

It only reads what is there already, so it costs nothing while nobody asks. It holds no fields, no bodies and no
queries: secrets travel in them. It does hold the addresses of clients and the paths they ask for.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import trio

from .. import _clock
from ..messages import Handler, Request, Response
from ..transport import format_address, open_unix_listener
from ._carrier import Carrier
from ._server import Server

__all__ = ["serve_status", "status_of", "status_page"]

MOST = 1000  # connections that are told of; all are counted


def status_of(server: Server, most: int = MOST) -> Mapping[str, Any]:
    """Return what a server is doing now, fit for JSON.

    Args:
        server: The server.
        most: At most so many connections are told of; those that are doing something first, then the oldest.
    """
    connections = server.connections
    told = sorted(connections, key=lambda connection: connection.request is None)[:most]
    return {
        "pid": os.getpid(),
        "time": _clock.wall(),
        "addresses": [format_address(address) for address in server.addresses],
        "draining": server.draining,
        "active": server.active,
        "open": len(connections),
        "stats": dataclasses.asdict(server.stats),
        "connections": [_describe(connection) for connection in told],
    }


def _describe(connection: Carrier) -> Mapping[str, Any]:
    request = connection.request
    now = trio.current_time()
    until = connection.deadline - now
    return {
        "peer": format_address(connection.peer),
        "opened": round(connection.opened_at, 6),  # with the peer it tells connections apart
        "age": round(connection.age, 3),
        "phase": connection.phase,
        "requests": connection.requests,
        "sent": connection.bytes_sent,
        "scheme": connection.scheme,
        "deadline": round(until, 3) if until < 1e9 else None,
        "ip": None if request is None else request.ip,
        "method": None if request is None else request.method,
        "path": None if request is None else request.path,
        "route": None if request is None else request.route,
    }


def status_page(server: Server) -> Handler:
    """Return a handler that tells what a server is doing: see :func:`status_of`.

    Whoever may ask it sees who is connected and what they look at: mount it where only you come by, or better give it
    a unix socket of its own with :func:`serve_status`.
    """

    async def status(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(json=status_of(server), headers={"Cache-Control": "no-store"})

    return status


async def serve_status(
    server: Server, path: str, *, mode: int = 0o600, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve the status of a server on a unix socket, for ``trio-http top PATH``, until cancelled.

    Args:
        server: The server to tell of.
        path: The socket.
        mode: Its permissions; by default nobody but the user the server runs as may ask.
        task_status: For ``nursery.start``; gives the server of the status.

    Raises:
        ConnectError: The path cannot be bound.
    """
    listener = await open_unix_listener(path, mode=mode)
    await Server(status_page(server), listeners=[listener]).listen(task_status=task_status)
