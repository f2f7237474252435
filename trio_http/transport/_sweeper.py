"""Deadlines for many connections at the price of one task.

How it works
------------
A cancel scope with a deadline per request would double what a request costs. So each watched thing has its next
deadline as a plain float, which it may move at any time; the sweeper keeps at most one live heap entry for each.

* Moving a deadline later is an assignment: the entry in the heap is too early, the sweeper finds that out when it
  comes to it, and pushes the thing back with its true deadline.
* Moving it before the entry in the heap pushes a second entry; the first one is disowned and skipped later.
* The sweeper sleeps until the earliest entry. When an earlier one is pushed, its sleep is shortened. With nothing
  to wait for it sleeps without a deadline, so it never ticks and never hides a deadlock from a virtual clock.
* A thing that ends empties its entry, so that the heap does not keep it alive; when most entries are empty the heap
  is rebuilt.

Deadlines fire at their exact time on trio's clock.

When the sweeper is cancelled, so is all that it watches, but for what is protected from that until a deadline. Who
protects something says so (:meth:`Sweeper.hold`), and the sweeper stays until the last of these deadlines is over.
"""

from __future__ import annotations

import heapq
import math
from typing import final

import trio

__all__ = ["Sweeper", "Watched"]


class Watched:
    """Something with a next deadline; subclass it and define :meth:`expire`.

    Attributes:
        deadline: When :meth:`expire` is to be called, on trio's clock; ``inf`` for never. Set through :meth:`arm`
            when it may come earlier than before, or assign ``inf`` to disarm.
    """

    __slots__ = ("_entry", "_queued_at", "_sweeper", "deadline")

    def __init__(self, sweeper: Sweeper) -> None:
        self._sweeper = sweeper
        self.deadline: float = math.inf
        self._queued_at = math.inf
        self._entry: _Entry | None = None

    def arm(self, deadline: float) -> None:
        """Set the next deadline."""
        # Hot: once per request. In the steady state the heap entry of an earlier request is still queued.
        self.deadline = deadline
        if deadline < self._queued_at:
            self._sweeper._push(self, deadline)

    def disarm(self) -> None:
        """Have no deadline for now."""
        self.deadline = math.inf

    def unwatch(self) -> None:
        """End: no deadline will come, and the sweeper forgets this object."""
        self.deadline = math.inf
        self._queued_at = math.inf
        if self._entry is not None:
            self._sweeper._forget(self._entry)
            self._entry = None

    def expire(self) -> None:
        """The deadline has come; called by the sweeper's task, synchronously. It must not raise."""
        raise NotImplementedError


@final
class _Entry:
    __slots__ = ("order", "time", "what")

    def __init__(self, time: float, order: int, what: Watched) -> None:
        self.time = time
        self.order = order
        self.what: Watched | None = what

    def __lt__(self, other: _Entry) -> bool:
        return (self.time, self.order) < (other.time, other.order)


@final
class Sweeper:
    """The one task that watches deadlines. Run :meth:`run` in a nursery; push at any time, also before."""

    __slots__ = ("_empty", "_heap", "_held", "_order", "_scope", "_wake")

    def __init__(self) -> None:
        self._held = 0
        self._heap: list[_Entry] = []
        self._order = 0  # ties fire in the order they were armed: the same seed gives the same order
        self._empty = 0
        self._wake = math.inf
        self._scope: trio.CancelScope | None = None

    def __len__(self) -> int:
        """How many entries the heap holds, empty ones included."""
        return len(self._heap)

    @property
    def next_wake(self) -> float:
        """When it will look again, on trio's clock; ``inf`` when there is nothing to wait for."""
        return self._wake

    def hold(self) -> None:
        """Stay when cancelled, until :meth:`release`; only for what has a deadline here."""
        self._held += 1

    def release(self) -> None:
        """Take one :meth:`hold` back."""
        self._held -= 1
        if not self._held and self._scope is not None:
            self._scope.deadline = -math.inf  # it looks, and leaves if it has been cancelled

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                self._sweep(trio.current_time())
                await self._sleep()
        finally:
            with trio.CancelScope(shield=True):  # whoever holds us has a deadline among those that are watched here
                while self._held:
                    self._sweep(trio.current_time())
                    if self._held:
                        await self._sleep()

    async def _sleep(self) -> None:
        with trio.CancelScope(deadline=self._wake) as self._scope:
            await trio.sleep_forever()

    def _push(self, what: Watched, time: float) -> None:
        if what._entry is not None:
            self._forget(what._entry)
        self._order += 1
        entry = _Entry(time, self._order, what)
        what._entry = entry
        what._queued_at = time
        heapq.heappush(self._heap, entry)
        if time < self._wake:
            self._wake = time
            if self._scope is not None:
                self._scope.deadline = time

    def _forget(self, entry: _Entry) -> None:
        if entry.what is None:
            return
        entry.what = None
        self._empty += 1
        if self._empty > 64 and self._empty * 2 > len(self._heap):
            self._heap = [kept for kept in self._heap if kept.what is not None]
            heapq.heapify(self._heap)
            self._empty = 0

    def _sweep(self, now: float) -> None:
        heap = self._heap
        while heap and heap[0].time <= now:
            entry = heapq.heappop(heap)
            what = entry.what
            if what is None:
                self._empty -= 1
                continue
            entry.what = None
            what._entry = None
            what._queued_at = math.inf
            if what.deadline <= now:
                what.deadline = math.inf
                what.expire()
                heap = self._heap  # expire() may have rebuilt it
            elif what.deadline < math.inf:
                self._push(what, what.deadline)
        self._wake = heap[0].time if heap else math.inf
