"""Exploring: run a program under many seeds, and say what one needs to fail.

How it works:
1. Each seed is one whole simulation. The first that fails stops the search.
2. Shrinking keeps the seed and takes things away: link delays, the random schedule, and faults (delta debugging over
   their keys). A replay counts only if it fails the same way: same type of error, same line of the user's code.
3. A harness error ends the search as itself; it is never a finding.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeAlias, final

from ._checks import Checks
from ._draws import FaultEvent
from ._faults import FaultPlan
from ._links import Link
from ._network import VirtualNetwork
from ._options import is_whole
from ._origin import is_foreign
from ._problems import Finding, HarnessError
from ._simulate import Run, Simulation, World, current_network, leaves_of, make_run, run_once

__all__ = ["Exploration", "Failure", "buggify", "explore", "explore_seeds", "leaf_of"]

Program: TypeAlias = Callable[[VirtualNetwork], Awaitable[object]]
_MOST_REPLAYS = 200
_SHOWN_EVENTS = 15
_SHOWN_FAULTS = 20
SEED_VARIABLE = "TRIO_HTTP_SEED"
SEEDS_VARIABLE = "TRIO_HTTP_SEEDS"
_OURS = str(Path(__file__).parent) + os.sep
_BLUNDERS = (AttributeError, NameError, LookupError, AssertionError, ArithmeticError, RecursionError, TypeError)


def leaf_of(error: BaseException) -> BaseException:
    """Return the error that a nest of one-member groups is about; a group of several stands for itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _place(error: BaseException) -> str:
    """The innermost line of user code in an error's traceback; empty for what the kit itself finds."""
    if isinstance(error, Finding):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_foreign(frame.filename)]
    chosen = own or frames
    return f"{chosen[-1].filename}:{chosen[-1].lineno}" if chosen else ""


def _identity(error: BaseException) -> frozenset[tuple[type[BaseException], str]]:
    """What makes two failures the same: the types and places of the errors in them."""
    return frozenset((type(leaf), _place(leaf)) for leaf in leaves_of(error))


def _check_blunder(error: BaseException, run: Run) -> None:
    for leaf in leaves_of(error):
        if isinstance(leaf, _BLUNDERS) and not isinstance(leaf, Finding):
            frames = traceback.extract_tb(leaf.__traceback__)
            if frames and frames[-1].filename.startswith(_OURS):
                raise HarnessError(f"the testing kit itself failed at seed {run.seed}: {leaf!r}") from leaf


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failing seed and what it needs.

    Attributes:
        run: the shrunk settings: seed, faults, the keys that may happen, schedule. Give them to ``simulate``.
        error: what the program raised in the shrunk run, without one-member groups around it.
        needed: the faults without which it does not fail this way; empty means that none are needed.
        faults_at_first: how many faults the failing run had before shrinking.
        replays: how many runs the shrinking took.
        network: the network of the shrunk run, with its trace.
    """

    run: Run
    error: BaseException
    needed: Sequence[FaultEvent]
    faults_at_first: int
    replays: int
    network: VirtualNetwork

    @property
    def seed(self) -> int:
        """The seed."""
        return self.run.seed

    @property
    def report(self) -> str:
        """The failure in words: cause, replay, last events, open sockets."""
        place = _place(self.error)
        lines = [
            f"seed {self.seed} fails: {type(self.error).__name__}: {self.error}" + (f" at {place}" if place else "")
        ]
        if self.needed:
            lines.append(f"needed faults, {len(self.needed)} of {self.faults_at_first} ({self.replays} replays):")
            lines.extend(f"  {event}" for event in self.needed[:_SHOWN_FAULTS])
            if len(self.needed) > _SHOWN_FAULTS:
                lines.append(f"  ... and {len(self.needed) - _SHOWN_FAULTS} more")
        else:
            lines.append(f"no faults needed, {self.faults_at_first} left out ({self.replays} replays)")
        schedule = self.run.world.schedule
        lines.append(
            "schedule: first come, first served is enough" if schedule == "fifo" else f"schedule: {schedule}, seeded"
        )
        lines.append(f"replay: --vnet-seed {self.seed}, or {SEED_VARIABLE}={self.seed}, or this run alone:")
        lines.append(f"  simulate(main, {self.settings})")
        events = self.network.trace.last(_SHOWN_EVENTS)
        lines.append(f"last {len(events)} events of {len(self.network.trace)}:")
        lines.extend(f"  {event}" for event in events)
        return "\n".join(lines)

    @property
    def settings(self) -> str:
        """The arguments of ``simulate`` that run exactly this."""
        parts = [f"seed={self.seed}"]
        if not self.run.faults.none:
            parts.append(f"faults={self.run.faults.exact}")
        parts.append(f"only={sorted(event.key for event in self.needed)!r}")
        world, default = self.run.world, World()
        changed = [field.name for field in fields(world) if getattr(world, field.name) != getattr(default, field.name)]
        if changed:
            parts.append(f"world=World({', '.join(f'{name}={getattr(world, name)!r}' for name in changed)})")
        return ", ".join(parts)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What a search did.

    Attributes:
        seeds: seeds run.
        shapes: different orders of network operations seen.
        faults: faults that happened in all runs.
        virtual_seconds: time that passed in the simulations.
        wall_seconds: time that the search took.
        failure: the failing seed, or None.
    """

    seeds: int
    shapes: int
    faults: int
    virtual_seconds: float
    wall_seconds: float
    failure: Failure | None = None

    def __str__(self) -> str:
        speed = self.seeds / self.wall_seconds if self.wall_seconds else 0.0
        return (
            f"{self.seeds} seeds ({speed:.0f}/s), {self.shapes} different orders of events, {self.faults} faults, "
            f"{self.virtual_seconds:.0f} virtual seconds"
        )


@final
@dataclass(slots=True)
class _Shrinker:
    main: Program
    best: Simulation[object]
    identity: frozenset[tuple[type[BaseException], str]]
    replays: int = 0
    order: list[str] = field(default_factory=list)

    def try_run(self, run: Run) -> bool:
        """Replay; keep the run if it fails the same way."""
        if self.replays >= _MOST_REPLAYS:
            return False
        self.replays += 1
        done = run_once(self.main, run)
        if done.error is None or not _identity(done.error) <= self.identity:
            return False
        self.best = done
        return True

    def shrink(self) -> None:
        run = self.best.run
        if self.try_run(replace(run, only=frozenset())):
            pass
        else:
            self._fewer_faults([event.key for event in self.best.faults])
        run = self.best.run
        if run.world.link != Link():
            self.try_run(replace(run, world=replace(run.world, link=Link())))
            run = self.best.run
        if run.world.schedule != "fifo" and self.try_run(replace(run, world=replace(run.world, schedule="fifo"))):
            # with a simpler schedule some faults may have become needless
            self._fewer_faults([event.key for event in self.best.faults])

    def _fewer_faults(self, keys: list[str]) -> None:
        """Delta debugging: leave out ever smaller parts of the faults while the failure stays."""
        parts = 2
        while keys and self.replays < _MOST_REPLAYS:
            size = max(1, -(-len(keys) // parts))
            for start in range(0, len(keys), size):
                rest = keys[:start] + keys[start + size :]
                if self.try_run(replace(self.best.run, only=frozenset(rest))):
                    happened = {event.key for event in self.best.faults}
                    keys = [key for key in rest if key in happened]
                    parts = max(2, parts - 1)
                    break
            else:
                if size == 1:
                    return
                parts = min(len(keys), parts * 2)


def explore_seeds(
    main: Program,
    *,
    seeds: int | Iterable[int] = 100,
    faults: FaultPlan | None = None,
    world: World | None = None,
    checks: Checks | None = None,
    shrink: bool = True,
    seconds: float | None = None,
) -> Exploration:
    """Run ``main(net)`` under one seed after the other until one fails.

    Args:
        main: the program.
        seeds: how many, from 0, or which. The environment's TRIO_HTTP_SEED (one seed) and TRIO_HTTP_SEEDS (how
            many) rule over it.
        faults: what may go wrong, or a function from the seed to it such as ``Faults.swarm``.
        world: schedule, time limit, default link and the like.
        checks: what counts as a failure at the end of a run.
        shrink: take away from a failing run what it does not need.
        seconds: stop after so much real time.

    Returns:
        What was done, with the failure if there is one.

    Raises:
        HarnessError: the simulation is misused, invalid or broken.
    """
    begun = time.perf_counter()
    shapes: set[int] = set()
    count = happened = 0
    virtual = 0.0
    failure: Failure | None = None
    for seed in _chosen(seeds):
        run = make_run(seed=seed, faults=faults, only=None, world=world, checks=checks)
        done = run_once(main, run)
        count += 1
        shapes.add(done.trace.shape())
        happened += len(done.faults)
        virtual += done.duration
        if done.error is not None:
            _check_blunder(done.error, run)
            failure = _failure(main, done, shrink=shrink)
            break
        if seconds is not None and time.perf_counter() - begun > seconds:
            break
    return Exploration(
        seeds=count,
        shapes=len(shapes),
        faults=happened,
        virtual_seconds=virtual,
        wall_seconds=time.perf_counter() - begun,
        failure=failure,
    )


def _failure(main: Program, done: Simulation[object], *, shrink: bool) -> Failure:
    assert done.error is not None
    first = len(done.faults)
    shrinker = _Shrinker(main, done, _identity(done.error))
    if shrink:
        shrinker.shrink()
    best = shrinker.best
    assert best.error is not None
    return Failure(
        run=best.run,
        error=leaf_of(best.error),
        needed=tuple(best.faults),
        faults_at_first=first,
        replays=shrinker.replays,
        network=best.network,
    )


def _chosen(seeds: int | Iterable[int]) -> Iterable[int]:
    one, many = os.environ.get(SEED_VARIABLE), os.environ.get(SEEDS_VARIABLE)
    for name, value in ((SEED_VARIABLE, one), (SEEDS_VARIABLE, many)):
        if value is not None and not value.lstrip("-").isdigit():
            raise ValueError(f"{name}={value!r}: give a whole number")
    if one is not None:
        return (int(one),)
    if many is not None:
        seeds = int(many)
    if isinstance(seeds, int):
        if not is_whole(seeds) or seeds < 1:
            raise ValueError(f"seeds={seeds!r}: give how many, 1 or more, or the seeds themselves")
        return range(seeds)
    return seeds


def explore(
    *,
    seeds: int | Iterable[int] = 100,
    faults: FaultPlan | None = None,
    world: World | None = None,
    checks: Checks | None = None,
    shrink: bool = True,
) -> Callable[[Program], Callable[[], None]]:
    """Make a test of ``async def test(net)`` that runs it under many seeds.

    The result is a plain function without arguments: pytest runs it as it is, without any plugin. It raises what the
    program raised under the first failing seed, shrunk, with the report as a note. Arguments: see
    :func:`explore_seeds`.

    Raises:
        TypeError: the function is not ``async`` or does not take exactly the network.
        ValueError: no seeds.
    """
    if isinstance(seeds, int) and (not is_whole(seeds) or seeds < 1):
        raise ValueError(f"seeds={seeds!r}: give how many, 1 or more, or the seeds themselves")

    def decorate(main: Program) -> Callable[[], None]:
        if not inspect.iscoroutinefunction(main):
            raise TypeError(f"@explore: {main!r} is not an async function")
        try:
            inspect.signature(main).bind(None)
        except TypeError:
            raise TypeError(
                f"@explore: {main!r} must take one argument, the network; for pytest fixtures use "
                "@pytest.mark.explore and the fixture virtual_network"
            ) from None

        def explored() -> None:
            __tracebackhide__ = True
            found = explore_seeds(main, seeds=seeds, faults=faults, world=world, checks=checks, shrink=shrink)
            if found.failure is not None:
                error = found.failure.error
                error.add_note(f"{found.failure.report}\nafter {found}")
                raise error

        functools.update_wrapper(explored, main)
        # pytest would read the wrapped function's signature and look for a fixture named net
        del explored.__wrapped__  # type: ignore[attr-defined]  # set by update_wrapper
        return explored

    return decorate


def buggify(name: str, probability: float = 0.1) -> bool:
    """Return True now and then inside a simulation, seeded, recorded and shrunk like a fault; False outside.

    Put it into a program where something rare may happen: ``if buggify("slow-disk"): await trio.sleep(5)``.
    """
    net = current_network()
    return False if net is None else net.decide(name, probability)
