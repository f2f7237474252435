"""Listening: from "port and host" to trio listeners."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from .._errors import ConnectError
from ._protocol import Address

__all__ = ["listener_address", "open_listeners"]


async def open_listeners(
    port: int, *, host: str | None = "127.0.0.1", backlog: int | None = None
) -> Sequence[trio.SocketListener]:
    """Bind and listen.

    Args:
        port: The TCP port; 0 for any free one (the same one for each address family where that can be had).
        host: An address or a name; None for all addresses, IPv4 and IPv6.
        backlog: Connections the kernel queues for us; None for as many as it allows.

    Raises:
        ConnectError: The address cannot be bound; the text says why.
    """
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=backlog)
    except OSError as error:
        where = f"port {port} of {'all addresses' if host is None else host}"
        raise ConnectError(
            f"cannot listen on {where}: {error.strerror or error}. "
            "Choose another port, port=0 for any free one, or stop whoever holds it"
        ) from error


def listener_address(listener: trio.abc.Listener[trio.abc.Stream]) -> Address:
    """Return where a listener listens; None if it is not one of sockets."""
    if isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if not isinstance(listener, trio.SocketListener):
        return None
    name = listener.socket.getsockname()
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else str(name)
