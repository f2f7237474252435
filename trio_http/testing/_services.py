"""trio_http's own server and client on a virtual network: what the fixtures give."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import partial
from typing import cast, final

import trio

from .._config import ServerLimits, ServerTimeouts
from ..client import Client
from ..messages import Handler
from ..server import Server, serve
from ._network import VirtualNetwork

__all__ = ["RealServers", "VirtualServers", "new_client"]


@final
class VirtualServers:
    """Starts servers on hosts of a virtual network: ``server = await virtual_server(handler)``."""

    def __init__(self, net: VirtualNetwork) -> None:
        self._net = net

    async def __call__(
        self,
        handler: Handler,
        port: int = 80,
        *,
        host: str = "server",
        names: Sequence[str] = (),
        ssl_context: ssl.SSLContext | None = None,
        timeouts: ServerTimeouts | None = None,
        limits: ServerLimits | None = None,
    ) -> Server:
        """Serve ``handler`` on a virtual host until the end of the network.

        Args:
            handler: ``async (Request) -> Response``.
            port: where to listen, over IPv4.
            host: the host; made if there is none of that name. Its name is what clients use in the URL.
            names: more DNS names for it.
            ssl_context: serve over TLS.
            timeouts: of the server.
            limits: of the server.

        Returns:
            The server; it listens.
        """
        run = partial(serve, host="0.0.0.0", ssl_context=ssl_context, timeouts=timeouts, limits=limits)  # noqa: S104
        return cast("Server", await self._net.host(host, names=names).start(run, handler, port))


@final
class RealServers:
    """Starts servers on 127.0.0.1, on any free port: ``server = await http_server(handler)``; see ``server.url``."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    async def __call__(
        self,
        handler: Handler,
        *,
        ssl_context: ssl.SSLContext | None = None,
        timeouts: ServerTimeouts | None = None,
        limits: ServerLimits | None = None,
    ) -> Server:
        """Serve ``handler`` over loopback until the end of the test; do not use it with a clock that jumps."""
        run = partial(serve, ssl_context=ssl_context, timeouts=timeouts, limits=limits)
        return cast("Server", await self._nursery.start(run, handler, 0))


def new_client() -> Client:
    """Return a client that takes nothing from the environment."""
    return Client(trust_env=False)
