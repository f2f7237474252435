"""How many threads may wait for a disk at once, in one run of trio."""

from __future__ import annotations

from typing import Final

import trio

__all__ = ["disk_limiter"]

DISK_THREADS: Final = 32  # at once, per run; a disk has no use for more, and other work has threads, too

_limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("trio_http disk limiter")


def disk_limiter() -> trio.CapacityLimiter:
    """Return the limiter of threads that touch the disk in this run of trio; its ``total_tokens`` may be changed."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = trio.CapacityLimiter(DISK_THREADS)
        _limiter.set(limiter)
        return limiter
