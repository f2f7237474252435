"""The medium: what every socket of one network shares. Sockets see this, never the network above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, final

from ._chunks import Chunks
from ._draws import Draws
from ._faults import Faults
from ._links import Way, Ways
from ._timeline import Timeline
from ._trace import Trace

if TYPE_CHECKING:
    from ._tcp import Connection

__all__ = ["Medium"]


@final
class Medium:
    """Time, chance, record and ways of one network."""

    __slots__ = ("chunks", "connections", "draws", "faults", "on_connection", "receive_buffer", "send_buffer",
                 "timeline", "trace", "ways")  # fmt: skip

    def __init__(self, *, timeline: Timeline, draws: Draws, trace: Trace, ways: Ways, faults: Faults) -> None:
        self.timeline: Timeline = timeline
        self.draws: Draws = draws
        self.trace: Trace = trace
        self.ways: Ways = ways
        self.faults: Faults | None = None if faults.none else faults
        self.chunks: Chunks | None = None
        self.send_buffer: int = 64 << 10
        self.receive_buffer: int = 64 << 10
        self.connections: list[Connection] = []
        self.on_connection: list[Callable[[Connection], None]] = []

    def faults_on(self, way: Way) -> Faults | None:
        """Return the faults for a way: its own, else those of the whole network; None if there are none."""
        return way.faults if way.faults is not None else self.faults
