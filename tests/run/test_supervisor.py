"""The supervisor in virtual time, with workers that are no processes."""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_http._run import Backoff, Order, Supervisor


class FakeWorker:
    """A worker that does what its test says."""

    def __init__(self, pid: int, slot: int) -> None:
        self.pid = pid
        self.slot = slot
        self.told: list[tuple[str, float]] = []
        self.killed_at: float | None = None
        self.closed = False
        self.obedient = True  # ends a second after it has been told to
        self._send, self._receive = trio.open_memory_channel[str](100)
        self._ended = trio.Event()
        self._code = 0
        self._nudge = trio.Event()

    def say(self, word: str) -> None:
        self._send.send_nowait(word)

    def end(self, code: int) -> None:
        if not self._ended.is_set():
            self._code = code
            self._ended.set()

    def tell(self, word: str) -> None:
        self.told.append((word, trio.current_time()))
        if self.obedient:
            self._nudge.set()

    async def hear(self) -> str | None:
        return await self._receive.receive()

    def kill(self) -> None:
        if not self._ended.is_set():
            self.killed_at = trio.current_time()
        self.end(-9)

    async def wait(self) -> int:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                await self._nudge.wait()
                await trio.sleep(1)
                self.end(0)

            nursery.start_soon(obey)
            await self._ended.wait()
            nursery.cancel_scope.cancel()
        return self._code

    def close(self) -> None:
        self.closed = True
        self._send.close()
        self._receive.close()


class House:
    """A supervisor, and all workers it has started so far."""

    def __init__(self, count: int, options: dict[str, object]) -> None:
        self.workers: list[FakeWorker] = []
        self.started_at: list[float] = []
        self.on_start: Callable[[FakeWorker], None] = lambda worker: worker.say("ready")
        self.refusals = 0
        self.ready = 0
        self.ended: list[int] = []
        self.code: int | None = None

        def on_ready() -> None:
            self.ready += 1

        self.supervisor = Supervisor(self._start, count, on_ready=on_ready, on_end=self.ended.append, **options)  # type: ignore[arg-type]  # a test's

    async def _start(self, slot: int) -> FakeWorker:
        await trio.lowlevel.checkpoint()
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EAGAIN, "try again")
        worker = FakeWorker(100 + len(self.workers), slot)
        self.workers.append(worker)
        self.started_at.append(trio.current_time())
        self.on_start(worker)
        return worker

    async def run(self) -> None:
        self.code = await self.supervisor.run()


@asynccontextmanager
async def house(
    count: int = 2, on_start: Callable[[FakeWorker], None] | None = None, **options: object
) -> AsyncIterator[House]:
    made = House(count, options)
    if on_start is not None:
        made.on_start = on_start
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        await wait_all_tasks_blocked()
        yield made
        nursery.cancel_scope.cancel()
    assert all(worker.closed for worker in made.workers)


async def test_all_workers_are_started_and_told_to_end(autojump_clock: MockClock) -> None:
    async with house(3) as it:
        assert it.ready == 1
        assert it.supervisor.pids == [100, 101, 102]

        it.supervisor.obey(Order.END)
        await trio.sleep(2)

        assert it.code == 0
        assert [worker.told for worker in it.workers] == [[("end", 0.0)]] * 3


async def test_a_program_that_does_not_load_is_told_by_the_first_worker(autojump_clock: MockClock) -> None:
    async with house(3, on_start=lambda worker: None) as it:
        it.workers[1].end(2)
        await trio.sleep(1)
        assert it.code is None

        it.workers[0].end(2)
        await trio.sleep(1)

        assert it.code == 2
        assert it.workers[2].killed_at == 1
        assert len(it.workers) == 3


async def test_another_worker_that_fails_at_the_start_is_tried_again(autojump_clock: MockClock) -> None:
    async with house(2, on_start=lambda worker: None) as it:
        it.workers[1].end(1)
        it.workers[0].say("ready")
        await wait_all_tasks_blocked()
        assert it.ready == 0  # not before all of them serve
        it.workers[2].say("ready")
        await wait_all_tasks_blocked()

        assert it.supervisor.pids == [100, 102]
        assert it.ready == 1


async def test_one_that_somebody_is_at_work_on_waits(autojump_clock: MockClock) -> None:
    async with house(1, on_start=lambda worker: worker.end(2), keep_trying=True) as it:
        await trio.sleep(1000)
        assert len(it.workers) == 1
        it.on_start = lambda worker: worker.say("ready")

        it.supervisor.obey(Order.RELOAD)
        await wait_all_tasks_blocked()

        assert it.supervisor.pids == [101]
        assert it.ready >= 1


async def test_a_dead_worker_is_replaced_at_once_and_then_ever_later(autojump_clock: MockClock) -> None:
    async with house(1) as it:
        await trio.sleep(100)
        for _ in range(5):
            it.workers[-1].end(-11)
            with trio.move_on_after(60):
                count = len(it.workers)
                while len(it.workers) == count:
                    await trio.sleep(0.01)
            await wait_all_tasks_blocked()

        assert it.ended == [worker.pid for worker in it.workers[:-1]]
        delays = [after - before for before, after in zip(it.started_at[1:], it.started_at[2:], strict=False)]
        assert it.started_at[1] == pytest.approx(100, abs=0.02)
        assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8], abs=0.02)


async def test_replacing_starts_the_successor_first(autojump_clock: MockClock) -> None:
    async with house(2) as it:
        it.on_start = lambda worker: None
        it.supervisor.obey(Order.RELOAD)
        await wait_all_tasks_blocked()

        assert len(it.workers) == 3  # one by one
        assert it.workers[0].told == []
        it.workers[2].say("ready")
        await wait_all_tasks_blocked()
        assert it.workers[0].told == [("replaced", 0.0)]
        assert it.workers[1].told == []
        assert len(it.workers) == 3  # the first has not left yet
        it.workers[0].say("left")
        await wait_all_tasks_blocked()
        it.workers[3].say("ready")
        await trio.sleep(5)

        assert it.supervisor.pids == [102, 103]
        assert it.ready == 2


async def test_a_successor_that_does_not_come_up_changes_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(1) as it:
        it.on_start = lambda worker: worker.end(2)

        it.supervisor.obey(Order.RELOAD)
        await trio.sleep(1)

        assert it.supervisor.pids == [100]
        assert it.workers[0].told == []
        assert "no successor came up; pid 100 goes on" in caplog.text


async def test_a_spent_worker_goes_when_its_successor_serves(autojump_clock: MockClock) -> None:
    async with house(1) as it:
        it.on_start = lambda worker: None
        it.workers[0].say("spent")
        await trio.sleep(3)
        assert it.workers[0].told == []

        it.workers[1].say("ready")
        await wait_all_tasks_blocked()

        assert it.workers[0].told == [("replaced", 3.0)]


async def test_a_spent_worker_without_successor_tries_again_later(autojump_clock: MockClock) -> None:
    async with house(1) as it:
        it.on_start = lambda worker: worker.end(1)
        it.workers[0].say("spent")
        await trio.sleep(25)

        assert it.started_at == [0, 0, 10, 20]
        assert it.supervisor.pids == [100]


async def test_a_worker_that_does_not_end_is_killed(autojump_clock: MockClock) -> None:
    async with house(2, grace=10, lame_duck=3) as it:
        it.workers[0].obedient = False

        it.supervisor.obey(Order.END)
        await trio.sleep(100)

        assert it.workers[0].killed_at == 15  # lame duck, grace, and 2 s to end
        assert it.workers[1].killed_at is None
        assert it.code == 1


async def test_a_second_order_to_end_forces(autojump_clock: MockClock) -> None:
    async with house(1, grace=60) as it:
        it.workers[0].obedient = False
        it.supervisor.obey(Order.END)
        await trio.sleep(5)

        it.supervisor.obey(Order.END)
        await trio.sleep(5)

        assert it.workers[0].told == [("end", 0.0), ("force", 5.0)]
        assert it.workers[0].killed_at == 6


async def test_a_worker_that_is_still_loading_at_the_end_is_killed(autojump_clock: MockClock) -> None:
    async with house(2) as it:
        it.on_start = lambda worker: None
        it.supervisor.obey(Order.RELOAD)
        await trio.sleep(1)

        it.supervisor.obey(Order.END)
        await trio.sleep(5)

        assert it.workers[2].killed_at == 1
        assert it.code == 0


async def test_a_worker_that_falls_silent_is_killed_and_replaced(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(1, silence=10) as it:
        await trio.sleep(5)
        it.workers[0].say("alive")
        await trio.sleep(9)
        assert it.workers[0].killed_at is None
        await trio.sleep(2)

        assert it.workers[0].killed_at == 15
        assert "worker 1 (pid 100) has been stuck for 10 s" in caplog.text
        assert it.supervisor.pids == [101]


async def test_a_system_without_room_for_a_process_is_asked_again(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(1) as it:
        it.refusals = 3
        it.workers[0].end(-9)
        await trio.sleep(10)

        assert it.started_at == [0, 3]
        assert "cannot be started: [Errno 11] try again" in caplog.text


async def test_no_worker_is_started_once_it_ends(autojump_clock: MockClock) -> None:
    async with house(1) as it:
        it.refusals = 1
        it.workers[0].end(-9)
        await trio.sleep(0.5)

        it.supervisor.obey(Order.END)
        await trio.sleep(0.1)

        assert it.code == 0
        assert len(it.workers) == 1


async def test_cancelling_leaves_no_worker(autojump_clock: MockClock) -> None:
    async with house(2) as it:
        pass

    assert [worker.killed_at for worker in it.workers] == [0, 0]


async def test_told_to_renew_twice_it_renews_twice(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with house(1) as it:
        it.on_start = lambda worker: None
        it.supervisor.obey(Order.RELOAD)
        await trio.sleep(1)
        it.on_start = lambda worker: worker.say("ready")
        it.supervisor.obey(Order.RELOAD)  # the source has changed again, after the successor read it
        it.workers[1].say("ready")
        await trio.sleep(5)

        assert it.supervisor.pids == [102]
        assert caplog.text.count("replaced: ") == 2


def test_delays_double_up_to_a_limit_and_begin_anew() -> None:
    backoff = Backoff(first=1, most=5, healthy=10)

    assert [backoff.delay(0) for _ in range(6)] == [0, 1, 2, 4, 5, 5]
    assert [backoff.delay(10), backoff.delay(0)] == [0, 1]
