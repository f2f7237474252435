"""VirtualNetwork: hosts, links, DNS and TCP under trio, in place of the real network.

It is trio's socket factory and resolver for one run; everything above the socket (streams, listeners, TLS, timeouts) is
trio's own.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from types import TracebackType
from typing import Self, final

import trio

from ._chunks import Chunks
from ._dns import DNS
from ._draws import Draws, FaultEvent
from ._faults import Faults
from ._hosts import Directory, Host
from ._links import Link, Way, Ways
from ._medium import Medium
from ._options import is_whole
from ._peer import RawListener, RawPeer
from ._problems import HarnessError, OutsideSimulationError
from ._socket import VirtualSocket
from ._tcp import Connection, os_error
from ._timeline import Timeline
from ._trace import Trace

__all__ = ["VirtualNetwork"]


@final
class VirtualNetwork(trio.abc.SocketFactory):
    """A network in memory; ``async with`` puts it in the place of the real one for the running trio program.

    Example:
        ::

            async with VirtualNetwork(seed=7, link=Link(latency=0.05)) as net:
                api, app = net.host("api", names=["api.example"]), net.host("app")
                api.start_soon(trio.serve_tcp, handler, 80)
                with app.active():
                    stream = await trio.open_tcp_stream("api.example", 80)

    On its own it leaves trio's clock and scheduler as they are; ``simulate``, ``explore`` and the pytest fixture
    ``virtual_network`` add virtual time and determinism.

    Attributes:
        dns: the names, see :class:`DNS`.
        trace: everything that happened, see :class:`Trace`.
        seed: what every decision is drawn from.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        link: Link | None = None,
        chunks: Chunks | None = None,
        buffer: int = 64 << 10,
        trace: bool = True,
        only: Iterable[str] | None = None,
        random: Random | None = None,
    ) -> None:
        """Make a network.

        Args:
            seed: equal seeds make equal decisions.
            faults: what may go wrong; default nothing.
            link: how any two hosts are joined unless :meth:`link` says otherwise; default without delay.
            chunks: how much a read returns; default all that has arrived.
            buffer: send and receive buffer of each socket, in bytes each.
            trace: False records nothing, for measuring.
            only: keys of the faults that may happen (from ``FaultEvent.key``); others are left out.
            random: draws decisions from here in place of the seed (Hypothesis shrinks such a one).

        Raises:
            ValueError: an argument that makes no sense.
        """
        if not is_whole(seed):
            raise ValueError(f"seed={seed!r}: a seed is a whole number")
        if not is_whole(buffer) or buffer < 1:
            raise ValueError(f"buffer={buffer!r}: bytes, 1 or more")
        if faults is not None and not isinstance(faults, Faults):
            raise TypeError(f"faults={faults!r}: give a Faults (simulate and explore also take Faults.swarm)")
        self.seed = seed
        self._timeline = Timeline()
        self._draws = Draws(seed, self._timeline.now, only=only, random=random)
        self.trace: Trace = Trace(enabled=trace)
        self._medium = Medium(
            timeline=self._timeline,
            draws=self._draws,
            trace=self.trace,
            ways=Ways(link or Link(), self._draws),
            faults=faults or Faults(),
        )
        self._medium.send_buffer = self._medium.receive_buffer = buffer
        self.chunks = chunks
        self._hosts = Directory(self._medium, self._open_nursery)
        self.dns: DNS = DNS(self._medium, self._hosts)
        self._sockets: dict[VirtualSocket, None] = {}
        # filled at the end of a simulation, for reports
        self.open_at_end: list[str] = []
        self._running: AbstractAsyncContextManager[Self] | None = None
        self._nursery: trio.Nursery | None = None

    def __repr__(self) -> str:
        state = "running" if self._nursery is not None else "not running"
        return f"<VirtualNetwork seed={self.seed} {state}, {len(self._hosts.by_name)} hosts>"

    # running

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise HarnessError("a VirtualNetwork runs once: make a new one for each run")
        self._running = self._run()
        return await self._running.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        assert self._running is not None
        return await self._running.__aexit__(kind, error, traceback)

    @asynccontextmanager
    async def _run(self) -> AsyncGenerator[Self, None]:
        self._timeline.origin = trio.current_time()
        failure: BaseException | None = None
        body: BaseException | None = None
        try:
            async with trio.open_nursery() as pump:
                pump.start_soon(self._timeline.run, name="virtual network")
                old_factory = trio.socket.set_custom_socket_factory(self)
                old_resolver = trio.socket.set_custom_hostname_resolver(self.dns)
                try:
                    async with trio.open_nursery() as self._nursery:
                        try:
                            yield self
                        except BaseException as error:
                            body = error
                            raise
                        finally:
                            # the hosts' tasks are services: they end with the program
                            self._nursery.cancel_scope.cancel()
                finally:
                    self._nursery = None
                    trio.socket.set_custom_socket_factory(old_factory)
                    trio.socket.set_custom_hostname_resolver(old_resolver)
                    self._timeline.stop()
        except BaseExceptionGroup as group:
            failure = _without_levels(group, 2)
            # nurseries rebuild groups that pass through: if nobody else failed, it is the block's own error
            if body is not None and _leaves(failure) == _leaves(body):
                failure = body
        if failure is not None:
            try:
                raise failure
            finally:
                del failure, body

    def _open_nursery(self) -> trio.Nursery:
        if self._nursery is None:
            raise OutsideSimulationError(f"{self!r}: hosts run tasks only inside `async with` of their network")
        return self._nursery

    @property
    def time(self) -> float:
        """Seconds since the network began."""
        return self._timeline.now()

    def close_sockets(self) -> None:
        """Close everything still open, synchronously; for teardown after leaks were reported."""
        self.open_at_end = [one.described for one in self._sockets]
        for one in list(self._sockets):
            one.close()

    # hosts and links

    def host(self, name: str, *, addresses: Sequence[str] | None = None, names: Sequence[str] = ()) -> Host:
        """Make a host, or return the one of that name.

        Args:
            name: for traces and links; also its DNS name.
            addresses: IPv4 and IPv6; default the next free 10.0.x.y and fd00::n.
            names: more DNS names for it.

        Raises:
            ValueError: an address is taken or none, or the host exists and addresses were given.
        """
        host = self._hosts.by_name.get(name)
        if host is None or addresses is not None:
            host = self._hosts.add(name, addresses)
            self.dns[name] = host
        for one in names:
            self.dns[one] = host
        return host

    @property
    def local(self) -> Host:
        """The host of code that is on no other; 127.0.0.1 and localhost work there as anywhere."""
        return self._hosts.local

    def _ways(self, a: Host | str, b: Host | str, *, one_way: bool) -> list[Way]:
        one, two = self._hosts.named(a).name, self._hosts.named(b).name
        if one == two:
            raise ValueError(f"host {one!r} is joined to itself by loopback, which cannot be changed")
        ways = [self._medium.ways.between(one, two)]
        if not one_way:
            ways.append(self._medium.ways.between(two, one))
        return ways

    def link(
        self,
        a: Host | str,
        b: Host | str,
        link: Link | None = None,
        *,
        up: Faults | None = None,
        down: Faults | None = None,
        one_way: bool = False,
    ) -> None:
        """Say how two hosts are joined, from now on.

        Args:
            a: a host or its name.
            b: the other.
            link: latency, jitter, bandwidth, segment; None leaves them.
            up: faults of what ``a`` sends to ``b``, in place of the network's; None leaves them.
            down: faults of what ``b`` sends to ``a``.
            one_way: change ``a`` to ``b`` only.

        Raises:
            ValueError: no such host, or faults ``down`` of a link changed one way.
        """
        if one_way and down is not None:
            raise ValueError("link(one_way=True, down=...): down is the way that one_way leaves alone")
        for way, faults in zip(self._ways(a, b, one_way=one_way), (up, down), strict=False):
            if link is not None:
                way.link = link
            if faults is not None:
                way.faults = faults

    def partition(self, a: Host | str, b: Host | str, *, one_way: bool = False) -> None:
        """Lose everything between two hosts (``one_way``: from ``a`` to ``b``) until :meth:`heal`."""
        self._block("partition", a, b, one_way=one_way)

    def heal(self, a: Host | str | None = None, b: Host | str | None = None) -> None:
        """End the partitions between two hosts, of one host, or all; lost data follows with its retransmission."""
        self._unblock("heal", a, b)

    def hold(self, a: Host | str, b: Host | str, *, one_way: bool = False) -> None:
        """Keep back everything between two hosts until :meth:`release`; nothing is lost."""
        self._block("hold", a, b, one_way=one_way)

    def release(self, a: Host | str | None = None, b: Host | str | None = None) -> None:
        """Hand over, in order and at once, what :meth:`hold` kept back."""
        self._unblock("release", a, b)

    def _block(self, op: str, a: Host | str, b: Host | str, *, one_way: bool) -> None:
        for way in self._ways(a, b, one_way=one_way):
            if op == "partition":
                way.partitioned = True
            else:
                way.held = True
            self.trace.add(self.time, way.label, "", op, 0, None, "")

    def _unblock(self, op: str, a: Host | str | None, b: Host | str | None) -> None:
        if a is None and b is not None:
            a, b = b, None
        if a is not None and b is not None:
            ways = self._ways(a, b, one_way=False)
        elif a is not None:
            name = self._hosts.named(a).name
            ways = [way for way in self._medium.ways.existing() if name in way.label.split("->")]
        else:
            ways = self._medium.ways.existing()
        for way in ways:
            if way.partitioned if op == "heal" else way.held:
                if op == "heal":
                    way.partitioned = False
                else:
                    way.held = False
                self.trace.add(self.time, way.label, "", op, 0, None, "")
                way.open_if_free(lost=op == "heal")

    # what happens

    @property
    def faults(self) -> Faults:
        """What may go wrong everywhere that no link says otherwise; assign to change it."""
        return self._medium.faults or Faults()

    @faults.setter
    def faults(self, faults: Faults) -> None:
        if not isinstance(faults, Faults):
            raise TypeError(f"faults={faults!r}: give a Faults")
        self._medium.faults = None if faults.none else faults

    @property
    def chunks(self) -> Chunks | None:
        """How much a read returns; assign to change it."""
        return self._medium.chunks

    @chunks.setter
    def chunks(self, chunks: Chunks | None) -> None:
        if chunks is not None and not isinstance(chunks, Chunks):
            raise TypeError(f"chunks={chunks!r}: give a Chunks, such as Chunks.bytewise()")
        self._medium.chunks = chunks

    @property
    def faults_happened(self) -> list[FaultEvent]:
        """The faults that happened so far, in order."""
        return list(self._draws.happened)

    @property
    def interrupt(self) -> BaseException | None:
        """What the given source of chance raised to end the run, if it did (Hypothesis does)."""
        return self._draws.interrupt

    @property
    def connections(self) -> list[Connection]:
        """Every connection ever begun, in order."""
        return list(self._medium.connections)

    def on_connection(self, fn: Callable[[Connection], None]) -> None:
        """Have ``fn`` called with each new connection as its SYN arrives, before any byte of it."""
        self._medium.on_connection.append(fn)

    @property
    def open_sockets(self) -> list[VirtualSocket]:
        """Every socket that the program has not closed."""
        return list(self._sockets)

    def chance(self, kind: str, label: str = "") -> float:
        """Return a seeded number in [0, 1] of your own, keyed like the network's decisions."""
        return self._draws.unit(f"user:{kind}", label)

    def decide(self, kind: str, probability: float) -> bool:
        """Decide a fault of your own, recorded and shrunk like the network's."""
        return self._draws.fault(f"user:{kind}", self._hosts.current().name, probability) is not None

    # scripted peers

    @asynccontextmanager
    async def listen_raw(self, host: Host | str, port: int) -> AsyncGenerator[RawListener, None]:
        """Listen on a host for connections that a script of exact bytes answers.

        The host is made if there is none of that name. Listener and peers are closed at the end of the block.
        """
        where = self.host(host) if isinstance(host, str) else self._hosts.named(host)
        with where.active():
            listener = RawListener(await trio.open_tcp_listeners(port), name=where.name)
        try:
            yield listener
        finally:
            listener.close()

    async def connect_raw(self, host: Host | str, port: int) -> RawPeer:
        """Connect from the host of the running code, as a script of exact bytes.

        Raises:
            OSError: the connection could not be made.
        """
        name = host if isinstance(host, str) else host.ipv4
        return RawPeer(await trio.open_tcp_stream(name, port), name=f"client of {name}:{port}")

    # trio.abc.SocketFactory

    def socket(
        self,
        family: socket.AddressFamily | int = socket.AF_INET,
        type: socket.SocketKind | int = socket.SOCK_STREAM,  # noqa: A002
        proto: int = 0,
    ) -> VirtualSocket:
        """Make a socket on the host of the running code (trio calls this).

        Raises:
            OSError: EAFNOSUPPORT or EPROTONOSUPPORT for anything but TCP over IPv4 and IPv6.
        """
        if family not in (socket.AF_INET, socket.AF_INET6):
            raise os_error(errno.EAFNOSUPPORT, "the virtual network has IPv4 and IPv6")
        if type & 0xF != socket.SOCK_STREAM or proto not in (0, socket.IPPROTO_TCP):
            raise os_error(errno.EPROTONOSUPPORT, "the virtual network carries TCP")
        return VirtualSocket(
            self._medium, self._hosts, family=socket.AddressFamily(family), proto=proto, registry=self._sockets
        )


def _without_levels(group: BaseExceptionGroup[BaseException], levels: int) -> BaseException:
    """Remove the group levels that our own nurseries added; the user's own groups stay."""
    error: BaseException = group
    for _ in range(levels):
        if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
    return error


def _leaves(error: BaseException) -> list[int]:
    """The identities of the errors in a nest of groups."""
    if isinstance(error, BaseExceptionGroup):
        return sorted(leaf for member in error.exceptions for leaf in _leaves(member))
    return [id(error)]
