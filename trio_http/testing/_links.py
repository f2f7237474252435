"""Links: what lies between two hosts, one :class:`Way` for each direction; partitions and holds live here.

How it works:
1. A way says when a segment that leaves now will arrive. It knows nothing of TCP.
2. A partitioned way loses what is sent; TCP sends again, so data waits for the heal and then for its next
   retransmission. A held way keeps what is sent and hands it over, in order, at the release.
3. The bandwidth of a way is shared by all connections that use it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, final

from ._draws import Draws
from ._faults import Faults
from ._options import is_number, is_whole

__all__ = ["Link", "Waiting", "Way", "Ways"]

_NO_FAULTS = Faults()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How two hosts are joined, in one direction or both.

    Attributes:
        latency: seconds from one host to the other.
        jitter: at most so many seconds more, seeded for each segment. TCP keeps the order.
        bandwidth: bytes a second, shared by all connections of the direction; None is unlimited.
        segment: largest piece that travels on its own, in bytes; None sends each write as one piece.

    Raises:
        ValueError: a number that is negative, not finite or, for bandwidth and segment, zero.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float | None = None
    segment: int | None = None

    def __post_init__(self) -> None:
        for name in ("latency", "jitter"):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value < math.inf:
                raise ValueError(f"Link({name}={value!r}): seconds are a finite number, 0 or more")
        if self.bandwidth is not None and not (is_number(self.bandwidth) and 0 < self.bandwidth < math.inf):
            raise ValueError(f"Link(bandwidth={self.bandwidth!r}): bytes a second, more than 0; None is unlimited")
        if self.segment is not None and (not is_whole(self.segment) or self.segment < 1):
            raise ValueError(f"Link(segment={self.segment!r}): bytes, 1 or more; None is unlimited")


class Waiting(Protocol):
    """What stands before a blocked way and wants to know when it opens."""

    def way_opened(self, *, lost: bool) -> None:
        """The way is open; ``lost`` says whether what was sent meanwhile has to be sent again."""
        ...


@final
class Way:
    """One direction between two hosts."""

    __slots__ = ("_free_at", "draws", "faults", "held", "label", "link", "partitioned", "waiting")

    def __init__(self, label: str, link: Link, faults: Faults | None, draws: Draws) -> None:
        self.label: str = label
        self.link: Link = link
        self.faults: Faults | None = faults
        self.draws: Draws = draws
        self.partitioned: bool = False
        self.held: bool = False
        self.waiting: dict[Waiting, None] = {}
        self._free_at = 0.0

    @property
    def blocked(self) -> bool:
        """Whether nothing arrives now."""
        return self.partitioned or self.held

    @property
    def instant(self) -> bool:
        """Whether what is sent arrives in the same moment."""
        link = self.link
        return not (self.partitioned or self.held or link.latency or link.jitter or link.bandwidth)

    def arrival(self, leaves: float, size: int) -> float:
        """Return when ``size`` bytes that leave at ``leaves`` arrive, and book the bandwidth for them."""
        link = self.link
        if link.bandwidth is not None:
            leaves = self._free_at = max(leaves, self._free_at) + size / link.bandwidth
        if link.jitter:
            leaves += link.jitter * self.draws.unit("jitter", self.label)
        return leaves + link.latency

    def open_if_free(self, *, lost: bool) -> None:
        """Tell all who wait, if nothing blocks the way any more."""
        if not self.blocked:
            waiting, self.waiting = self.waiting, {}
            for one in waiting:
                one.way_opened(lost=lost)


@final
class Ways:
    """All directions between all hosts, made when first used."""

    __slots__ = ("_default", "_draws", "_ways")

    def __init__(self, default: Link, draws: Draws) -> None:
        self._default = default
        self._draws = draws
        self._ways: dict[tuple[str, str], Way] = {}

    def between(self, source: str, target: str) -> Way:
        """Return the way from host ``source`` to host ``target``; within one host it takes no time."""
        way = self._ways.get((source, target))
        if way is None:
            link = Link() if source == target else self._default
            way = self._ways[source, target] = Way(f"{source}->{target}", link, None, self._draws)
        return way

    def existing(self) -> list[Way]:
        """Return every way used so far."""
        return list(self._ways.values())
