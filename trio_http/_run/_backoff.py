"""How long to wait before a worker that has ended is started again."""

from __future__ import annotations

from typing import final

__all__ = ["Backoff"]

FIRST = 0.1
MOST = 30.0
HEALTHY = 10.0


@final
class Backoff:
    """Delays that double while workers die young, and begin anew with one that lived for a while.

    Args:
        first: Seconds before the second attempt; the first comes at once after a worker that lived long.
        most: Seconds of the longest delay.
        healthy: A worker that lived so many seconds was well.
    """

    __slots__ = ("_first", "_healthy", "_most", "_next")

    def __init__(self, first: float = FIRST, most: float = MOST, healthy: float = HEALTHY) -> None:
        self._first = first
        self._most = most
        self._healthy = healthy
        self._next = 0.0

    def delay(self, lived: float) -> float:
        """Return the seconds to wait after a worker has ended that lived for so long."""
        if lived >= self._healthy:
            self._next = 0.0
        delay = self._next
        self._next = min(self._most, max(self._first, delay * 2))
        return delay
