"""No more than so many requests a second to one server, whoever makes them: each waits for its turn."""

from __future__ import annotations

import math
from typing import final

import trio

from .._errors import PoolTimeout, TotalTimeout
from ..messages import Request
from ._call import Asking
from ._options import check_count, check_seconds

__all__ = ["RateLimit"]

ORIGINS_MAX = 1024  # origins; beyond them those that are as good as new are forgotten


class _Line:
    """Those who want to ask one origin, first come, first served; at most one of them sleeps towards its turn."""

    __slots__ = ("ahead", "lock", "next")

    def __init__(self) -> None:
        self.next = -math.inf  # when a steady stream of requests would have its next one
        self.ahead = 0  # how many wait
        self.lock = trio.StrictFIFOLock()


@final
class RateLimit:
    """Send at most ``rate`` requests a second to each origin: ``Client(on_request=[RateLimit(10)])``.

    It stands before each attempt, so retries and redirects have their turns like all others (a pair of hedged ones has
    one). Who has to wait waits in line; who is cancelled leaves it, and takes nobody's turn with him. One object may
    serve several clients, which share the rate then.

    Args:
        rate: Requests a second, on average.
        burst: How many may come at once after a time of quiet.
        max_wait: Seconds that a request waits at most: one whose turn comes later is refused at once. None for any
            time.

    Raises:
        ValueError: A number makes no sense.
    """

    __slots__ = ("_burst", "_interval", "_lines", "_max_wait", "_rate")

    def __init__(self, rate: float, *, burst: int = 1, max_wait: float | None = 30.0) -> None:
        if type(rate) not in {int, float} or not 0 < rate < math.inf:
            raise ValueError(f"rate={rate!r} makes no sense: give a number of requests a second above 0")
        if not check_count("burst", burst):
            raise ValueError(f"burst={burst!r} makes no sense: give at least 1")
        self._rate = rate
        self._interval = 1 / rate
        self._burst = burst
        self._max_wait = math.inf if max_wait is None else check_seconds("max_wait", max_wait)
        self._lines: dict[str, _Line] = {}

    async def __call__(self, request: Request) -> None:
        """Wait for the turn of a request.

        Raises:
            PoolTimeout: It would come later than ``max_wait`` seconds from now.
            TotalTimeout: It would come after the end of the time that the request has in all.

        Cancellation:
            Leaves the line.
        """
        origin = request.url.origin
        line = self._lines.get(origin)
        if line is None:
            self._forget_the_quiet()
            line = self._lines[origin] = _Line()
        self._check(request, line)
        line.ahead += 1
        try:
            async with line.lock:
                while (left := self._turn(line) - trio.current_time()) > 0:
                    await trio.sleep(left)
                line.next = max(line.next, trio.current_time()) + self._interval
        finally:
            line.ahead -= 1

    def _turn(self, line: _Line) -> float:
        """Return when the first in line may go: a burst may run ahead of the steady stream."""
        return line.next - (self._burst - 1) * self._interval

    def _check(self, request: Request, line: _Line) -> None:
        now = trio.current_time()
        wait = max(0.0, max(line.next, now) + (line.ahead - self._burst + 1) * self._interval - now)
        what = f"{request.method} {request.url.redacted}: not sent, its turn would come in {wait:.1f} s"
        whose = f"(RateLimit({self._rate:g}, burst={self._burst}); {line.ahead} wait before it)"
        if wait > self._max_wait:
            raise PoolTimeout(f"{what}, and max_wait={self._max_wait:g} {whose}", limit=self._max_wait)
        asking = request.exchange
        if isinstance(asking, Asking) and now + wait > asking.latest:
            raise TotalTimeout(f"{what}, after its {asking.total:g} s in all {whose}", limit=asking.total)

    def _forget_the_quiet(self) -> None:
        if len(self._lines) >= ORIGINS_MAX:
            now = trio.current_time()
            self._lines = {origin: line for origin, line in self._lines.items() if line.ahead or line.next > now}
