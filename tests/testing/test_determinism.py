"""Same seed, same trace: within a process, over processes and hash seeds, and what happens where that cannot hold."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import trio
import trio._core._run

from trio_http import _clock, _entropy
from trio_http.testing import (
    Faults,
    NondeterminismError,
    NotDeterministicWarning,
    VirtualNetwork,
    World,
    simulate,
)
from trio_http.testing._deterministic import missing_internals

from .programs import small_http_program

SEEDS = 200


def digests(count: int) -> list[str]:
    return [simulate(small_http_program, seed=seed, faults=Faults.swarm).trace.digest() for seed in range(count)]


def test_canary_the_private_names_of_trio_are_still_there() -> None:
    assert not missing_internals(), "trio has moved: adapt testing/_deterministic.py"


def test_many_seeds_give_equal_traces_in_two_processes_with_other_hash_seeds() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.testing.test_determinism import *\n"
        "print(*digests(SEEDS))"
    )
    root = Path(__file__).parent.parent.parent
    found = []
    for hash_seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", program, str(root)], env=environment, cwd=root, check=True, capture_output=True
        )
        found.append(done.stdout.decode().split())

    assert found[0] == found[1]
    assert len(set(found[0])) == SEEDS


@pytest.mark.covers("C7")
def test_without_faults_the_schedule_alone_tells_seeds_apart() -> None:
    traces = {simulate(small_http_program, seed=seed).trace.digest() for seed in range(10)}
    fifo = {simulate(small_http_program, seed=seed, world=World(schedule="fifo")).trace.digest() for seed in range(10)}

    assert len(traces) == 10
    assert len(fifo) == 1


@pytest.mark.covers("C7")
@pytest.mark.parametrize("schedule", ["random", "fifo", "lifo", "priority"])
def test_each_schedule_is_repeatable(schedule: str) -> None:
    world = World(schedule=schedule)  # type: ignore[arg-type]  # the parameter is one of the names

    simulate(small_http_program, seed=3, faults=Faults.swarm(4), world=world, check_determinism=True)


def test_leaving_out_one_fault_moves_no_other_decision() -> None:
    faults = Faults(short_read=0.5)
    first = simulate(small_http_program, seed=5, faults=faults)
    keys = [event.key for event in first.faults]

    fewer = simulate(small_http_program, seed=5, faults=faults, only=keys[1:])

    assert len(keys) > 10
    assert {event.key for event in fewer.faults} <= set(keys[1:])
    again = simulate(small_http_program, seed=5, faults=faults, only=keys)
    assert again.trace.digest() == first.trace.digest()


@pytest.mark.covers("C7")
def test_randomness_and_clocks_follow_the_seed_and_come_back_after() -> None:
    async def main(net: VirtualNetwork) -> list[object]:
        await trio.sleep(10)
        return [
            os.urandom(4), random.random(), uuid.uuid4(), random.SystemRandom().random(), _entropy.random_bytes(3),
            _clock.wall(), net.chance("mine"),
        ]  # fmt: skip

    random.seed(1)
    expected = random.random()
    random.seed(1)
    real = os.urandom

    one, two, other = (simulate(main, seed=seed).value for seed in (1, 1, 2))

    assert one == two
    assert all(a != b for a, b in zip(one[:5], other[:5], strict=True))
    assert one[5] == 1_750_000_010.0
    assert os.urandom is real
    assert random.random() == expected
    assert _clock.wall() == pytest.approx(time.time(), abs=5)


@pytest.mark.covers("C6")
def test_the_time_module_can_be_virtual_too() -> None:
    async def main(net: VirtualNetwork) -> tuple[float, float]:
        begun = time.monotonic()
        await trio.sleep(1000)
        return time.monotonic() - begun, time.time()

    assert simulate(main, world=World(patch_time=True, epoch=5.0)).value == (1000, 1005)


@pytest.mark.covers("C11")
def test_a_program_that_depends_on_something_else_is_told() -> None:
    runs = iter(range(2))

    async def main(net: VirtualNetwork) -> None:
        await trio.sleep(next(runs))
        with pytest.raises(OSError, match="refused"), trio.socket.socket() as sock:
            await sock.connect(("127.0.0.1", 80))

    with pytest.raises(NondeterminismError, match=r"event 0 differs:\s+- 0\.000000 local syn .*\s+\+ 1\.000000"):
        simulate(main, check_determinism=True)


def test_without_the_private_names_it_is_virtual_but_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    # the one place where an internal has to go missing
    monkeypatch.setattr("trio_http.testing._deterministic.EXPECTED", {"trio._core._run": ("_gone",)})

    async def main(net: VirtualNetwork) -> float:
        await trio.sleep(100)
        return trio.current_time()

    with pytest.warns(NotDeterministicWarning, match=r"trio\._core\._run\._gone not found .*virtual but not determ"):
        assert simulate(main).value == 100


def test_the_scheduler_of_trio_is_restored() -> None:
    before = trio._core._run._r

    simulate(small_http_program)

    assert trio._core._run._r is before
