"""DNS of the virtual network: names to addresses, with failures and delays."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import trio

from ._addresses import to_ip
from ._hosts import Directory, Host
from ._medium import Medium

if TYPE_CHECKING:
    from typing import Any

__all__ = ["DNS"]

Failure: TypeAlias = Literal["unknown", "again", "broken"]
_FAILURES: dict[Failure, tuple[int, str]] = {
    "unknown": (socket.EAI_NONAME, "Name or service not known"),
    "again": (socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "broken": (socket.EAI_FAIL, "Non-recoverable failure in name resolution"),
}
_SERVICES = {"http": 80, "https": 443, "ws": 80, "wss": 443, "domain": 53, "smtp": 25, "ssh": 22}


@final
class DNS(trio.abc.HostnameResolver):
    """The resolver of one network, and its zone: ``net.dns["api.example"] = ["fd00::99", api]``.

    Names of hosts are in it from the start. Order counts: programs try the first address first.
    """

    def __init__(self, medium: Medium, directory: Directory) -> None:
        self._medium = medium
        self._directory = directory
        self._names: dict[str, tuple[str, ...]] = {}
        self._failing: dict[str, Failure] = {}
        self._delays: dict[str, float] = {}

    def __setitem__(self, name: str, addresses: str | Host | Iterable[str | Host]) -> None:
        if isinstance(addresses, str | Host):
            addresses = [addresses]
        found: list[str] = []
        for address in addresses:
            if isinstance(address, Host):
                found.extend(address.addresses)
            else:
                try:
                    found.append(str(to_ip(address)))
                except ValueError:
                    raise ValueError(f"dns[{name!r}]: {address!r} is neither an address nor a Host") from None
        if not found:
            raise ValueError(f"dns[{name!r}]: give at least one address; fail() makes a name fail")
        self._names[_key(name)] = tuple(dict.fromkeys(found))

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._names[_key(name)]

    def __delitem__(self, name: str) -> None:
        del self._names[_key(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._names

    def fail(self, name: str, failure: Failure = "unknown") -> None:
        """Let look-ups of ``name`` fail: "unknown" (EAI_NONAME), "again" (EAI_AGAIN), "broken" (EAI_FAIL)."""
        if failure not in _FAILURES:
            raise ValueError(f"fail({name!r}, {failure!r}): say one of {', '.join(_FAILURES)}")
        self._failing[_key(name)] = failure

    def delay(self, name: str, seconds: float) -> None:
        """Let look-ups of ``name`` take so many seconds; infinity is for ever."""
        if not seconds >= 0:
            raise ValueError(f"delay({name!r}, {seconds!r}): seconds are 0 or more")
        self._delays[_key(name)] = seconds

    def restore(self, name: str) -> None:
        """End failures and delays of ``name``."""
        self._failing.pop(_key(name), None)
        self._delays.pop(_key(name), None)

    async def getaddrinfo(  # the name and order of trio.abc.HostnameResolver
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Resolve a name as the system's resolver would, from the zone alone."""
        await trio.lowlevel.checkpoint()
        name = _key(host.decode("ascii") if host is not None else "localhost")
        number = _port(port)
        delay = self._delays.get(name, 0.0)
        failure = self._failing.get(name)
        faults = self._medium.faults
        label = f"{self._directory.current().name} dns {name}"
        if faults is not None:
            chosen = self._medium.draws.fault("dns_delay", label, faults.dns_delay)
            if chosen is not None:
                least, most = faults.delay_seconds
                delay += least + chosen * (most - least)
            if self._medium.draws.fault("dns_fail", label, faults.dns_fail) is not None:
                failure = "again"
        if delay:
            await trio.sleep(delay)
        addresses = () if failure else self._addresses(name)
        wanted = [a for a in addresses if family in (0, socket.AF_INET6 if ":" in a else socket.AF_INET)]
        if not wanted and family == socket.AF_INET6 and flags & socket.AI_V4MAPPED:
            wanted = [f"::ffff:{address}" for address in addresses]
        self._log(name, " ".join(wanted) or failure or "unknown")
        if not wanted:
            raise socket.gaierror(*_FAILURES[failure or "unknown"])
        kind = socket.SocketKind(type) if type else socket.SOCK_STREAM
        return [
            (socket.AF_INET6, kind, proto or socket.IPPROTO_TCP, "", (address, number, 0, 0))
            if ":" in address
            else (socket.AF_INET, kind, proto or socket.IPPROTO_TCP, "", (address, number))
            for address in wanted
        ]

    def _addresses(self, name: str) -> tuple[str, ...]:
        if name == "localhost" or name.endswith(".localhost"):
            return self._names.get(name, ("::1", "127.0.0.1"))
        try:
            return (str(to_ip(name)),)
        except ValueError:
            return self._names.get(name, ())

    async def getnameinfo(self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int) -> tuple[str, str]:
        """Name an address: its host's name, or the number where there is none or NI_NUMERICHOST asks for it."""
        await trio.lowlevel.checkpoint()
        host = self._directory.at(sockaddr[0])
        if flags & socket.NI_NUMERICHOST or host is None:
            if host is None and flags & socket.NI_NAMEREQD:
                raise socket.gaierror(*_FAILURES["unknown"])
            return sockaddr[0], str(sockaddr[1])
        return host.name, str(sockaddr[1])

    def _log(self, name: str, answer: str) -> None:
        medium = self._medium
        host = self._directory.current().name
        medium.trace.add(medium.timeline.now(), host, name, "dns", 0, None, answer)


def _key(name: str) -> str:
    return name.rstrip(".").lower()


def _port(port: bytes | str | int | None) -> int:
    if isinstance(port, bytes):
        port = port.decode("ascii")
    if port is None:
        return 0
    if isinstance(port, str):
        if port in _SERVICES:
            return _SERVICES[port]
        if not port.isdigit():
            raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype")
        port = int(port)
    return port
