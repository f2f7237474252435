"""Hosts: names, addresses, ports in use, and which host the running code is on."""

from __future__ import annotations

import contextlib
import errno
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, TypeVarTuple, final

import trio

from ._addresses import Address, to_ip
from ._medium import Medium
from ._options import is_whole
from ._problems import OutsideSimulationError
from ._tcp import End, os_error

__all__ = ["Directory", "Host", "PortHolder"]

Ts = TypeVarTuple("Ts")
_EPHEMERAL = 49152
_HIGHEST = 65535
LOCAL = "local"
"""The host of code that is on no other."""

_current: ContextVar[Host | None] = ContextVar("trio_http.testing.host", default=None)


class PortHolder(Protocol):
    """A socket that is bound to a port; it may listen."""

    @property
    def bound(self) -> Address | None:
        """Its address and port."""
        ...

    @property
    def dual_stack(self) -> bool:
        """Whether an IPv6 wildcard takes IPv4, too."""
        ...

    @property
    def may_share(self) -> bool:
        """Whether SO_REUSEPORT is set."""
        ...

    @property
    def tolerant(self) -> bool:
        """Whether SO_REUSEADDR is set and it does not listen."""
        ...

    @property
    def is_listening(self) -> bool:
        """Whether connections may come in."""
        ...

    def has_room(self) -> bool:
        """Whether the queue of connections not yet accepted has room."""
        ...

    def expect(self, end: End) -> None:
        """A handshake for ``end`` has begun."""
        ...

    def stop_listening(self) -> None:
        """The host crashed."""
        ...


@final
class Host:
    """A machine on the virtual network; made by ``VirtualNetwork.host``.

    Attributes:
        name: what it is called in traces and in ``net.link``.
        addresses: its IPv4 and IPv6 addresses as text, IPv4 first.
    """

    __slots__ = ("_crashable", "_directory", "_dropped", "_holders", "_medium", "_next_port", "_nursery", "_refused",
                 "addresses", "name", "paused_until")  # fmt: skip

    def __init__(
        self, name: str, *, addresses: Sequence[str], medium: Medium, nursery: Callable[[], trio.Nursery]
    ) -> None:
        self.name: str = name
        self.addresses: tuple[str, ...] = tuple(addresses)
        self.paused_until: float = 0.0
        self._medium = medium
        self._nursery = nursery
        self._next_port = _EPHEMERAL
        self._refused: set[int] = set()
        self._dropped: set[int] = set()
        self._holders: dict[int, list[PortHolder]] = {}
        self._crashable: dict[trio.CancelScope, None] = {}

    def __repr__(self) -> str:
        return f"<Host {self.name} {' '.join(self.addresses)}>"

    @property
    def ipv4(self) -> str:
        """Its first IPv4 address."""
        return next(address for address in self.addresses if ":" not in address)

    @property
    def ipv6(self) -> str:
        """Its first IPv6 address."""
        return next(address for address in self.addresses if ":" in address)

    @contextlib.contextmanager
    def active(self) -> Iterator[Host]:
        """Run the block on this host: sockets it makes, and tasks it starts, belong here."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    # programs on the host

    def start_soon(self, fn: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> None:
        """Start a task on this host, in the network's nursery; :meth:`crash` and the end of the network cancel it."""
        with self.active():
            self._nursery().start_soon(self._run, fn, args, name=fn)

    async def start(self, fn: Callable[..., Awaitable[object]], *args: object) -> object:
        """Start a task as ``nursery.start`` does, on this host; returns what it gave to ``task_status.started``."""
        with self.active():
            return await self._nursery().start(self._run_started, fn, args, name=fn)

    async def _run(self, fn: Callable[..., Awaitable[object]], args: tuple[object, ...]) -> None:
        with trio.CancelScope() as scope:
            self._crashable[scope] = None
            try:
                await fn(*args)
            finally:
                del self._crashable[scope]

    async def _run_started(
        self,
        fn: Callable[..., Awaitable[object]],
        args: tuple[object, ...],
        *,
        task_status: trio.TaskStatus[object],
    ) -> None:
        with trio.CancelScope() as scope:
            self._crashable[scope] = None
            try:
                await fn(*args, task_status=task_status)
            finally:
                del self._crashable[scope]

    # faults

    def refuse(self, port: int, *, on: bool = True) -> None:
        """Refuse connections to ``port``, whoever listens; ``on=False`` ends that."""
        self._toggle(self._refused, port, on)

    def drop_syn(self, port: int, *, on: bool = True) -> None:
        """Never answer connects to ``port`` (they end in ETIMEDOUT after 127 s); ``on=False`` ends that."""
        self._toggle(self._dropped, port, on)

    def _toggle(self, ports: set[int], port: int, on: bool) -> None:
        if not is_whole(port) or not 0 < port <= _HIGHEST:
            raise ValueError(f"port {port!r}: give a number from 1 to {_HIGHEST}")
        (ports.add if on else ports.discard)(port)
        self._note("refuse" if ports is self._refused else "drop-syn", f":{port}")

    def refuses(self, port: int) -> bool:
        """Whether :meth:`refuse` is on for a port."""
        return port in self._refused

    def drops(self, port: int) -> bool:
        """Whether :meth:`drop_syn` is on for a port."""
        return port in self._dropped

    def pause(self, seconds: float) -> None:
        """Let the host neither send nor receive for ``seconds``, as a long stop of a machine does.

        Its tasks run on (their timers are the test's), but nothing they send leaves, and nothing reaches them.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"pause({seconds!r}): seconds are a finite number, 0 or more")
        self.paused_until = max(self.paused_until, self._medium.timeline.now() + seconds)
        self._note("pause", f"{seconds:g}s")

    def crash(self) -> None:
        """Lose power and come back at once: reset all connections, close all listeners, cancel the host's tasks.

        Only tasks started by :meth:`start` and :meth:`start_soon` are cancelled; start them again for a restart.
        """
        self._note("crash", "")
        for holders in list(self._holders.values()):
            for holder in list(holders):
                holder.stop_listening()
        for connection in self._medium.connections:
            if self in (connection.client.host, connection.server.host) and connection.is_open:
                connection.reset()
        for scope in list(self._crashable):
            scope.cancel()

    def _note(self, op: str, what: str) -> None:
        self._medium.trace.add(self._medium.timeline.now(), self.name, what, op, 0, None, "")

    # ports

    def owns(self, address: str) -> bool:
        """Whether an address is this host's: its own, a wildcard, or loopback."""
        return address in self.addresses or _is_loopback(address) or to_ip(address).is_unspecified

    def bind(self, holder: PortHolder, address: str, port: int) -> Address:
        """Book a port.

        Raises:
            OSError: EADDRNOTAVAIL for another host's address, EADDRINUSE for a port in use.
        """
        if not self.owns(address):
            raise os_error(errno.EADDRNOTAVAIL, f"{address} is not an address of virtual host {self.name!r}")
        if port == 0:
            port = self._free_port()
        elif not holder.may_share:
            for other in self._holders.get(port, ()):
                if not (holder.tolerant and other.tolerant) and _overlap(other, holder, address):
                    raise os_error(errno.EADDRINUSE, f"port {port} of virtual host {self.name!r}")
        self._holders.setdefault(port, []).append(holder)
        return address, port

    def release(self, holder: PortHolder, port: int) -> None:
        """Give a booked port back."""
        holders = self._holders.get(port, [])
        if holder in holders:
            holders.remove(holder)
            if not holders:
                del self._holders[port]

    def _free_port(self) -> int:
        for _ in range(_HIGHEST - _EPHEMERAL + 1):
            port = self._next_port
            self._next_port = port + 1 if port < _HIGHEST else _EPHEMERAL
            if port not in self._holders:
                return port
        raise os_error(errno.EADDRNOTAVAIL, f"virtual host {self.name!r} has no free port left")

    def listener(self, address: str, port: int, *, choice: Callable[[int], int]) -> PortHolder | None:
        """Return who listens at an address; of several that share a port, the ``choice(count)``-th."""
        exact: list[PortHolder] = []
        general: list[PortHolder] = []
        version = 6 if ":" in address else 4
        for holder in self._holders.get(port, ()):
            bound = holder.bound
            if bound is None or not holder.is_listening:
                continue
            if bound[0] == address:
                exact.append(holder)
            elif to_ip(bound[0]).is_unspecified and (
                (":" in bound[0]) == (version == 6) or (version == 4 and holder.dual_stack)
            ):
                general.append(holder)
        found = exact or general
        return found[choice(len(found)) if len(found) > 1 else 0] if found else None


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _overlap(other: PortHolder, holder: PortHolder, address: str) -> bool:
    bound = other.bound
    if bound is None:
        return False
    one, two = to_ip(bound[0]), to_ip(address)
    if one.version != two.version:
        six, dual = (one, other.dual_stack) if one.version == 6 else (two, holder.dual_stack)
        return dual and six.is_unspecified
    return one == two or one.is_unspecified or two.is_unspecified


@final
class Directory:
    """Every host of a network, by name and by address."""

    __slots__ = ("_by_address", "_medium", "_nursery", "_used", "by_name", "connection_counts")

    def __init__(self, medium: Medium, nursery: Callable[[], trio.Nursery]) -> None:
        self._medium = medium
        self._nursery = nursery
        self._used = 0
        self.connection_counts: dict[str, int] = {}
        self.by_name: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}

    def add(self, name: str, addresses: Sequence[str] | None) -> Host:
        """Make a host; without addresses it gets the next 10.0.x.y and fd00::n.

        Raises:
            ValueError: the name or an address is taken, or an address is no address or not for a host.
        """
        if not name or any(mark in name for mark in " >#|"):
            raise ValueError(f"host {name!r}: a name is text without spaces, '>', '#' and '|'")
        if name in self.by_name:
            raise ValueError(f"there is a virtual host {name!r} already: {self.by_name[name]!r}")
        if addresses is None:
            self._used += 1
            high, low = divmod(self._used, 250)
            given = [f"10.0.{high}.{low + (high > 0)}", f"fd00::{self._used:x}"]
        else:
            given = [str(_parsed(address)) for address in addresses]
            if not given:
                raise ValueError(f"host {name!r}: give at least one address, or None for the next free ones")
        for address in given:
            if address in self._by_address:
                raise ValueError(f"{address} belongs to virtual host {self._by_address[address].name!r} already")
            parsed = _parsed(address)
            if parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast:
                raise ValueError(f"{address} is not an address a host can have")
        given.sort(key=lambda address: ":" in address)
        host = Host(name, addresses=given, medium=self._medium, nursery=self._nursery)
        self.by_name[name] = host
        for address in given:
            self._by_address[address] = host
        return host

    def named(self, host: Host | str) -> Host:
        """Return a host given as itself or by name.

        Raises:
            ValueError: no such host here.
        """
        if isinstance(host, Host):
            if self.by_name.get(host.name) is not host:
                raise ValueError(f"{host!r} belongs to another network")
            return host
        if host == LOCAL:
            return self.local
        if host not in self.by_name:
            raise ValueError(f"no virtual host {host!r}; there are {', '.join(self.by_name) or 'none'}")
        return self.by_name[host]

    def at(self, address: str) -> Host | None:
        """Return the host with an address."""
        return self._by_address.get(address)

    @property
    def local(self) -> Host:
        """The host of code that is on no other."""
        host = self.by_name.get(LOCAL)
        return self.add(LOCAL, ["10.255.0.1", "fd00::ffff"]) if host is None else host

    def current(self) -> Host:
        """Return the host of the running code.

        Raises:
            OutsideSimulationError: the code is on a host of another network.
        """
        host = _current.get()
        if host is None:
            return self.local
        if self.by_name.get(host.name) is not host:
            raise OutsideSimulationError(f"this code runs on {host!r}, which belongs to another virtual network")
        return host


def _parsed(address: str) -> IPv4Address | IPv6Address:
    try:
        return to_ip(address)
    except ValueError:
        raise ValueError(f"{address!r} is not an IPv4 or IPv6 address") from None
