"""Who has been handling a request for a while, so that somebody should watch whether its client is still there.

How it works
------------
* Nearly every handler is over within a millisecond, so nothing is done for a handler when it begins but one entry in
  a dictionary. The monitor looks at that dictionary every `TICK` seconds, and whom it sees twice it watches: a
  handler is watched at the latest two ticks after it began or last read from its body.
* It does not tick for its own sake: when nobody is left whom it might have to watch soon, it sleeps without a deadline
  until the next handler begins. A deadlocked program stays recognisable as one.
* Who is waiting for a part of its body sees the end itself and needs no watch.
"""

from __future__ import annotations

from typing import Protocol, final

import trio

__all__ = ["Monitor", "Monitored"]

TICK = 0.025  # seconds; twice this and a client's leaving is well within the 0.1 s that are promised


class Monitored(Protocol):
    """A connection whose handler runs."""

    @property
    def wants_watch(self) -> bool:
        """True if a watch should be on and is not."""
        ...

    @property
    def requests(self) -> int:
        """Which request it handles."""
        ...

    async def watch(self) -> None:
        """Watch until the handler ends, and some time longer."""
        ...


@final
class Monitor:
    """The one task that starts watches.

    Attributes:
        running: The connections with a running handler, in the order in which they began; kept by the connections.
        parked: True while it sleeps without a deadline: whoever adds to `running` has to :meth:`wake` it then.
    """

    __slots__ = ("_wakeup", "parked", "running")

    def __init__(self) -> None:
        self.running: dict[Monitored, None] = {}
        self.parked: bool = False
        self._wakeup = trio.Event()

    def wake(self) -> None:
        """Look again soon: a handler has begun, or goes on after a read."""
        self.parked = False
        self._wakeup.set()

    async def run(self, nursery: trio.Nursery) -> None:
        """Start watches in ``nursery`` until cancelled."""
        seen: dict[Monitored, int] = {}
        while True:
            seen = self._look(seen, nursery)
            if not seen:
                self._wakeup = trio.Event()
                self.parked = True
                await self._wakeup.wait()
                # the handlers that woke us count as seen from now on
                seen = {one: one.requests for one in self.running if one.wants_watch}
            await trio.sleep(TICK)

    def _look(self, seen: dict[Monitored, int], nursery: trio.Nursery) -> dict[Monitored, int]:
        """Start watches for those who were seen before; return the others. No loop variable outlives this call."""
        waiting: dict[Monitored, int] = {}
        for connection in self.running:
            if connection.wants_watch:
                number = connection.requests
                if seen.get(connection) == number:
                    nursery.start_soon(connection.watch)
                else:
                    waiting[connection] = number
        return waiting
