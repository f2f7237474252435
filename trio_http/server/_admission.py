"""How many handlers run at once: places, and a bounded line of requests that wait for one.

How it works
------------
A place that becomes free is handed to the first in line and never shown as free, so nobody who comes later can take it
before them. Whoever leaves the line (time over, client gone) had no place yet, or passes it on.
"""

from __future__ import annotations

import math
from typing import final

import trio

__all__ = ["Admission"]


@final
class Admission:
    """The places of one server.

    Args:
        places: How many requests are handled at once; None for any number.
        queue: How many may wait for a place; None for any number.
        patience: For how many seconds; None for ever.
    """

    __slots__ = ("_free", "_line", "_patience", "_queue", "retry_after")

    def __init__(self, places: int | None, queue: int | None, patience: float | None) -> None:
        self._free = math.inf if places is None else places
        self._queue = math.inf if queue is None else queue
        self._patience = math.inf if patience is None else patience
        self._line: dict[trio.Event, None] = {}  # in the order in which they came
        self.retry_after: int = 1
        if queue and self._patience < math.inf:
            self.retry_after = math.ceil(self._patience)  # who comes back earlier meets the same line

    @property
    def waiting(self) -> int:
        """How many wait in line."""
        return len(self._line)

    def enter_nowait(self) -> bool:
        """Take a place if one is free; tell whether there was one. It must be given back by :meth:`leave`."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def enter(self) -> bool:
        """Take a place, if need be after a wait; as :meth:`enter_nowait`.

        Cancellation:
            Takes no place.
        """
        if self.enter_nowait():
            return True
        if len(self._line) >= self._queue:
            return False
        called = trio.Event()
        self._line[called] = None
        try:
            with trio.CancelScope(deadline=trio.current_time() + self._patience):
                await called.wait()
        except BaseException:
            if called.is_set():
                self.leave()
            raise
        finally:
            self._line.pop(called, None)
        return called.is_set()

    def leave(self) -> None:
        """Give a place back."""
        if self._line:
            first = next(iter(self._line))
            del self._line[first]
            first.set()
        else:
            self._free += 1
