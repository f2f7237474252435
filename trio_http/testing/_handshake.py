"""A connect under way: SYNs until one is answered, as Linux sends them.

How it works:
1. SYNs leave at 0, 1, 3, 7, 15, 31 and 63 seconds; after 127 seconds the connect fails with ETIMEDOUT.
2. A SYN is lost by a partition, by ``drop_syn`` and by a full backlog; a held one arrives at the release.
3. The first that arrives at a listener makes the connection; its SYN-ACK and ACK travel as segments of it, so data
   never overtakes them. One that finds no listener is refused after a round trip.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, Protocol, final

from ._addresses import Address
from ._hosts import Host
from ._medium import Medium
from ._pipe import ACK, SYNACK
from ._tcp import Connection, End
from ._timeline import Timer

__all__ = ["Connecting", "Handshake"]

_SYN_WAITS: Final = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0)
_SYN_GIVE_UP: Final = 127.0


class Connecting(Protocol):
    """The socket that connects."""

    @property
    def host(self) -> Host:
        """Where it is."""
        ...

    @property
    def bound(self) -> Address | None:
        """Its own address and port."""
        ...

    def label_for(self, address: str, port: int) -> str:
        """Return the label of the next connection to an address."""
        ...

    def attach(self, end: End) -> None:
        """A SYN has been taken: the socket holds ``end`` now."""
        ...

    def connect_failed(self, code: int) -> None:
        """No SYN was taken."""
        ...


@final
class Handshake:
    """A connect under way: SYNs until one is answered."""

    __slots__ = ("_attempt", "_medium", "_socket", "_started", "_target", "_timers", "_way",
                 "connection")  # fmt: skip

    def __init__(self, socket: Connecting, medium: Medium, target: tuple[Host, Address]) -> None:
        self._socket = socket
        self._medium = medium
        self._target = target
        self._attempt = 0
        self._started = medium.timeline.now()
        self._timers: list[Timer] = []
        self._way = medium.ways.between(socket.host.name, target[0].name)
        self.connection: Connection | None = None
        self._timers.append(medium.timeline.at(self._started + _SYN_GIVE_UP, self._give_up))
        self._send_syn()

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._way.waiting.pop(self, None)

    def _later(self, time: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._medium.timeline.at(time, callback))

    def _send_syn(self) -> None:
        medium = self._medium
        host, (address, port) = self._target
        source = self._socket.host
        label = f"{source.name}->{address}:{port}"
        now = medium.timeline.now()
        if self._attempt == 0:
            medium.trace.add(now, source.name, f"{address}:{port}", "syn", 0, None, label)
        self._attempt += 1
        if self._attempt < len(_SYN_WAITS):
            self._later(self._started + _SYN_WAITS[self._attempt], self._send_syn)
        way = self._way
        faults = medium.faults_on(way)
        if faults is not None and medium.draws.fault("drop_syn", label, faults.drop_syn) is not None:
            return
        if host.drops(port) or way.partitioned:
            return
        arrival = max(way.arrival(max(now, source.paused_until), 0), host.paused_until)
        refused = faults is not None and medium.draws.fault("refuse", label, faults.refuse) is not None
        if way.held:
            way.waiting[self] = None
            return
        if arrival <= now:
            self._arrive(refused)
        else:
            self._later(arrival, lambda: self._arrive(refused))

    def way_opened(self, *, lost: bool) -> None:
        """A SYN that was held arrives; one that was lost is sent again in its own time."""
        if not lost:
            self._arrive(False)

    def _arrive(self, refused: bool) -> None:
        medium = self._medium
        host, (address, port) = self._target
        source = self._socket.host
        now = medium.timeline.now()
        if self.connection is not None or self._way.partitioned:
            return
        count = medium.draws.unit
        listener = host.listener(
            address, port, choice=lambda many: int(count("reuseport", f"{address}:{port}") * many) % many
        )
        if refused or host.refuses(port) or listener is None:
            way = medium.ways.between(host.name, source.name)
            if way.partitioned:
                return
            arrival = max(way.arrival(now, 0), source.paused_until)
            if arrival <= now:
                self._refuse()
            else:
                self._later(arrival, self._refuse)
            return
        if not listener.has_room():
            return  # Linux drops the SYN; the next one may find room
        label = self._socket.label_for(address, port)
        bound = self._socket.bound
        assert bound is not None
        self.connection = connection = Connection(medium, label, client=(source, bound), server=(host, (address, port)))
        self._socket.attach(connection.client)
        for told in medium.on_connection:
            told(connection)
        listener.expect(connection.server)
        connection.client.on_handshake = self._established
        connection.server.pipe.push(SYNACK)

    def _established(self, success: bool) -> None:
        self.stop()
        connection = self.connection
        if success and connection is not None:
            medium = self._medium
            medium.trace.add(
                medium.timeline.now(), self._socket.host.name, connection.server_name, "established", 0, None,
                connection.label,
            )  # fmt: skip
            connection.client.pipe.push(ACK)

    def _refuse(self) -> None:
        self._fail(errno.ECONNREFUSED, "refused")

    def _give_up(self) -> None:
        self._fail(errno.ETIMEDOUT, "timeout")

    def _fail(self, code: int, op: str) -> None:
        self.stop()
        _, (address, port) = self._target
        source = self._socket.host
        label = f"{source.name}->{address}:{port}"
        self._medium.trace.add(self._medium.timeline.now(), source.name, f"{address}:{port}", op, 0, None, label)
        if self.connection is not None:
            self.connection.client.close(abort=True)
        self._socket.connect_failed(code)
