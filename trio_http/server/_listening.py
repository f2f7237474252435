"""Where a server listens: from what its options say to open listeners, and their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import trio

from ..messages import Address
from ..transport import (
    format_address,
    listener_address,
    listener_from_fd,
    open_listeners,
    open_unix_listener,
)
from ._entrance import Listener

__all__ = ["Listening"]

CLOSE_GRACE = 0.25  # seconds to close all listeners, also while being cancelled
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server that listens everywhere is found


@final
class Listening:
    """The listeners of one server.

    Args:
        port: The TCP port; 0 for any free one.
        host: An address or a name, or several; None for all addresses.
        path: A unix socket instead.
        fd: An inherited file descriptor instead.
        listeners: Listeners instead; they belong to this object from now on.
        backlog: Connections the kernel queues; None for as many as it allows.
        reuse_port: Let several processes listen on one port.
        reuse_address: Bind although connections of an earlier process linger.

    Attributes:
        listeners: What it listens on.
        addresses: Where that is, for each listener that has an address.
    """

    __slots__ = ("_backlog", "_reuse", "_wanted", "addresses", "listeners")

    def __init__(
        self,
        port: int,
        host: str | Sequence[str] | None,
        path: str | None,
        fd: int | None,
        listeners: Sequence[Listener] | None,
        *,
        backlog: int | None,
        reuse_port: bool,
        reuse_address: bool,
    ) -> None:
        if sum(given is not None for given in (path, fd, listeners)) > 1:
            raise ValueError("Server listens in one way: give path, fd or listeners, or port and host")
        self._wanted = (port, host, path, fd)
        self._backlog = backlog
        self._reuse = reuse_port, reuse_address
        self.listeners: Sequence[Listener] = listeners or ()
        self.addresses: Sequence[Address] = ()

    async def open(self) -> None:
        """Bind and listen.

        Raises:
            ConnectError: The address cannot be bound.
        """
        port, host, path, fd = self._wanted
        if self.listeners:
            pass
        elif fd is not None:
            self.listeners = [listener_from_fd(fd)]
        elif path is not None:
            self.listeners = [await open_unix_listener(path, backlog=self._backlog)]
        else:
            reuse_port, reuse_address = self._reuse
            self.listeners = await open_listeners(
                port, host=host, backlog=self._backlog, reuse_port=reuse_port, reuse_address=reuse_address
            )
        found = (listener_address(listener) for listener in self.listeners)
        self.addresses = [address for address in found if address is not None]

    async def close(self) -> None:
        """Close the listeners."""
        # Shielded, because the first aclose() would raise Cancelled and leave the other listeners open.
        with trio.CancelScope(deadline=trio.current_time() + CLOSE_GRACE, shield=True):
            for listener in self.listeners:
                await trio.aclose_forcefully(listener)

    def tcp(self) -> tuple[str, int]:
        """The first address on TCP, as it can be connected to from here.

        Raises:
            RuntimeError: There is none (yet).
        """
        for address in self.addresses:
            if isinstance(address, tuple):
                return _LOOPBACK.get(address[0], address[0]), address[1]
        raise RuntimeError("this server does not listen on a TCP port; it does once nursery.start() has returned")

    def __str__(self) -> str:
        return ", ".join(map(format_address, self.addresses)) or "not listening"
