"""Whether a silent peer still lives: pings, and what counts as an answer.

How it works
------------
* It sleeps until the peer has been silent for ``interval``; each byte that comes moves the end of the sleep, and
  nothing else wakes it.
* After the ping any byte is an answer.
* While nobody reads, because our own queue is full, silence says nothing: the time begins anew when reading goes on.
* If the deadline is noticed late, the event loop was busy, and the answer may lie unread in the kernel: as much time
  as was lost is added, and the reason given at last names it.
"""

from __future__ import annotations

import math
from typing import Protocol

import trio

from .._errors import ConnectionClosed
from ._line import Line
from ._options import Keepalive

__all__ = ["keep_alive"]

_LAG = 0.1  # seconds; less is what any event loop takes to come round
_TURNS = 3  # of the event loop, for the reader to take what the same wake-up brought


class Alive(Protocol):
    """What is watched."""

    @property
    def line(self) -> Line:
        """Where bytes come from."""
        ...

    async def ping(self) -> float:
        """Ask for a sign of life."""
        ...

    async def fail(self, code: int, reason: str) -> None:
        """Give up."""


async def keep_alive(session: Alive, options: Keepalive) -> None:
    """Watch until the session is over; end it if the peer is gone."""
    line = session.line
    while True:
        while (due := line.heard + options.interval) > trio.current_time():
            await trio.sleep_until(due)
        asked = trio.current_time()
        deadline = asked + options.timeout
        with trio.CancelScope(deadline=deadline):
            try:
                await session.ping()
            except ConnectionClosed:
                return
        lag = 0.0
        while line.heard < asked:
            for _ in range(_TURNS):
                await trio.lowlevel.checkpoint()
            if line.heard >= asked:
                break
            now = trio.current_time()
            if line.waiting == math.inf:
                await line.reader_waits()
                deadline = trio.current_time() + options.timeout
            elif line.waiting + options.timeout > now:
                deadline = line.waiting + options.timeout
            elif now - deadline > _LAG:
                lag += now - deadline
                deadline = now + (now - deadline)
            else:
                await session.fail(1011, f"no pong for {now - asked:.0f} s (loop lag {lag:.1f} s)")
                return
            await trio.sleep_until(deadline)
