"""The timeline: what the network will do, and when; one task that sleeps until the next of it.

How it works:
1. Callbacks are synchronous and run in the pump task at their exact virtual time, in the order (time, turn).
2. The pump sleeps in a cancel scope whose deadline is the earliest entry; an earlier entry moves the deadline. With
   nothing to do it has no deadline, so it never hides a deadlock and never ticks.
3. A cancelled entry at the top is removed at once, for the same reason.
4. The pump is shielded: the network goes on while the program is being cancelled, as kernels do.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import final

import trio

from ._problems import HarnessError, OutsideSimulationError

__all__ = ["Timeline", "Timer"]


@final
class Timer:
    """One entry of the timeline; ``cancel`` takes it out."""

    __slots__ = ("_timeline", "callback", "time", "turn")

    def __init__(self, timeline: Timeline, time: float, turn: int, callback: Callable[[], None]) -> None:
        self._timeline = timeline
        self.time: float = time
        self.turn: int = turn
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return (self.time, self.turn) < (other.time, other.turn)

    def cancel(self) -> None:
        """Take the entry out; nothing happens if it has run."""
        if self.callback is not None:
            self.callback = None
            self._timeline.drop_cancelled()


@final
class Timeline:
    """A heap of callbacks under trio's clock."""

    __slots__ = ("_entries", "_scope", "_shut", "_sleep", "_turn", "origin")

    def __init__(self) -> None:
        self._entries: list[Timer] = []
        self._turn = 0
        self._sleep: trio.CancelScope | None = None
        self._scope = trio.CancelScope(shield=True)
        self._shut = False
        self.origin: float = 0.0

    def now(self) -> float:
        """Return the seconds since the network began.

        Raises:
            OutsideSimulationError: not inside a trio run.
        """
        try:
            return trio.current_time() - self.origin
        except RuntimeError:
            raise OutsideSimulationError(
                "the virtual network has no time outside its trio run: use it inside simulate(), "
                "inside `async with VirtualNetwork()`, or in a test with the virtual_network fixture"
            ) from None

    def at(self, time: float, callback: Callable[[], None]) -> Timer:
        """Have ``callback`` called at ``time`` (seconds since the network began; infinity: never)."""
        self._turn += 1
        timer = Timer(self, time, self._turn, callback)
        if not math.isinf(time) and not self._shut:
            heapq.heappush(self._entries, timer)
            if self._sleep is not None and self._entries[0] is timer:
                self._sleep.deadline = time + self.origin
        return timer

    def drop_cancelled(self) -> None:
        """Let the pump forget entries at the top that were cancelled."""
        entries = self._entries
        if entries and entries[0].callback is None:
            while entries and entries[0].callback is None:
                heapq.heappop(entries)
            if self._sleep is not None:
                self._sleep.deadline = entries[0].time + self.origin if entries else math.inf

    async def run(self) -> None:
        """Call every callback at its time, until :meth:`stop`; keep this in a nursery.

        Raises:
            HarnessError: a callback failed; that is a fault of the network itself.
        """
        entries = self._entries
        with self._scope:
            while True:
                deadline = entries[0].time + self.origin if entries else math.inf
                with trio.CancelScope(deadline=deadline) as self._sleep:
                    await trio.sleep_forever()
                self._sleep = None
                now = self.now()
                while entries and entries[0].time <= now:
                    callback = heapq.heappop(entries).callback
                    if callback is not None:
                        try:
                            callback()
                        except Exception as failure:
                            raise HarnessError(f"the virtual network itself failed: {failure!r}") from failure

    def stop(self) -> None:
        """End :meth:`run` and forget everything planned."""
        self._shut = True
        self._entries.clear()
        self._scope.cancel()
