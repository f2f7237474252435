"""Determinism: every patch of trio, pytest-trio and the standard library that a simulation needs, and nothing else.

How it works:
1. Trio shuffles each batch of runnable tasks with ``trio._core._run._r``. For the length of a run it is ours.
2. A batch comes from sets, so from addresses, unless ``_ALLOW_DETERMINISTIC_SCHEDULING`` has trio sort it first.
3. ``os.urandom`` and ``random`` are seeded for the run; trio_http's own wall clock, entropy and registry are set.
4. Worker threads run their function in place (``trio._threads.start_thread_soon``): with virtual time, a real thread
   would see the clock jump past every timeout while it works. Where real ones are asked for, they are counted.
5. None of these names is public. Each is looked for; what is missing turns into a warning, and the simulation is then
   virtual but not deterministic. A canary in ``tests/testing/test_determinism.py`` fails first.
"""

from __future__ import annotations

import functools
import importlib
import os
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, final

import outcome
import trio

from .. import _clock, _entropy
from ._draws import keyed_bytes

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "EXPECTED",
    "NotDeterministicWarning",
    "Schedule",
    "blocked_tasks",
    "deterministic",
    "idle_state",
    "missing_internals",
    "real_waits",
    "trio_test_runner",
    "unshield_everything",
    "working_threads",
]

T = TypeVar("T")
Schedule: TypeAlias = Literal["random", "fifo", "lifo", "priority"]

EXPECTED = {
    "trio._core._run": ("_r", "_ALLOW_DETERMINISTIC_SCHEDULING", "GLOBAL_RUN_CONTEXT"),
    "trio._threads": ("start_thread_soon",),
    "random": ("_urandom",),
}
"""The private names used, by module."""


@final
class NotDeterministicWarning(UserWarning):
    """An internal of trio has moved: simulations run in virtual time, but the seed does not fix the schedule."""


def _module(name: str) -> Any:
    module: Any = trio if name.startswith("trio") else random
    for part in name.split(".")[1:]:
        module = getattr(module, part, None)
    return module


def missing_internals() -> list[str]:
    """Return the private names that this version of trio does not have."""
    return [f"{module}.{name}" for module, names in EXPECTED.items() for name in names
            if not hasattr(_module(module), name)]  # fmt: skip


@final
class _Scheduler(random.Random):
    """Trio's source of chance for a run; ``shuffle`` is the choice of the schedule.

    Trio hands over a batch sorted by age and takes tasks from its end.
    """

    def __init__(self, seed: int, schedule: Schedule) -> None:
        self._schedule = schedule
        self._salt = seed
        self._ranks: dict[object, float] = {}
        super().__init__(f"schedule {seed}")

    def shuffle(self, x: Any) -> None:
        if len(x) < 2:
            return
        if self._schedule == "random":
            super().shuffle(x)
        elif self._schedule == "fifo":
            x.reverse()
        elif self._schedule == "priority":
            # each task keeps a random rank, now and then it gets a new one: few changes of order reach deep races
            for task in x:
                if task not in self._ranks or self.random() < 0.02:
                    self._ranks[task] = self.random()
            x.sort(key=self._ranks.__getitem__)


@contextmanager
def _attribute(owner: Any, name: str, value: object) -> Iterator[None]:
    old = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, old)


def _inline(fn: Callable[[], T], deliver: Callable[[outcome.Outcome[T]], object], name: str | None = None) -> None:
    deliver(outcome.capture(fn))


_working: list[object] = []


def _counted(fn: Callable[[], T], deliver: Callable[[outcome.Outcome[T]], object], name: str | None = None) -> None:
    token = object()

    def delivered(result: outcome.Outcome[T]) -> object:
        _working.remove(token)
        return deliver(result)

    _working.append(token)
    trio.lowlevel.start_thread_soon(fn, delivered, name)


def working_threads() -> int:
    """Return how many worker threads of a simulation with real threads are at work."""
    return len(_working)


@contextmanager
def _seeded_random(seed: int) -> Iterator[None]:
    counts = {"urandom": 0}

    def urandom(size: int) -> bytes:
        counts["urandom"] += 1
        return keyed_bytes(seed, f"urandom {counts['urandom']}", size)

    with ExitStack() as stack:
        stack.enter_context(_attribute(os, "urandom", urandom))
        if hasattr(random, "_urandom"):
            stack.enter_context(_attribute(random, "_urandom", urandom))
        stack.callback(_entropy.set_entropy, _entropy.set_entropy(urandom))
        stack.callback(random.setstate, random.getstate())
        random.seed(f"random {seed}")
        yield


@contextmanager
def _virtual_wall(epoch: float) -> Iterator[None]:
    def wall() -> float:
        try:
            return epoch + trio.current_time()
        except RuntimeError:
            return epoch

    before = _clock.set_wall_clock(wall)
    try:
        yield
    finally:
        _clock.set_wall_clock(before)


@contextmanager
def _virtual_time_module(epoch: float) -> Iterator[None]:
    # time.perf_counter stays real: trio's MockClock and profilers read it
    def now() -> float:
        try:
            return trio.current_time()
        except RuntimeError:
            return 0.0

    with ExitStack() as stack:
        for name, read in {
            "time": lambda: epoch + now(),
            "monotonic": now,
            "time_ns": lambda: int((epoch + now()) * 1e9),
            "monotonic_ns": lambda: int(now() * 1e9),
        }.items():
            stack.enter_context(_attribute(time, name, read))
        yield


@contextmanager
def deterministic(
    seed: int, *, schedule: Schedule, epoch: float, inline_threads: bool, patch_time: bool
) -> Iterator[None]:
    """Make what runs inside depend on the seed alone, as far as a library can."""
    missing = missing_internals()
    if missing:
        warnings.warn(
            f"{', '.join(missing)} not found in trio {trio.__version__}: virtual but not deterministic",
            NotDeterministicWarning,
            stacklevel=3,
        )
    run, threads = _module("trio._core._run"), _module("trio._threads")
    with ExitStack() as stack:
        if hasattr(run, "_r"):
            stack.enter_context(_attribute(run, "_r", _Scheduler(seed, schedule)))
        if hasattr(run, "_ALLOW_DETERMINISTIC_SCHEDULING"):
            stack.enter_context(_attribute(run, "_ALLOW_DETERMINISTIC_SCHEDULING", True))
        if hasattr(threads, "start_thread_soon"):
            stack.enter_context(_attribute(threads, "start_thread_soon", _inline if inline_threads else _counted))
        stack.enter_context(_seeded_random(seed))
        stack.enter_context(_virtual_wall(epoch))
        if patch_time:
            stack.enter_context(_virtual_time_module(epoch))
        yield


# what the watchdog reads of a running trio


# asked on every pass of the scheduler
_CONTEXT = getattr(_module("trio._core._run"), "GLOBAL_RUN_CONTEXT", None)


def _runner() -> Any:
    return getattr(_CONTEXT, "runner", None)


def idle_state() -> float | None:
    """Return None while a task is runnable or waits for idleness, else the seconds to the next deadline (or inf)."""
    runner = _runner()
    try:
        if runner.runq or runner.waiting_for_idle:
            return None
        coming = runner.entry_queue  # what threads have handed over: it wakes a task in the next pass
        if coming.queue or coming.idempotent_queue:
            return None
        idle: float = runner.deadlines.next_deadline() - runner.clock.current_time()
        return idle
    except AttributeError:
        statistics = trio.lowlevel.current_statistics()
        busy = statistics.tasks_runnable or statistics.run_sync_soon_queue_size
        return None if busy else statistics.seconds_to_next_deadline


def real_waits() -> list[tuple[str, trio.lowlevel.Task]]:
    """Return the tasks that wait for real file descriptors (trio's own wakeup left out), with the descriptor."""
    runner = _runner()
    try:
        registered = runner.io_manager._registered
        if len(registered) <= 1:
            return []
        wakeup = runner.entry_queue.wakeup.wakeup_sock.fileno()
    except AttributeError:
        return []
    found = []
    for descriptor, waiters in registered.items():
        if descriptor == wakeup:
            continue
        for name, doing in (("read_task", "reading"), ("write_task", "writing")):
            task = getattr(waiters, name, None)
            if task is not None:
                found.append((f"{doing} file descriptor {descriptor}", task))
    return found


def blocked_tasks() -> list[trio.lowlevel.Task]:
    """Return every task of the run but trio's own, oldest first."""
    root = trio.lowlevel.current_root_task()
    found: list[trio.lowlevel.Task] = []
    open_tasks = [] if root is None else [root]
    while open_tasks:
        task = open_tasks.pop()
        for nursery in task.child_nurseries:
            open_tasks.extend(nursery.child_tasks)
        found.append(task)
    return sorted(found, key=lambda task: getattr(task, "_counter", 0))


def unshield_everything() -> None:
    """Take the shield off every scope: the last way to end a run that is stuck behind one."""
    for task in blocked_tasks():
        status = getattr(task, "_cancel_status", None)
        while status is not None:
            scope = getattr(status, "_scope", None)
            if scope is not None and scope.shield:
                scope.shield = False
            status = getattr(status, "_parent", None)


def trio_test_runner(item: object, test: object, run: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return pytest-trio's synchronous wrapper of an async test that runs by ``run(trio.run, ...)``; None without it.

    For Hypothesis tests pytest-trio reads ``trio.run`` when it wraps, and ignores ``run=`` of the mark.
    """
    try:
        factory = importlib.import_module("pytest_trio.plugin")._trio_test_runner_factory
    except (ImportError, AttributeError):
        return None
    if getattr(test, "_trio_test_runner_wrapped", False):
        return None
    with _attribute(trio, "run", functools.partial(run, trio.run)):
        wrapped: Callable[..., Any] = factory(item, test)
    return wrapped
