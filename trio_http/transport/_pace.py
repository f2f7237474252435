"""How long a transfer may stand still, and how slow it may be: the deadline of each single wait.

Only waiting counts: the time a handler takes between two reads is not the peer's fault.
"""

from __future__ import annotations

import math
from typing import final

import trio

from .._config import MinRate

__all__ = ["Pace"]


@final
class Pace:
    """The clock of one body in one direction.

    Args:
        timeout: Seconds without a byte that end the transfer; None for no such limit.
        min_rate: The lowest average speed while waiting; None for no such limit.
    """

    __slots__ = ("_min_rate", "_timeout", "_too_slow", "_waited", "moved")

    def __init__(self, timeout: float | None, min_rate: MinRate | None) -> None:
        self._timeout = timeout
        self._min_rate = min_rate
        self._waited = 0.0
        self._too_slow = False  # the last deadline given was that of the rate
        self.moved: int = 0

    def deadline(self, now: float, latest: float = math.inf) -> float:
        """Return when a wait that begins now has to end, at ``latest`` in any case."""
        if self._timeout is not None:
            latest = min(latest, now + self._timeout)
        if self._min_rate is not None:
            allowed = max(self._min_rate.after, self.moved / self._min_rate.rate)
            by_rate = now + max(0.0, allowed - self._waited)
            self._too_slow = by_rate < latest
            latest = min(latest, by_rate)
        return latest

    def waited(self, since: float, moved: int) -> None:
        """Account for a wait that began at ``since`` and brought ``moved`` bytes."""
        self._waited += trio.current_time() - since
        self.moved += moved

    def explain(self) -> str:
        """Say in words which limit the last deadline stood for."""
        if self._too_slow and self._min_rate is not None:
            return (
                f"only {self.moved} bytes in {self._waited:.1f} s of waiting; at least {self._min_rate.rate} bytes/s "
                f"are asked for after {self._min_rate.after:g} s (min_rate)"
            )
        return f"no byte moved for {self._timeout:g} s" if self._timeout is not None else "too late"
