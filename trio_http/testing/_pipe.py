"""A pipe: one direction of a connection; segments go through in order and are never lost, only late.

How it works:
1. A way without delay delivers inside the call, as loopback does. Else the pipe keeps a queue and one timer.
2. A partition makes segments wait for the heal and the retransmission after it (0.2, 0.6, 1.4, ... s after the loss);
   data that cannot get through for 924.6 s ends in ETIMEDOUT. An RST on a partitioned way is lost.
3. A held way keeps segments back and hands them over at the release. A stall moves the times of what is queued.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol, final

from ._links import Way
from ._medium import Medium
from ._timeline import Timer

__all__ = ["ACK", "DATA", "FIN", "RST", "SYNACK", "Owner", "Pipe", "Receiver"]

_GIVE_UP: Final = 924.6  # tcp_retries2 = 15, with the smallest retransmission timeout
_FIRST_RETRY: Final = 0.2
_LONGEST_RETRY: Final = 120.0

DATA: Final = "data"
FIN: Final = "fin"
RST: Final = "rst"
SYNACK: Final = "syn-ack"
ACK: Final = "ack"


def retransmission(lost_at: float, not_before: float) -> float:
    """Return when a segment lost at ``lost_at`` is sent again at or after ``not_before``, as Linux backs off."""
    time, wait = lost_at, _FIRST_RETRY
    while time < not_before or time == lost_at:
        time += wait
        wait = min(wait * 2, _LONGEST_RETRY)
    return time


class Owner(Protocol):
    """Who holds an end: the network's host and, while it is open, a socket."""

    @property
    def name(self) -> str:
        """The host's name."""
        ...

    @property
    def paused_until(self) -> float:
        """Until when the host does nothing."""
        ...


class Receiver(Protocol):
    """The end that a pipe leads to."""

    @property
    def host(self) -> Owner:
        """Where it is."""
        ...

    @property
    def peer(self) -> Receiver:
        """The end that sends into the pipe."""
        ...

    def arrive(self, kind: str, payload: bytes) -> None:
        """Take in one segment."""
        ...

    def time_out(self) -> None:
        """Nothing that this end sends gets through."""
        ...


@final
class Pipe:
    """One direction of a connection."""

    __slots__ = ("_lost_at", "_queue", "_stalled", "_timer", "in_flight", "last_arrival", "medium", "stalled_until",
                 "target", "way")  # fmt: skip

    def __init__(self, medium: Medium, way: Way, target: Receiver) -> None:
        self.medium: Medium = medium
        self.way: Way = way
        self.target: Receiver = target
        self.in_flight: int = 0
        self.last_arrival: float = 0.0
        self.stalled_until: float = 0.0
        self._queue: deque[tuple[float, str, bytes]] = deque()
        self._timer: Timer | None = None
        self._lost_at = -1.0

    def push(self, kind: str, payload: bytes = b"", *, extra: float = 0.0) -> None:
        """Send one segment; it arrives after all that went before."""
        way = self.way
        target = self.target
        now = self.medium.timeline.now()
        source_paused = target.peer.host.paused_until
        if (
            not self._queue
            and not extra
            and way.instant
            and self.stalled_until <= now
            and source_paused <= now
            and target.host.paused_until <= now
        ):
            target.arrive(kind, payload)
            return
        if kind is RST and way.partitioned:
            self.purge()
            return
        leaves = max(now, source_paused)
        size = len(payload)
        piece = way.link.segment or size
        for start in range(0, size, piece) if size > piece else (0,):
            part = payload[start : start + piece] if size > piece else payload
            arrival = max(self.last_arrival, self.stalled_until, way.arrival(leaves, len(part)) + extra)
            self.last_arrival = arrival
            self._queue.append((arrival, kind, part))
            self.in_flight += len(part)
        self._plan()

    def purge(self) -> None:
        """Forget everything under way: its sender has given up."""
        self._queue.clear()
        self.in_flight = 0
        self._lost_at = -1.0
        self.way.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stall(self, until: float) -> None:
        """Let nothing arrive before ``until``; infinity means for ever."""
        self.stalled_until = max(self.stalled_until, until)
        # bytes after FIN never come, so the last arrival may move too
        self.last_arrival = max(self.last_arrival, until)
        self._queue = deque((max(time, until), kind, payload) for time, kind, payload in self._queue)
        self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue and self not in self.way.waiting:
            self._timer = self.medium.timeline.at(self._queue[0][0], self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        now = self.medium.timeline.now()
        queue = self._queue
        while queue and queue[0][0] <= now:
            if self.way.blocked:
                self._wait_for_way(now)
                return
            paused = self.target.host.paused_until
            if paused > now:
                self.stall(paused)
                return
            _, kind, payload = queue.popleft()
            self.in_flight -= len(payload)
            self.target.arrive(kind, payload)
        if self._timer is None:
            self._plan()

    def _wait_for_way(self, now: float) -> None:
        self.way.waiting[self] = None
        if not self.way.partitioned:
            return
        while self._queue and self._queue[0][1] is RST:
            self._queue.popleft()
        if not self._queue:
            self.way.waiting.pop(self, None)
            return
        self._lost_at = now
        self._timer = self.medium.timeline.at(now + _GIVE_UP, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self.way.waiting.pop(self, None)
        self.target.peer.time_out()

    def way_opened(self, *, lost: bool) -> None:
        """Go on; what was lost comes with its next retransmission."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self.medium.timeline.now()
        if lost and self._lost_at >= 0:
            again = retransmission(self._lost_at, now)
            again = self.way.arrival(again, 0)
        else:
            again = now
        self._lost_at = -1.0
        self.last_arrival = max(self.last_arrival, again)
        self._queue = deque((max(time, again), kind, payload) for time, kind, payload in self._queue)
        if self._queue and self._queue[0][0] <= now:
            self._deliver()
        else:
            self._plan()
