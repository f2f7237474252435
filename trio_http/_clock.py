"""The wall clock: what is put into ``Date`` headers, cookies and logs.

Durations and deadlines never come from here: those are :func:`trio.current_time`'s. A testing kit replaces the
clock for the length of a simulation, so that the same seed gives the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["set_wall_clock", "wall"]

_wall: Callable[[], float] = time.time


def wall() -> float:
    """Return the seconds since 1970-01-01T00:00:00Z as the world counts them."""
    return _wall()


def set_wall_clock(clock: Callable[[], float] | None) -> Callable[[], float]:
    """Replace the wall clock of the process; None puts :func:`time.time` back. Returns the clock before."""
    global _wall
    before, _wall = _wall, time.time if clock is None else clock
    return before
