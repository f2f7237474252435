"""simulate: run a program in a virtual network, in virtual time, from a seed."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar, final
from weakref import WeakKeyDictionary

import outcome
import trio
from trio.testing import MockClock

from .. import _watch
from ._checks import Checks, OpenThings, leaks_of, system_tasks
from ._chunks import Chunks
from ._deterministic import Schedule, deterministic
from ._draws import FaultEvent
from ._faults import FaultPlan, Faults
from ._links import Link
from ._network import VirtualNetwork
from ._options import is_number, is_whole
from ._problems import HarnessError, LeakError, NondeterminismError
from ._trace import Trace
from ._watchdog import Watchdog

__all__ = [
    "Run",
    "Simulation",
    "World",
    "current_network",
    "make_run",
    "run_in",
    "run_network",
    "run_once",
    "settings_of",
    "simulate",
]

T = TypeVar("T")
SCHEDULES: tuple[Schedule, ...] = ("random", "fifo", "lifo", "priority")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What surrounds the program in a simulation.

    Attributes:
        schedule: which runnable task goes first: "random" (seeded), "fifo", "lifo" or "priority" (each task keeps a
            seeded rank, which reaches deeper races).
        time_limit: virtual seconds after which a run has failed.
        passes: passes of the scheduler at one instant, twice, after which a run counts as a livelock; 20 times as many
            while the network moves.
        epoch: what the wall clock says at virtual time 0, in seconds since 1970.
        patch_time: also replace ``time.time`` and ``time.monotonic``, for libraries that read them.
        inline_threads: run ``to_thread.run_sync`` in place; False uses real threads, which virtual time cannot see.
        link: how hosts are joined by default.
        chunks: how much a read returns.
        buffer: send and receive buffer of each socket, in bytes each.

    Raises:
        ValueError: a value that makes no sense.
    """

    schedule: Schedule = "random"
    time_limit: float = 86400.0
    passes: int = 100_000
    epoch: float = 1_750_000_000.0
    patch_time: bool = False
    inline_threads: bool = True
    link: Link = field(default_factory=Link)
    chunks: Chunks | None = None
    buffer: int = 64 << 10

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule={self.schedule!r}: say one of {', '.join(SCHEDULES)}")
        if not is_number(self.time_limit) or not self.time_limit > 0:
            raise ValueError(f"time_limit={self.time_limit!r}: virtual seconds, more than 0")
        if self.passes < 1:
            raise ValueError(f"passes={self.passes!r}: 1 or more")
        if not math.isfinite(self.epoch):
            raise ValueError(f"epoch={self.epoch!r}: seconds since 1970")


_settings: WeakKeyDictionary[VirtualNetwork, Run] = WeakKeyDictionary()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that fixes one run; equal runs of a right program give equal traces."""

    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    only: frozenset[str] | None = None
    world: World = field(default_factory=World)
    checks: Checks = field(default_factory=Checks)

    def network(self, *, random: Random | None = None) -> VirtualNetwork:
        """Make the network of this run; it remembers these settings."""
        net = VirtualNetwork(
            seed=self.seed,
            faults=self.faults,
            only=self.only,
            link=self.world.link,
            chunks=self.world.chunks,
            buffer=self.world.buffer,
            random=random,
        )
        _settings[net] = self
        return net


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation(Generic[T]):
    """A finished simulation.

    Attributes:
        outcome: what the program did: :class:`outcome.Value` or :class:`outcome.Error`.
        network: the network, with its trace and connections.
        run: the seed and settings.
        duration: virtual seconds it took.
    """

    outcome: outcome.Outcome[T]
    network: VirtualNetwork
    run: Run
    duration: float

    @property
    def value(self) -> T:
        """What the program returned; raises what it raised."""
        return self.outcome.unwrap()

    @property
    def error(self) -> BaseException | None:
        """What the program raised, or None."""
        return self.outcome.error if isinstance(self.outcome, outcome.Error) else None

    @property
    def trace(self) -> Trace:
        """What happened on the network."""
        return self.network.trace

    @property
    def faults(self) -> list[FaultEvent]:
        """The faults that happened."""
        return self.network.faults_happened

    @property
    def seed(self) -> int:
        """The seed."""
        return self.run.seed


_running: list[VirtualNetwork] = []


def current_network() -> VirtualNetwork | None:
    """Return the network of the simulation that runs now, or None."""
    return _running[-1] if _running else None


def run_in(
    net: VirtualNetwork,
    main: Callable[[], Awaitable[T]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Iterable[trio.abc.Instrument] = (),
) -> tuple[T, float]:
    """Run ``main`` in a network made by :meth:`Run.network`; return its result and the virtual seconds it took.

    Raises:
        HarnessError: called inside a trio run, or the simulation is invalid.
        Finding: a deadlock, a livelock, the time limit, a leak.
    """
    if _inside_trio():
        raise HarnessError("a simulation starts its own trio run: call it from synchronous code")
    run = settings_of(net)
    world, checks = run.world, run.checks
    if clock is None:
        clock = MockClock(autojump_threshold=0)
    virtual = isinstance(clock, MockClock)
    autojump = isinstance(clock, MockClock) and clock.autojump_threshold == 0
    watchdog = Watchdog(
        time_limit=world.time_limit,
        passes=world.passes,
        deadlock=checks.deadlock and autojump,
        real_io=checks.real_io and autojump,
        autojump=autojump,
        progress=lambda: len(net.trace),
    )
    things = OpenThings()
    ended = [0.0]

    async def program() -> T:
        tasks_before = system_tasks()
        returned: list[T] = []
        begun = trio.current_time()
        try:
            async with net:
                with watchdog.scope:
                    returned.append(await main())
            ended[0] = trio.current_time() - begun
            if not returned:
                assert watchdog.error is not None
                raise watchdog.error
            leaks = leaks_of(net, checks, things=things, tasks_before=tasks_before)
        finally:
            net.close_sockets()
            if watchdog.error is not None:
                raise watchdog.error
        if leaks:
            raise LeakError(f"{len(leaks)} left open at the end of the run:\n" + "\n".join(f"  {x}" for x in leaks))
        return returned[0]

    with ExitStack() as stack:
        stack.callback(_watch.set_watcher, _watch.set_watcher(things))
        stack.enter_context(
            deterministic(
                run.seed,
                schedule=world.schedule,
                epoch=world.epoch,
                inline_threads=world.inline_threads and virtual,
                patch_time=world.patch_time,
            )
        )
        _running.append(net)
        stack.callback(_running.pop)
        try:
            value = trio.run(program, clock=clock, instruments=[watchdog, *instruments])
        finally:
            if net.interrupt is not None:
                raise net.interrupt
    return value, ended[0]


def settings_of(net: VirtualNetwork) -> Run:
    """Return the settings a network was made from."""
    return _settings.get(net) or Run(seed=net.seed)


def run_network(net: VirtualNetwork, main: Callable[[VirtualNetwork], Awaitable[T]]) -> T:
    """Run ``main(net)`` in a network that Hypothesis made (see ``strategies.virtual_networks``), as ``simulate`` does.

    Raises:
        Finding: a deadlock, livelock, time limit or leak.
        HarnessError: the simulation is misused or invalid.
        Exception: what ``main`` raised.
    """

    async def program() -> T:
        return await main(net)

    return run_in(net, program)[0]


def leaves_of(error: BaseException) -> list[BaseException]:
    """Return the errors in a nest of groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for member in error.exceptions for leaf in leaves_of(member)]
    return [error]


def _inside_trio() -> bool:
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def run_once(main: Callable[[VirtualNetwork], Awaitable[T]], run: Run) -> Simulation[T]:
    """Run a program once; what it raises is kept in the result, harness errors are raised."""
    net = run.network()
    duration = 0.0

    async def program() -> T:
        return await main(net)

    def attempt() -> T:
        nonlocal duration
        value, duration = run_in(net, program)
        return value

    result = outcome.capture(attempt)
    if isinstance(result, outcome.Error):
        for leaf in leaves_of(result.error):
            if isinstance(leaf, HarnessError | trio.TrioInternalError):
                # also from between errors of the program: what it did after the harness failed means nothing
                raise leaf
        if not isinstance(result.error, Exception):
            result.unwrap()
        duration = net.trace[-1].time if len(net.trace) else 0.0
    return Simulation(outcome=result, network=net, run=run, duration=duration)


def simulate(
    main: Callable[[VirtualNetwork], Awaitable[T]],
    *,
    seed: int = 0,
    faults: FaultPlan | None = None,
    only: Iterable[str] | None = None,
    world: World | None = None,
    checks: Checks | None = None,
    check_determinism: bool = False,
) -> Simulation[T]:
    """Run ``main(net)`` in a virtual network and virtual time; the seed fixes everything.

    Args:
        main: the program; it gets the network.
        seed: chooses schedule, faults, jitter and every random byte.
        faults: what may go wrong, or a function from the seed to it such as ``Faults.swarm``.
        only: let only the faults with these keys happen (from ``FaultEvent.key`` or a failure report).
        world: schedule, time limit, default link and the like.
        checks: what counts as a failure at the end.
        check_determinism: run it twice and compare the traces.

    Returns:
        The finished simulation; ``.value`` is what ``main`` returned.

    Raises:
        Finding: a deadlock, livelock, time limit or leak.
        NondeterminismError: two runs of the seed differ; the text names the first differing event.
        HarnessError: the simulation is misused or invalid.
        Exception: what ``main`` raised, with a note that names the seed.
    """
    run = make_run(seed=seed, faults=faults, only=only, world=world, checks=checks)
    done = run_once(main, run)
    if check_determinism:
        again = run_once(main, run)
        difference = done.trace.diff(again.trace)
        if difference is not None:
            raise NondeterminismError(
                f"seed {seed} gave two different traces: {difference}\n"
                "The program depends on something that the seed does not fix: the order of a set, id(), the wall "
                "clock, a thread, a file."
            )
    if done.error is not None:
        done.error.add_note(f"simulated with seed={seed}, {len(done.faults)} faults, {done.duration:.3f} virtual s")
        raise done.error
    return done


def make_run(
    *,
    seed: int,
    faults: FaultPlan | None,
    only: Iterable[str] | None,
    world: World | None,
    checks: Checks | None,
) -> Run:
    """Check the options of a run and put them together.

    Raises:
        TypeError, ValueError: an option that makes no sense.
    """
    if not is_whole(seed):
        raise ValueError(f"seed={seed!r}: a seed is a whole number")
    chosen = faults(seed) if callable(faults) else faults
    if chosen is not None and not isinstance(chosen, Faults):
        raise TypeError(f"faults={faults!r}: give a Faults, or a function from a seed to one")
    if isinstance(only, str):
        raise TypeError(f"only={only!r}: give a collection of keys")
    return Run(
        seed=seed,
        faults=chosen or Faults(),
        only=None if only is None else frozenset(only),
        world=world or World(),
        checks=checks or Checks(),
    )
