"""Exploring finds planted bugs, shrinks them to their cause, and replays them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import trio

from trio_http.testing import (
    DeadlockError,
    Faults,
    HarnessError,
    LeakError,
    VirtualNetwork,
    World,
    buggify,
    explore,
    explore_seeds,
    simulate,
)

from .programs import small_http_program


async def one_line_is_one_read(net: VirtualNetwork) -> None:
    """The planted bug: it takes one read for one line."""

    async def server(stream: trio.SocketStream) -> None:
        async with stream:
            line = await stream.receive_some()
            assert line == b"hello\n", line

    await net.host("api").start(trio.serve_tcp, server, 80)
    with net.host("app").active():
        async with await trio.open_tcp_stream("api", 80) as stream:
            await stream.send_all(b"hello\n")
            with suppress(trio.BrokenResourceError):
                assert await stream.receive_some() == b""
            await trio.sleep(1)


async def leaks_on_timeout(net: VirtualNetwork) -> None:
    """The planted bug: the stream is closed, but not on the way of the timeout."""

    async def server(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(b"answer")

    await net.host("api").start(trio.serve_tcp, server, 80)
    with net.host("app").active():
        stream = await trio.open_tcp_stream("api", 80)
        try:
            with trio.fail_after(0.5):
                await stream.receive_some()
        except trio.TooSlowError:
            return
        await stream.aclose()


async def check_then_act(net: VirtualNetwork) -> None:
    """The planted bug: two tasks look, wait, and then both take the last one."""
    stock = 1

    async def buy() -> None:
        nonlocal stock
        if stock > 0:
            if buggify("slow-payment"):
                await trio.sleep(1)
            stock -= 1
        assert stock >= 0, "sold what was not there"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(buy)
        nursery.start_soon(buy)


async def order_matters(net: VirtualNetwork) -> None:
    """The planted bug: it takes for granted that the first task runs first."""
    ran: list[int] = []

    async def note(number: int) -> None:
        ran.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(note, number)
    assert ran[0] == 0


async def waits_for_an_end_that_never_comes(net: VirtualNetwork) -> None:
    """The planted bug: both sides read to the end before they close, and nobody sends EOF."""

    async def server(stream: trio.SocketStream) -> None:
        async with stream:
            async for _ in stream:
                pass

    await net.host("api").start(trio.serve_tcp, server, 80)
    with net.host("app").active():
        async with await trio.open_tcp_stream("api", 80) as stream:
            await stream.send_all(b"question")
            async for _ in stream:
                pass


def test_a_short_read_is_shrunk_to_one_fault_with_a_one_line_cause() -> None:
    faults = Faults(short_read=0.3, short_write=0.2, delay=0.3, dns_delay=0.3)

    found = explore_seeds(one_line_is_one_read, seeds=50, faults=faults).failure

    assert found is not None
    assert isinstance(found.error, AssertionError)
    [needed] = found.needed
    assert needed.text in {"short_read on app->10.0.0.1:80#1 server", "short_write on app->10.0.0.1:80#1 client"}
    assert found.faults_at_first >= 1
    assert found.run.world.schedule == "fifo"
    assert f"t={needed.time:.3f} {needed.text}" in found.report


@pytest.mark.covers("C10")
def test_a_failure_replays_from_its_seed_and_from_its_faults() -> None:
    def plan(seed: int) -> Faults:
        return Faults.swarm(seed).only("short_read", "short_write", "delay")

    found = explore_seeds(one_line_is_one_read, faults=plan, seeds=100).failure
    assert found is not None

    def leaf_of(run: Callable[[], object]) -> type[BaseException]:
        with pytest.raises((AssertionError, ExceptionGroup)) as caught:
            run()
        error: BaseException = caught.value
        while isinstance(error, BaseExceptionGroup):
            [error] = error.exceptions
        return type(error)

    only = [event.key for event in found.needed]
    world = World(schedule=found.run.world.schedule)
    options: Any = {"seed": found.seed, "faults": found.run.faults, "world": world}
    assert leaf_of(lambda: simulate(one_line_is_one_read, seed=found.seed, faults=plan)) is AssertionError
    assert leaf_of(lambda: simulate(one_line_is_one_read, only=only, **options)) is AssertionError
    simulate(one_line_is_one_read, only=[], **options)
    # the report gives the very call
    assert leaf_of(lambda: eval(f"simulate(one_line_is_one_read, {found.settings})")) is AssertionError


@pytest.mark.covers("C10")
@pytest.mark.parametrize(
    ("program", "faults", "error", "cause"),
    [
        (leaks_on_timeout, Faults(delay=0.2, short_read=0.2), LeakError, ["delay on app->10.0.0.1:80#1 server"]),
        (check_then_act, Faults(), AssertionError, ["user:slow-payment on local"]),
        (order_matters, Faults(), AssertionError, []),
        (waits_for_an_end_that_never_comes, Faults(short_read=0.5), DeadlockError, []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_planted_bugs_are_found_and_shrunk(
    program: object, faults: Faults, error: type[Exception], cause: list[str]
) -> None:
    found = explore_seeds(program, seeds=200, faults=faults).failure  # type: ignore[arg-type]  # one of the above

    assert found is not None
    assert type(found.error) is error
    assert [event.text for event in found.needed] == cause or (cause and {e.text for e in found.needed} == set(cause))


def test_a_failure_that_needs_two_faults_keeps_two() -> None:
    async def program(net: VirtualNetwork) -> None:
        if sum(net.decide("disk", 0.3) for _ in range(20)) >= 2:
            raise RuntimeError("two disks gone")

    found = explore_seeds(program, seeds=50).failure

    assert found is not None
    assert len(found.needed) == 2
    assert found.faults_at_first > 2


def test_a_right_program_survives() -> None:
    done = explore_seeds(small_http_program, seeds=50, faults=Faults.swarm)

    assert done.failure is None, done.failure.report
    assert done.seeds == 50
    assert done.shapes > 40
    assert done.faults > 100


@pytest.mark.covers("C10")
def test_explore_makes_a_plain_test() -> None:
    runs = []

    @explore(seeds=7)
    async def program(net: VirtualNetwork) -> None:
        """What it says."""
        runs.append(net.seed)

    program()

    assert runs == list(range(7))
    assert (program.__name__, program.__doc__) == ("program", "What it says.")


@pytest.mark.covers("C10")
def test_explore_raises_the_error_itself_with_the_report() -> None:
    program = explore(seeds=50, faults=Faults(short_read=0.3))(one_line_is_one_read)

    with pytest.raises(AssertionError) as caught:
        program()

    [note] = [note for note in caught.value.__notes__ if "needed faults" in note]
    assert "short_read on app->10.0.0.1:80#1 server" in note
    assert "--vnet-seed" in note
    assert "last " in note


def test_the_environment_chooses_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    async def program(net: VirtualNetwork) -> None:
        runs.append(net.seed)

    monkeypatch.setenv("TRIO_HTTP_SEED", "17")
    explore_seeds(program, seeds=3)
    monkeypatch.delenv("TRIO_HTTP_SEED")
    monkeypatch.setenv("TRIO_HTTP_SEEDS", "2")
    explore_seeds(program, seeds=[5])
    monkeypatch.setenv("TRIO_HTTP_SEEDS", "two")
    with pytest.raises(ValueError, match="TRIO_HTTP_SEEDS='two'"):
        explore_seeds(program)

    assert runs == [17, 0, 1]


def test_a_harness_fault_is_never_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    # planted in the kit itself: nothing public can make it fail
    monkeypatch.setattr("trio_http.testing._tcp.Pipe", None)
    with pytest.raises(HarnessError, match="itself failed"):
        explore_seeds(small_http_program, seeds=1)


def test_a_harness_error_among_the_program_s_errors_is_not_a_finding() -> None:
    other = VirtualNetwork()

    async def program(net: VirtualNetwork) -> None:
        async def fails() -> None:
            raise KeyError("mine")

        async def misuses() -> None:
            other.host("a").start_soon(trio.sleep, 1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails)
            nursery.start_soon(misuses)

    with pytest.raises(HarnessError, match="inside `async with`"):
        explore_seeds(program)


@pytest.mark.parametrize("bad", [lambda: None, lambda net: None])
def test_only_async_functions_of_the_network_can_be_explored(bad: object) -> None:
    with pytest.raises(TypeError, match="not an async function"):
        explore()(bad)  # type: ignore[arg-type]  # that is the point


def test_a_test_with_fixtures_is_sent_to_the_mark() -> None:
    async def program(net: VirtualNetwork, nursery: object) -> None:
        pass

    with pytest.raises(TypeError, match=r"pytest\.mark\.explore"):
        explore()(program)  # type: ignore[arg-type]  # that is the point


def test_no_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="seeds=0"):
        explore(seeds=0)


def test_buggify_is_false_outside_a_simulation() -> None:
    assert not any(buggify("anything", 1.0) for _ in range(10))
