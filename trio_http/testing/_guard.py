"""no_network: a guard that keeps tests from reaching the real network by accident."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING
from unittest.mock import patch

from ._problems import RealNetworkError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["no_network"]

_LOCAL_NAMES = ("", "localhost")


def _is_local(host: object, allow: frozenset[str]) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or not isinstance(host, str):
        return True
    if host in allow or host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return parsed.is_loopback or parsed.is_unspecified


@contextmanager
def no_network(*, allow: Iterable[str] = ()) -> Iterator[None]:
    """Let every attempt to reach a host that is not this machine fail with :class:`RealNetworkError`.

    It stands at the standard library's sockets and resolver, so it holds for any library in this process. Virtual
    networks, loopback and Unix sockets are not concerned.

    Args:
        allow: names and addresses that may be reached all the same.

    Raises:
        TypeError: ``allow`` is one string.
    """
    if isinstance(allow, str):
        raise TypeError(f"no_network(allow={allow!r}): give a collection of names")
    allowed = frozenset(allow)

    def check(host: object, doing: str) -> None:
        if not _is_local(host, allowed):
            raise RealNetworkError(
                f"the test {doing} {host!r} on the real network; use a VirtualNetwork, or allow it by "
                f"no_network(allow=[{host!r}])"
            )

    def guarded(name: str, at: int) -> Any:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *args: Any) -> Any:
            address = args[at] if len(args) > abs(at) - (at < 0) else None
            if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                check(address[0], f"calls socket.{name}() to")
            return real(self, *args)

        return call

    def lookup(name: str) -> Any:
        real = getattr(socket, name)

        def call(host: Any, *args: Any, **kwargs: Any) -> Any:
            check(host, "looks up")
            return real(host, *args, **kwargs)

        return call

    with ExitStack() as stack:
        for name, at in (("connect", 0), ("connect_ex", 0), ("sendto", -1), ("sendmsg", 3)):
            stack.enter_context(patch.object(socket.socket, name, guarded(name, at)))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
            stack.enter_context(patch.object(socket, name, lookup(name)))
        yield
