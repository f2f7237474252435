"""Addresses: as sockets take them, as they show them, and as the network keeps them: ``(host, port)``, host numeric."""

from __future__ import annotations

import socket as stdlib
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias, cast

import trio

__all__ = ["Address", "SocketAddress", "resolve", "shown", "to_ip"]

Address: TypeAlias = tuple[str, int]
SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


@lru_cache(maxsize=4096)
def to_ip(address: str) -> IPv4Address | IPv6Address:
    """Return an address as a value; parsed once, because every connect asks for the same few.

    Raises:
        ValueError: it is none.
    """
    return ip_address(address)


def shown(address: Address, family: stdlib.AddressFamily) -> SocketAddress:
    """Return an address in the form that sockets of a family give it."""
    host, port = address
    if family == stdlib.AF_INET:
        return host, port
    return (host if ":" in host else f"::ffff:{host}"), port, 0, 0


async def resolve(
    address: object, *, family: stdlib.AddressFamily, proto: int = 0, flags: stdlib.AddressInfo | int = 0
) -> Address:
    """Return what a program gave to ``bind`` or ``connect`` as the network keeps it.

    Numeric hosts need no look-up; the flags are those of ``getaddrinfo`` for the others.

    Raises:
        ValueError: it has not the form of the family.
        OverflowError: the port is none.
        OSError: the name is not known.
    """
    six = family == stdlib.AF_INET6
    if not isinstance(address, tuple) or not (2 <= len(address) <= 4 if six else len(address) == 2):
        form = "(host, port[, flowinfo[, scopeid]])" if six else "(host, port)"
        raise ValueError(f"address should be a {form} tuple, not {address!r}")
    host, port = address[0], address[1]
    if host == "":
        host = None
    if isinstance(host, str) and isinstance(port, int) and _is_numeric(host, family):
        if not 0 <= port <= 65535:
            raise OverflowError(f"port must be 0-65535, not {port}")
        return _unmapped(host), port
    found = await trio.socket.getaddrinfo(host, port, family, stdlib.SOCK_STREAM, proto, flags)
    resolved = found[0][4]
    return _unmapped(str(resolved[0])), cast("int", resolved[1])


def _unmapped(host: str) -> str:
    """Return ``::ffff:1.2.3.4`` as the IPv4 address that it stands for, and any other in its shortest form."""
    parsed = to_ip(host)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(parsed if mapped is None else mapped)


def _is_numeric(host: str, family: stdlib.AddressFamily) -> bool:
    try:
        return isinstance(to_ip(host), IPv4Address) == (family == stdlib.AF_INET)
    except ValueError:
        return False
