"""for_each_cancel_point: every point is tried, and a planted leak of a pool's slot is found."""

from __future__ import annotations

import pytest
import trio

from trio_http.testing import CancelPointError, HarnessError, VirtualNetwork, for_each_cancel_point, simulate

from .steps import echo


class Pool:
    """Two slots for connections. ``careful=False`` plants the classic leak: a slot taken before the ``try``."""

    def __init__(self, *, careful: bool) -> None:
        self.careful = careful
        self.free = 2

    async def fetch(self) -> bytes:
        self.free -= 1
        if self.careful:
            try:
                return await self._ask()
            finally:
                self.free += 1
        stream = await trio.open_tcp_stream("api", 80)
        try:
            return await self._talk(stream)
        finally:
            self.free += 1

    async def _ask(self) -> bytes:
        return await self._talk(await trio.open_tcp_stream("api", 80))

    async def _talk(self, stream: trio.SocketStream) -> bytes:
        async with stream:
            await stream.send_all(b"hello")
            return await stream.receive_some()


def cancelled_everywhere(pool: Pool) -> int:
    async def main(net: VirtualNetwork) -> int:
        await net.host("api").start(trio.serve_tcp, echo, 80)

        def sound() -> None:
            assert pool.free == 2, f"{pool.free} of 2 slots are free"

        with net.host("app").active():
            return len(await for_each_cancel_point(pool.fetch, sound))

    return simulate(main).value


@pytest.mark.covers("C23")
def test_a_sound_pool_survives_at_every_point() -> None:
    assert cancelled_everywhere(Pool(careful=True)) > 5


@pytest.mark.covers("C23")
def test_the_planted_slot_leak_is_found_with_its_point() -> None:
    with pytest.raises(CancelPointError, match=r"Pool\.fetch, cancelled at point 1, .*1 of 2 slots are free") as caught:
        cancelled_everywhere(Pool(careful=False))

    assert "test_cancelling.py" in str(caught.value)
    assert isinstance(caught.value.__cause__, AssertionError)


async def test_it_works_in_a_plain_trio_program(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []

    async def block() -> None:
        for number in range(4):
            reached.append(number)
            await trio.lowlevel.checkpoint()

    points = await for_each_cancel_point(block)

    assert len(points) == 5  # four checkpoints and the beginning
    assert reached == [0, 1, 2, 3, 0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert "block: cancelled at each of its 5 points" in capsys.readouterr().out


@pytest.mark.covers("C23")
async def test_points_of_tasks_below_the_block_count() -> None:
    cancelled = 0

    async def child() -> None:
        nonlocal cancelled
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            cancelled += 1
            raise

    async def block() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(child)

    await for_each_cancel_point(block)

    assert cancelled > 2


@pytest.mark.covers("C23")
async def test_checks_may_be_async_and_setup_runs_before_each() -> None:
    calls = []

    async def setup() -> None:
        calls.append("setup")

    async def check() -> None:
        await trio.lowlevel.checkpoint()
        calls.append("check")

    points = await for_each_cancel_point(trio.lowlevel.checkpoint, check, setup=setup)

    assert calls == ["setup", "check"] * (len(points) + 2)


async def test_an_error_in_place_of_cancelled_is_told_unless_allowed() -> None:
    async def block() -> None:
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            raise KeyError("mine") from None

    with pytest.raises(CancelPointError, match=r"raised KeyError\('mine'\); the point: .*test_cancelling\.py"):
        await for_each_cancel_point(block)
    await for_each_cancel_point(block, allow=(KeyError,))


async def test_errors_without_a_cancellation_are_the_block_s_own() -> None:
    async def block() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await for_each_cancel_point(block)


async def test_a_block_without_end_is_refused() -> None:
    async def block() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with pytest.raises(HarnessError, match="more than 20 points"):
        await for_each_cancel_point(block, most=20)


async def test_cancelling_the_caller_ends_it() -> None:
    with trio.move_on_after(0) as scope:
        await for_each_cancel_point(trio.sleep_forever)
    assert scope.cancelled_caught
