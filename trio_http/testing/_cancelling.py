"""for_each_cancel_point: cancel a block at its first, second, ... checkpoint, and see whether it leaves things sound.

How it works:
1. The block runs in a task and cancel scope of its own. An instrument counts the steps after which it, or a task below
   it, gave control back; those are the places where a cancellation can strike.
2. The first run is left alone: what it raises is the block's own error. Run k after it is cancelled right after
   step k: a wait that can be cancelled is, and after one that cannot (the second half of a send, say) the next
   checkpoint is. A run that ends before its number comes up has shown that every point has been tried.
3. The last run is cancelled before it begins.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import final

import outcome
import trio

from ._options import is_whole
from ._origin import task_line
from ._problems import CancelPointError, HarnessError

__all__ = ["CancelPoints", "for_each_cancel_point"]


@final
@dataclass(frozen=True, slots=True)
class CancelPoints:
    """What :func:`for_each_cancel_point` tried.

    Attributes:
        name: the block.
        places: where it was cancelled, one for each point, in order.
    """

    name: str
    places: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.places)

    def __str__(self) -> str:
        return f"{self.name}: cancelled at each of its {len(self)} points"


@final
class _Striker(trio.abc.Instrument):
    """Cancels one scope after step ``at`` of a task and the tasks below it."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0
        self.scope = trio.CancelScope()
        self.place: str | None = None
        self.block: trio.lowlevel.Task | None = None
        self.fault: Exception | None = None
        if at == 0:
            self.place = "before its first checkpoint"
            self.scope.cancel()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio has run a step of some task."""
        if self.place is not None or self.block is None or self.fault is not None:
            return
        try:
            if self._below(task):
                self.steps += 1
                if self.steps == self.at:
                    self.place = f"{task.name}: {task_line(task)}"
                    self.scope.cancel()
        except Exception as fault:
            # trio drops an instrument that fails, and then every point would seem to have been tried
            self.fault = fault

    def _below(self, task: trio.lowlevel.Task) -> bool:
        one: trio.lowlevel.Task | None = task
        while one is not None and one is not self.block:
            nursery = one.parent_nursery
            one = None if nursery is None else nursery.parent_task
        return one is not None


async def for_each_cancel_point(
    fn: Callable[[], Awaitable[object]],
    check: Callable[[], object] | None = None,
    *,
    setup: Callable[[], Awaitable[object]] | None = None,
    allow: tuple[type[Exception], ...] = (),
    most: int = 10_000,
    report: bool = True,
) -> CancelPoints:
    """Run ``fn`` again and again, cancelled at its 1st, 2nd, ... point, and check an invariant after each run.

    Works in any trio run, virtual network or not. State that ``fn`` shares with the caller (a pool, a client) stays
    from run to run, so what leaks adds up; ``setup`` can make it anew.

    Args:
        fn: the block. Points of tasks in nurseries that it opens count, too.
        check: called after each run, the last and uncancelled one included; raises if something is not sound. May be
            async.
        setup: awaited before each run.
        allow: errors that a cancelled ``fn`` may raise in place of ending quietly.
        most: more points than this are an error of the test.
        report: print the number of points (pytest shows it for failing tests, or with ``-s``).

    Returns:
        The points that were tried.

    Raises:
        CancelPointError: ``check`` failed, or ``fn`` raised, after a cancellation; says where the cancellation struck.
        HarnessError: more than ``most`` points.
        Exception: what ``fn`` or ``check`` raised without a cancellation.

    Cancellation:
        Cancels the block like a run of it; no check follows.
    """
    if not is_whole(most) or most < 1:
        raise ValueError(f"most={most!r}: 1 or more")
    name = getattr(fn, "__qualname__", repr(fn))
    places: list[str] = []
    at = -1
    while True:
        if setup is not None:
            await setup()
        striker = _Striker(most + 1 if at < 0 else at)
        ended = await _run_block(fn, striker)
        place = striker.place
        if striker.fault is not None:
            raise HarnessError(f"counting the points of {name} failed: {striker.fault!r}") from striker.fault
        if at > most or (at < 0 and place is not None):
            raise HarnessError(f"{name} has more than {most} points to be cancelled at; raise most=, or cut it down")
        if isinstance(ended, outcome.Error):
            if place is None:
                ended.unwrap()
            if not isinstance(ended.error, allow):
                raise CancelPointError(
                    f"{name}, cancelled at point {at}, raised {ended.error!r}; the point: {place}"
                ) from ended.error
        await _check(check, name, at=at, place=place)
        if place is not None:
            places.append(place)
        if at == 0:
            break
        at = at + 1 if place is not None else 1 if at < 0 else 0
    points = CancelPoints(name, tuple(places))
    if report:
        print(points)  # noqa: T201  # the number is the proof that something was tried
    return points


async def _run_block(fn: Callable[[], Awaitable[object]], striker: _Striker) -> outcome.Outcome[object]:
    ended: list[outcome.Outcome[object]] = []

    async def block() -> None:
        striker.block = trio.lowlevel.current_task()
        try:
            with striker.scope:
                await fn()
        except Exception as error:
            ended.append(outcome.Error(error))
        else:
            ended.append(outcome.Value(None))
        finally:
            striker.block = None

    trio.lowlevel.add_instrument(striker)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(block, name=getattr(fn, "__name__", "block"))
    finally:
        trio.lowlevel.remove_instrument(striker)
    return ended[0]


async def _check(check: Callable[[], object] | None, name: str, *, at: int, place: str | None) -> None:
    if check is None:
        return
    try:
        result = check()
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        if place is None:
            raise
        raise CancelPointError(
            f"{name}, cancelled at point {at}, left something unsound: {error!r}; the point: {place}"
        ) from error
