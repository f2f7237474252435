"""The watchdog: sees when a run can never go on, and ends it with a report in place of a hang.

How it works:
1. Trio calls ``before_io_wait`` on every pass. With a virtual clock, "nothing runnable and no deadline" is a deadlock:
   nothing outside the program can wake it. A deadline past the limit is a time limit; many passes without the clock
   moving are a livelock; a wait for a real descriptor means that virtual time is about to lie.
2. It ends a run by cancelling the scope around the program and keeps the error for the caller. If the program sits
   behind a shield, the second time it takes the shields off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import trio

from ._deterministic import blocked_tasks, idle_state, real_waits, unshield_everything, working_threads
from ._origin import task_line
from ._problems import DeadlockError, HarnessError, LivelockError, RealIOError, TimeLimitError

__all__ = ["Watchdog", "describe_tasks"]

_QUIET = ("<init>", "<TrioToken", "virtual network", "trio._core", "EntryQueue", "Runner.")


def describe_tasks() -> str:
    """Return a line for each task of the program: its name, and where in the user's code it waits."""
    lines = []
    for task in blocked_tasks():
        if task.parent_nursery is None or any(quiet in task.name for quiet in _QUIET):
            continue
        # a task that only waits for its children explains nothing
        if task.child_nurseries and any(nursery.child_tasks for nursery in task.child_nurseries):
            held = f"{task.name}: has running children, at {task_line(task)}"
        else:
            held = f"{task.name}: waits at {task_line(task)}"
        lines.append(f"  {held}")
    return "\n".join(lines)


_BUSY_WINDOWS = 20


@final
class Watchdog(trio.abc.Instrument):
    """Watches one run; give it to ``trio.run(instruments=[...])`` and its scope to the program."""

    def __init__(
        self,
        *,
        time_limit: float,
        passes: int,
        deadlock: bool,
        real_io: bool,
        progress: Callable[[], int],
        autojump: bool,
    ) -> None:
        self.scope = trio.CancelScope()
        self.error: Exception | None = None
        self._limit = time_limit
        self._started: float | None = None
        self._most_passes = passes
        self._deadlock = deadlock
        self._real_io = real_io
        self._autojump = autojump
        self._passes = 0
        self._progress = progress
        self._seen = -1
        self._windows = 0
        self._time = -1.0
        self._blows = 0
        self.over = False

    def before_run(self) -> None:
        """Trio begins."""
        self._started = None

    def before_io_wait(self, timeout: float) -> None:
        """Trio is about to look for real events, and then to move the clock."""
        if self.over:
            return
        try:
            self._look()
        except Exception as fault:
            # trio drops an instrument that fails, and then a deadlock would hang
            self._end(HarnessError(f"the watchdog failed: {fault!r}"))

    def _look(self) -> None:
        self._passes += 1
        idle = idle_state()
        if idle is None:
            if self._passes > self._most_passes:
                self._check_livelock()
            return
        self._passes = 0
        if idle <= 0:
            return
        if self._real_io:
            waits = real_waits()
            if waits or working_threads():
                self._end(RealIOError(_impure(waits)))
                return
        if math.isinf(idle):
            if self._deadlock:
                self._end(DeadlockError(
                    f"deadlock at t={trio.current_time():.3f}: every task waits, and nothing will wake one:\n"
                    f"{describe_tasks()}"
                ))  # fmt: skip
            return
        now = trio.current_time()
        if self._started is None:
            self._started = now
        if self._autojump and now + idle > self._started + self._limit:
            self._end(TimeLimitError(
                f"still running at t={now:.3f}, and the next deadline is past the limit of {self._limit:g} virtual "
                f"seconds:\n{describe_tasks()}"
            ))  # fmt: skip

    def _check_livelock(self) -> None:
        # a bulk transfer at one instant is no livelock, connecting again and again at one instant is
        self._passes = 0
        now, seen = trio.current_time(), self._progress()
        if now != self._time:
            self._windows = 0
        elif seen == self._seen:
            self._windows += _BUSY_WINDOWS
        else:
            self._windows += 1
        self._time, self._seen = now, seen
        if self._windows >= _BUSY_WINDOWS:
            text = f"busy at t={now:.3f} for over {self._most_passes} passes of the scheduler without the clock moving:"
            self._end(LivelockError(f"{text}\n{describe_tasks()}"))

    def _end(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
        self._blows += 1
        self.scope.cancel()
        if self._blows > 1:
            unshield_everything()
        if self._blows > 3:
            self.over = True


def _impure(waits: list[tuple[str, trio.lowlevel.Task]]) -> str:
    found = [f"  {task.name}: {doing} at {task_line(task)}" for doing, task in waits]
    if working_threads():
        found.append(f"  {working_threads()} worker threads; World(inline_threads=True) runs them in place")
    lines = "\n".join(found)
    return (
        f"virtual time is about to move while tasks wait for real I/O, whose time is not virtual:\n{lines}\n"
        "Let them use the virtual network, or say Checks(real_io=False) if that is what you want."
    )
