"""From names to addresses: mapped by the user, asked of his resolver or the system's, and remembered for a while.

The system does not say how long an answer may be kept, so it is kept for a fixed, short time. Requests that want the
same name at the same moment ask once: each question to the system occupies a thread.
"""

from __future__ import annotations

import ipaddress
import math
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, final

import trio

from .._errors import ConnectError

__all__ = ["AddressInfo", "Names", "Resolver"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""``async def resolve(host, port)`` returns IP addresses, the preferred first."""

AddressInfo = tuple[int, int, int, Any]  # family, kind, protocol, sockaddr

NAMES_MAX = 1024  # names that are remembered; then the oldest is forgotten


class _Flight:
    """One question that is under way."""

    __slots__ = ("error", "found", "landed")

    def __init__(self) -> None:
        self.landed = trio.Event()
        self.found: list[AddressInfo] | None = None
        self.error: ConnectError | None = None


@final
class Names:
    """What names stand for.

    Args:
        family: ``AF_INET``, ``AF_INET6`` or ``AF_UNSPEC`` for both.
        resolver: Asked instead of the system's; None for that.
        hosts: Names that go elsewhere: ``{"api.example": "127.0.0.1:8000"}``.
        ttl: Seconds for which an answer is kept; None for never keeping one.
    """

    __slots__ = ("_family", "_flights", "_hosts", "_known", "_resolver", "_ttl")

    def __init__(self, *, family: int, resolver: Resolver | None, hosts: Mapping[str, str], ttl: float | None) -> None:
        self._family = family
        self._resolver = resolver
        self._hosts = hosts
        self._ttl = 0.0 if ttl is None else ttl
        self._known: dict[tuple[str, int], tuple[float, list[AddressInfo]]] = {}  # until when, and what
        self._flights: dict[tuple[str, int], _Flight] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """Return the addresses of a name, the preferred first; at least one.

        Args:
            host: A name or an address.
            port: The port.

        Raises:
            ConnectError: It has none.

        Cancellation:
            Whoever waits for the same answer asks for himself.
        """
        wanted = host
        mapped = self._hosts.get(host)
        if mapped is not None:
            host, port = _split_mapped(mapped, port)
        if _is_address(host):
            return await self._ask(wanted, host, port)
        key = (host, port)
        while True:
            known = self._known.get(key)
            if known is not None and known[0] > trio.current_time():
                await trio.lowlevel.checkpoint()
                return known[1]
            flight = self._flights.get(key)
            if flight is None:
                break
            await flight.landed.wait()
            if flight.found is not None:
                return flight.found
            if flight.error is not None:
                raise flight.error.with_text(str(flight.error)) from flight.error.__cause__
        self._flights[key] = flight = _Flight()
        try:
            flight.found = await self._ask(wanted, host, port)
        except ConnectError as error:
            flight.error = error
            raise
        else:
            if self._ttl > 0:
                self._remember(key, flight.found)
            return flight.found
        finally:
            del self._flights[key]
            flight.landed.set()

    def forget(self, host: str, port: int) -> None:
        """Ask anew next time: nobody answers at what is known of this name."""
        mapped = self._hosts.get(host)
        self._known.pop((host, port) if mapped is None else _split_mapped(mapped, port), None)

    def _remember(self, key: tuple[str, int], found: list[AddressInfo]) -> None:
        known = self._known
        known.pop(key, None)  # to the end: the oldest stands first
        known[key] = (trio.current_time() + self._ttl if self._ttl < math.inf else math.inf, found)
        if len(known) > NAMES_MAX:
            del known[next(iter(known))]

    async def _ask(self, wanted: str, host: str, port: int) -> list[AddressInfo]:
        try:
            if self._resolver is not None and not _is_address(host):
                found: list[AddressInfo] = []
                for address in await self._resolver(host, port):
                    found += await _getaddrinfo(address, port, self._family)
            else:
                found = await _getaddrinfo(host, port, self._family)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConnectError(f"cannot resolve the name {wanted!r}: {reason}") from error
        if not found:
            raise ConnectError(f"the name {wanted!r} has no address of the wanted family")
        return found


async def _getaddrinfo(host: str, port: int, family: int) -> list[AddressInfo]:
    infos = await trio.socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return [(info[0], info[1], info[2], info[4]) for info in infos]


def _split_mapped(mapped: str, port: int) -> tuple[str, int]:
    name, colon, number = mapped.rpartition(":")
    if colon and number.isdigit() and ("[" in name or ":" not in name):
        return name.strip("[]"), int(number)
    return mapped.strip("[]"), port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
