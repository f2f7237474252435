"""Deadlines of many connections from one task: exact, lazily moved, and silent when there is nothing to wait for."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from trio_http.transport import Sweeper, Watched


class Thing(Watched):
    """Notes when its deadline came."""

    def __init__(self, sweeper: Sweeper) -> None:
        super().__init__(sweeper)
        self.expired_at: list[float] = []

    def expire(self) -> None:
        self.expired_at.append(trio.current_time())


@pytest.fixture
async def sweeper() -> AsyncIterator[Sweeper]:
    async with trio.open_nursery() as nursery:
        sweeper = Sweeper()
        nursery.start_soon(sweeper.run)
        yield sweeper
        nursery.cancel_scope.cancel()


async def test_a_deadline_fires_at_its_exact_time_and_once(
    sweeper: Sweeper, autojump_clock: trio.testing.MockClock
) -> None:
    thing = Thing(sweeper)

    thing.arm(trio.current_time() + 7.25)
    await trio.sleep(100)

    assert thing.expired_at == [7.25]


async def test_a_deadline_can_be_moved_later_any_number_of_times(
    sweeper: Sweeper, autojump_clock: trio.testing.MockClock
) -> None:
    thing = Thing(sweeper)

    for _ in range(20):
        thing.arm(trio.current_time() + 10)
        await trio.sleep(9)
    await trio.sleep(100)

    assert thing.expired_at == [19 * 9 + 10]


async def test_a_deadline_moved_earlier_wakes_the_sweeper(
    sweeper: Sweeper, autojump_clock: trio.testing.MockClock
) -> None:
    thing = Thing(sweeper)
    thing.arm(trio.current_time() + 75)
    await trio.sleep(1)

    thing.arm(trio.current_time() + 5)
    await trio.sleep(200)

    assert thing.expired_at == [6]


async def test_an_earlier_one_may_be_moved_back_again(sweeper: Sweeper, autojump_clock: MockClock) -> None:
    thing = Thing(sweeper)
    thing.arm(75)
    await trio.sleep(1)
    thing.arm(5)

    thing.arm(50)
    await trio.sleep(200)

    assert thing.expired_at == [50]


async def test_disarmed_things_do_not_fire_and_can_be_armed_again(
    sweeper: Sweeper, autojump_clock: trio.testing.MockClock
) -> None:
    thing = Thing(sweeper)
    thing.arm(5)
    thing.disarm()
    await trio.sleep(10)
    assert thing.expired_at == []

    thing.arm(12)
    await trio.sleep(10)

    assert thing.expired_at == [12]


async def test_ties_fire_in_the_order_they_were_armed(sweeper: Sweeper, autojump_clock: MockClock) -> None:
    order: list[int] = []

    class Numbered(Watched):
        def __init__(self, number: int) -> None:
            super().__init__(sweeper)
            self.number = number

        def expire(self) -> None:
            order.append(self.number)

    things = [Numbered(number) for number in range(50)]
    for thing in things:
        thing.arm(3.0)
    await trio.sleep(4)

    assert order == list(range(50))


async def test_ending_others_while_expiring_is_fine(sweeper: Sweeper, autojump_clock: MockClock) -> None:
    things: list[Watched] = []

    class Ender(Watched):
        def expire(self) -> None:
            for other in things:
                other.unwatch()

    things.append(Ender(sweeper))
    late = [Thing(sweeper) for _ in range(200)]
    things.extend(late)
    for thing in things:
        thing.arm(1.0)
    await trio.sleep(5)

    assert not any(thing.expired_at for thing in late)


async def test_a_thing_that_ended_is_not_kept_alive(sweeper: Sweeper, autojump_clock: MockClock) -> None:
    thing = Thing(sweeper)
    thing.arm(1000)
    ghost = weakref.ref(thing)

    thing.unwatch()
    del thing
    gc.collect()

    assert ghost() is None


async def test_many_short_lives_do_not_fill_the_heap(sweeper: Sweeper, autojump_clock: MockClock) -> None:
    for _ in range(10_000):
        thing = Thing(sweeper)
        thing.arm(1000)
        thing.unwatch()

    assert len(sweeper) < 200


async def test_with_nothing_armed_it_sleeps_without_a_deadline(
    sweeper: Sweeper, autojump_clock: trio.testing.MockClock
) -> None:
    thing = Thing(sweeper)
    thing.arm(1)
    assert sweeper.next_wake == 1

    await trio.sleep(5)

    assert thing.expired_at == [1]
    assert sweeper.next_wake == math.inf
