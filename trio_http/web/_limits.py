"""Middleware: how much at once, and how often, for all and for each peer (or whatever else is counted by)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import trio

from ..messages import Handler, Middleware, Request, Response
from ._answers import answer

__all__ = ["by_peer", "limit_concurrency", "limit_rate"]

KEYS_MAX = 100_000  # counted at once; more would let peers fill the memory


def by_peer(request: Request) -> str:
    """Return the address a request came from (behind proxies that are trusted): the usual key of limits."""
    return request.ip


def limit_concurrency(
    count: int, *, key: Callable[[Request], str] | None = None, waiting: int = 0, retry_after: float = 1.0
) -> Middleware:
    """Answer 503 where more than so many handlers would run at once.

    A handler counts until it returns; what its answer sends afterwards does not.

    Args:
        count: How many.
        key: Count each key on its own, such as :func:`by_peer`; and then the answer is 429.
        waiting: So many more wait for their turn (of each key).
        retry_after: Seconds, for the ``Retry-After`` of the answer.
    """
    if count < 1 or waiting < 0:
        raise ValueError(f"limit_concurrency({count!r}, waiting={waiting!r}): give at least 1, and at least 0")
    semaphores: dict[str, tuple[trio.Semaphore, list[int]]] = {}

    def middleware(handler: Handler) -> Handler:
        async def limited(request: Request) -> Response:
            name = "" if key is None else key(request)
            entry = semaphores.get(name)
            if entry is None:
                entry = semaphores[name] = (trio.Semaphore(count), [0])
            semaphore, users = entry
            if users[0] >= count + waiting:
                status, whose = (503, "") if key is None else (429, " of yours")
                return _later(status, f"{users[0]} requests{whose} are being handled", retry_after)
            users[0] += 1
            try:
                async with semaphore:
                    return await handler(request)
            finally:
                users[0] -= 1
                if not users[0]:
                    semaphores.pop(name, None)  # only who is here is counted, so the table cannot grow

        return limited

    return middleware


def limit_rate(
    count: int, per: float = 1.0, *, key: Callable[[Request], str] = by_peer, burst: int | None = None
) -> Middleware:
    """Answer 429 where a key asks more often than that, by a token bucket.

    Args:
        count: How many requests in the long run.
        per: In so many seconds.
        key: What is counted on its own.
        burst: How many may come at once; ``count`` unless given.
    """
    size = count if burst is None else burst
    if count < 1 or not per > 0 or size < 1:
        raise ValueError(f"limit_rate({count!r}, {per!r}, burst={burst!r}): give positive numbers")
    interval = per / count
    # By key, the time at which its bucket is full again: one float says all (the generic cell rate algorithm).
    # In the order of first use; a bucket that is full is the same as none.
    full_at: dict[str, float] = {}

    def middleware(handler: Handler) -> Handler:
        async def limited(request: Request) -> Response:
            name = key(request)
            now = trio.current_time()
            full = max(now, full_at.get(name, now))
            wait = full - now - (size - 1) * interval
            if wait > 1e-9:
                return _later(429, f"more than {count} requests in {per:g} s", wait)
            full_at[name] = full + interval
            if len(full_at) > KEYS_MAX:
                _sweep(full_at, now)
            return await handler(request)

        return limited

    return middleware


def _sweep(full_at: dict[str, float], now: float) -> None:
    for name in [name for name, full in full_at.items() if full <= now]:
        del full_at[name]
    # all busy: forgive those that have been known longest. All at once: to find the first entry of a dictionary takes
    # as long as there have been entries before it.
    for name in list(itertools.islice(full_at, max(0, len(full_at) - KEYS_MAX // 2))):
        del full_at[name]


def _later(status: int, text: str, seconds: float) -> Response:
    response = answer(status, text)
    response.headers["retry-after"] = str(max(1, math.ceil(seconds)))
    return response
