"""Addresses: parsed once, because every connect asks for the same few."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["to_ip"]


@lru_cache(maxsize=4096)
def to_ip(address: str) -> IPv4Address | IPv6Address:
    """Return an address as a value.

    Raises:
        ValueError: it is none.
    """
    return ip_address(address)
