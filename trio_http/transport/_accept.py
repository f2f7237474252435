"""Accepting from a plain listening socket: all connections that wait, for one trip through the scheduler.

Through a trio listener each connection costs a trip, a stream and a socket object that we would take apart again; with
a thousand waiting, the last of them waits for a thousand turns of the loop.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self, final

import trio

from ._plain import is_plain
from ._readiness import Readiness
from ._socket import SocketTransport

__all__ = ["PlainAcceptor"]

# what concerns one connection only and not us: it died in the queue (accept(2): "treat them like EAGAIN")
_IGNORABLE = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "EPERM", "EPROTO", "ENETDOWN", "ENOPROTOOPT"),
        *("EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH"),
    )
    if hasattr(errno, name)
)


@final
class PlainAcceptor:
    """Takes connections off the socket of a listener; a context manager.

    It uses a descriptor of its own for the same open socket, so the listener stays whole and belongs to whom it did.

    Args:
        listener: A trio listener for which :meth:`fits` is true.
        readiness: Where the connections wait for bytes together; None for each by itself.
    """

    __slots__ = ("_readiness", "_sock")

    @staticmethod
    def fits(listener: trio.abc.Listener[trio.abc.Stream]) -> bool:
        """Tell whether a listener is one of plain sockets: not TLS, not of a virtual network, not a subclass."""
        return type(listener) is trio.SocketListener and is_plain(listener.socket)

    def __init__(self, listener: trio.SocketListener, readiness: Readiness | None) -> None:
        self._readiness = readiness
        self._sock = socket.socket(fileno=os.dup(listener.socket.fileno()))
        self._sock.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sock.close()

    async def accept_some(self, room: Callable[[], int]) -> list[SocketTransport]:
        """Wait until somebody connects, and take as many as are there.

        Args:
            room: Called when somebody has connected: how many may be taken.

        Returns:
            The connections; none if there was no room for one any more.

        Raises:
            OSError: The machine is out of descriptors or memory, and none could be accepted.

        Cancellation:
            Accepts none.
        """
        accepted: list[SocketTransport] = []
        while not accepted:
            await trio.lowlevel.wait_readable(self._sock)
            if (most := room()) < 1:
                break
            try:
                while len(accepted) < most:
                    accepted.append(self._accept())
            except BlockingIOError:
                pass
            except OSError as error:
                if not accepted and error.errno not in _IGNORABLE:
                    raise
        return accepted

    def _accept(self) -> SocketTransport:
        sock, peer = self._sock.accept()
        if sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):  # gone already
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return SocketTransport(sock, name=peer, readiness=self._readiness)
