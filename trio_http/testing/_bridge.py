"""The stdlib bridge: lets code that makes ``socket.socket`` objects, and hands them to trio, run on a virtual network.

How it works:
1. While it is on, ``socket.socket(AF_INET or AF_INET6, SOCK_STREAM)`` makes a stand-in over a virtual socket, and
   ``trio.socket.from_stdlib_socket`` takes the virtual socket out of it. Everything else stays real.
2. It changes the process, so it is opt-in, for the main thread only, and only one at a time. Most code does not need
   it: what asks trio for sockets (httpx, trio-websocket, trio itself) runs on the network as it is.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar, final
from unittest.mock import patch

import trio

from ._network import VirtualNetwork
from ._problems import HarnessError
from ._socket import VirtualSocket
from ._tcp import os_error

if TYPE_CHECKING:
    from typing import Any

__all__ = ["stdlib_bridge"]

_real_socket = socket.socket
_real_wrap = trio.socket.from_stdlib_socket


@final
class _StandIn(_real_socket):
    """What ``socket.socket`` makes while the bridge is on: the part that is used before trio takes over."""

    net: ClassVar[VirtualNetwork | None] = None
    virtual: VirtualSocket

    def __new__(cls, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> Any:  # noqa: A002
        """Make a stand-in for TCP over IP, a real socket for anything else."""
        wanted = socket.AF_INET if family == -1 else family
        kind = socket.SOCK_STREAM if type == -1 else type & 0xF
        if cls.net is None or fileno is not None or wanted not in (socket.AF_INET, socket.AF_INET6):
            return _real_socket(family, type, proto, fileno)
        if kind != socket.SOCK_STREAM:
            return _real_socket(family, type, proto, fileno)
        made = super().__new__(cls)
        made.virtual = cls.net.socket(wanted, kind)
        made._closed = False  # type: ignore[attr-defined]  # socket.socket.__exit__ reads this slot of its own
        return made

    def __init__(self, *args: object, **kwargs: object) -> None:
        # the base class would open a descriptor
        pass

    def __repr__(self) -> str:
        return f"<stand-in for {self.virtual!r}>"

    def __getattribute__(self, name: str) -> Any:
        if name in _PASSED_ON:
            return getattr(object.__getattribute__(self, "virtual"), name)
        return object.__getattribute__(self, name)

    def bind(self, address: Any) -> None:
        """Bind to a numeric address."""
        any_host = "::" if self.virtual.family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104
        self.virtual.bind_now(str(ip_address(address[0] or any_host)), address[1])

    def setblocking(self, flag: bool) -> None:
        """Trio decides."""

    def settimeout(self, value: float | None) -> None:
        """Trio decides."""

    def detach(self) -> int:
        """Refuse: there is no descriptor."""
        raise os_error(errno.EOPNOTSUPP, "a virtual socket has no descriptor")

    def connect(self, address: object) -> None:
        """Refuse: this would block."""
        raise HarnessError(
            "the stdlib bridge carries listeners; connect through trio (trio.socket, trio.open_tcp_stream)"
        )


_PASSED_ON = frozenset(
    {
        "close", "family", "fileno", "get_inheritable", "getpeername", "getsockname", "getsockopt", "listen", "proto",
        "set_inheritable", "setsockopt", "shutdown", "type",
    }
)  # fmt: skip


def _wrap(sock: socket.socket) -> trio.socket.SocketType:
    return sock.virtual if isinstance(sock, _StandIn) else _real_wrap(sock)


@contextmanager
def stdlib_bridge(net: VirtualNetwork) -> Iterator[None]:
    """Let TCP sockets made by the standard library, in this block, belong to ``net``.

    Raises:
        HarnessError: a bridge is on already, or this is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise HarnessError("the stdlib bridge changes the whole process: use it in the main thread")
    if _StandIn.net is not None:
        raise HarnessError("a stdlib bridge is on already")
    with ExitStack() as stack:
        stack.callback(setattr, _StandIn, "net", None)
        _StandIn.net = net
        stack.enter_context(patch.object(socket, "socket", _StandIn))
        stack.enter_context(patch.object(trio.socket, "from_stdlib_socket", _wrap))
        yield
