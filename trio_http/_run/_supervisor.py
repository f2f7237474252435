"""The supervisor of several workers: starts them, replaces those that end, hands over from one to the next.

How it works
------------
* The listening sockets are the supervisor's. Workers inherit them, so a connection that waits to be accepted belongs to
  no worker: one that ends, in whatever way, takes none with it.
* Each slot is a task that keeps one worker running. Where a worker is replaced (told to, or because it has served its
  number of requests) the successor is started first; only when that one serves is the other told to go. A successor
  that does not come up changes nothing.
* A worker's process is never left: whatever ends its task kills it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, final

import trio

from ._backoff import Backoff
from ._served import LINGER, Order

__all__ = ["Supervisor", "Worker", "told"]

log = logging.getLogger("trio_http.run")

MARGIN = 2.0  # seconds that a worker may take over its grace, to cut what is left and to end
FORCE = 1.0  # seconds for workers to end that are forced to
REAP = 5.0  # seconds for a killed process to be gone
RETRY = 1.0  # seconds until the system is asked again for a process
SPENT_RETRY = 10.0  # seconds until a successor is tried again, for a worker that has served its number of requests


def told(pids: Sequence[int]) -> str:
    """Say which processes the workers are."""
    return f"{len(pids)} worker{'s' if len(pids) > 1 else ''}, pid {', '.join(map(str, pids))}"


class Worker(Protocol):
    """A worker, as the supervisor needs it."""

    pid: int

    def tell(self, word: str) -> None:
        """Give it an order: the value of an :class:`Order`."""

    async def hear(self) -> str | None:
        """Wait for its next word, ``ready``, ``alive``, ``spent`` or ``left``; None when it will say no more."""

    def kill(self) -> None:
        """End it now."""

    async def wait(self) -> int:
        """Wait for its end; return its exit code, or minus the signal that killed it."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the line to it."""


@final
class _Life:
    """One worker from its start to its end, and what it has said."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.began = trio.current_time()
        self.ready = False
        self.spent = False
        self.left = False  # it accepts no more
        self.code: int | None = None  # once it has ended
        self.heard_at = self.began

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        assert self.code is not None
        return f"was killed by signal {-self.code}" if self.code < 0 else f"ended with exit code {self.code}"


@final
class _Slot:
    """One of the places for workers."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.kept = False  # somebody keeps a worker running here
        self.life: _Life | None = None  # the one that serves; None while there is none
        self.renew = False  # it is to be replaced


@final
class Supervisor:
    """Keeps a number of workers running.

    Args:
        start: Starts a worker, given the number of its slot.
        count: How many workers.
        grace: Seconds that a worker gives to requests under way; after it and some margin the worker is killed.
        lame_duck: Seconds that it goes on before, when everything ends.
        silence: A worker that has not said for so many seconds that it is alive is killed and replaced; None for never.
        keep_trying: A worker that does not come up is started again once it is told to renew, and not before: somebody
            is at work on it.
        on_ready: Called when a worker of every slot serves, at the beginning and after all have been replaced.
        on_end: Called with the process id of each worker that has ended.
    """

    def __init__(
        self,
        start: Callable[[int], Awaitable[Worker]],
        count: int,
        *,
        grace: float = 30.0,
        lame_duck: float = 0.0,
        silence: float | None = None,
        keep_trying: bool = False,
        on_ready: Callable[[], None] = lambda: None,
        on_end: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self._start = start
        self._slots = [_Slot(number) for number in range(1, count + 1)]
        self._grace = grace
        self._lame_duck = lame_duck
        self._silence = silence
        self._keep_trying = keep_trying
        self._on_ready = on_ready
        self._on_end = on_end
        self._lives: dict[_Life, None] = {}
        self._nursery: trio.Nursery
        self._came_up = False  # a worker has been ready: the program can serve
        self._changed = trio.Event()  # set and renewed whenever a worker has begun, said something or ended
        self._ending = False
        self._renewal_wanted = trio.Event()
        self._code = 0

    @property
    def pids(self) -> list[int]:
        """The processes of the workers that serve, in the order of their slots."""
        return [slot.life.worker.pid for slot in self._slots if slot.life is not None]

    async def run(self) -> int:
        """Keep the workers running until told to end.

        Returns:
            An exit code: 0; that of the first worker if that one never came up; 1 if workers had to be killed.

        Cancellation:
            Kills the workers.
        """
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._renew_when_told)
            for slot in self._slots:
                await self._nursery.start(self._keep, slot)
            await self._until(lambda: self._ending or len(self.pids) == len(self._slots))
            self._tell_if_ready()
        return self._code

    def obey(self, order: Order) -> None:
        """Carry out an order: END, FORCE, or RELOAD, which replaces the workers one by one."""
        if order in (Order.RELOAD, Order.REPLACED):
            self._renewal_wanted.set()
        elif order is Order.FORCE or self._ending:
            self._end_workers("force", FORCE)
        else:
            self._end_workers("end", self._lame_duck + self._grace + MARGIN)

    # ---------------------------------------------------------------- one slot

    async def _keep(self, slot: _Slot, *, task_status: trio.TaskStatus[None]) -> None:
        """Keep one worker running until the end; it is started when its first process is."""
        slot.kept = True
        backoff = Backoff()
        life = await self._begin(slot)
        task_status.started()
        while life is not None and not self._ending:
            if life.code is not None:
                slot.life = None
                if not await self._worth_another(slot, life):
                    return
                await self._wait_before_another(slot, life, backoff)
                if not self._ending:
                    slot.renew = False
                    life = await self._begin(slot)
            elif not life.ready:
                await self._changed.wait()
            elif slot.life is not life:
                slot.life = life
                self._change()
            elif slot.renew or life.spent:
                life = await self._succeed(slot, life)
                slot.renew = False
                self._change()
            else:
                await self._changed.wait()

    async def _begin(self, slot: _Slot) -> _Life | None:
        """Start a worker, and a task that follows its life; None if everything ends before one can be started."""
        worker: Worker | None = None
        while worker is None:
            if self._ending:
                return None
            try:
                worker = await self._start(slot.number)
            except OSError as error:  # no memory, too many processes
                log.error("worker %d cannot be started: %s; next attempt in %g s", slot.number, error, RETRY)
                with trio.move_on_after(RETRY):
                    await self._until(lambda: self._ending)
        life = _Life(worker)
        self._lives[life] = None
        self._nursery.start_soon(self._follow, slot, life)
        if self._ending:
            worker.kill()  # it serves nobody yet
        return life

    async def _worth_another(self, slot: _Slot, life: _Life) -> bool:
        """Tell whether a worker that has ended is to be replaced; if not, everything ends with it."""
        if not self._keep_trying and slot is not self._slots[0]:
            # that the program cannot serve is for the first worker to find out, and to tell
            await self._until(lambda: self._came_up or self._ending)
        if self._came_up or self._keep_trying:
            return True
        assert life.code is not None
        if not self._ending:
            self._end_workers(Order.END.value, 0.0)
            self._code = life.code if life.code > 0 else 1
        return False

    async def _wait_before_another(self, slot: _Slot, life: _Life, backoff: Backoff) -> None:
        delay = backoff.delay(trio.current_time() - life.began if life.ready else 0.0)
        if self._keep_trying and not life.ready:
            log.error("worker %d did not come up; it is tried again when something changes", slot.number)
            delay = math.inf
        else:
            again = f"in {delay:g} s" if delay else "now"
            log.error("worker %d (pid %d) %s; another one starts %s", slot.number, life.worker.pid, life.fate, again)
        with trio.move_on_after(delay):
            await self._until(lambda: self._ending or slot.renew)

    async def _succeed(self, slot: _Slot, life: _Life) -> _Life:
        """Put another worker in the place of one that serves; return the one that serves afterwards."""
        successor = await self._begin(slot)
        if successor is None:
            return life
        await self._until(lambda: successor.code is not None or successor.ready)
        if successor.ready and successor.code is None:
            slot.life = successor
            life.worker.tell(Order.REPLACED.value)
            self._nursery.start_soon(self._kill_after, LINGER + self._grace + MARGIN, life)
            with trio.move_on_after(FORCE):
                await self._until(lambda: life.left or life.code is not None)
            return successor
        if not self._ending:
            log.error("worker %d: no successor came up; pid %d goes on", slot.number, life.worker.pid)
            if life.spent and not slot.renew:
                with trio.move_on_after(SPENT_RETRY):
                    await self._until(lambda: self._ending or slot.renew or life.code is not None)
        return life

    # ---------------------------------------------------------------- one worker

    async def _follow(self, slot: _Slot, life: _Life) -> None:
        """Hear what a worker says until it has ended; see to it that it does."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, slot, life)
                if self._silence is not None:
                    nursery.start_soon(self._watch, slot, life, self._silence)
                life.code = await life.worker.wait()
                nursery.cancel_scope.cancel()
        finally:
            if life.code is None:
                life.worker.kill()
                with trio.CancelScope(deadline=trio.current_time() + REAP, shield=True):
                    life.code = await life.worker.wait()
            life.worker.close()
            self._on_end(life.worker.pid)
            del self._lives[life]
            self._change()

    async def _listen(self, slot: _Slot, life: _Life) -> None:
        while (word := await life.worker.hear()) is not None:
            life.heard_at = trio.current_time()
            if word == "ready":
                life.ready = self._came_up = True
            elif word == "left":
                life.left = True
            elif word == "spent":
                life.spent = True
                log.info("worker %d (pid %d) has served its number of requests", slot.number, life.worker.pid)
            if word != "alive":
                self._change()

    async def _watch(self, slot: _Slot, life: _Life, silence: float) -> None:
        while True:
            # a worker says nothing before it is ready: loading a program may take its time
            quiet = trio.current_time() - life.heard_at if life.ready else 0.0
            if quiet >= silence:
                name = f"worker {slot.number} (pid {life.worker.pid})"
                log.error("%s has been stuck for %g s, perhaps in a handler that blocks; it is killed", name, quiet)
                life.worker.kill()
                return
            await trio.sleep(silence - quiet)

    # ---------------------------------------------------------------- all of them

    async def _renew_when_told(self) -> None:
        while True:
            await self._renewal_wanted.wait()
            self._renewal_wanted = trio.Event()
            if self._ending:
                return
            log.info("replacing the workers one by one")
            before = self.pids
            for slot in self._slots:
                if slot.kept:
                    slot.renew = True
                    self._change()
                    await self._until(lambda: self._ending or not slot.renew)  # noqa: B023 - over before the next turn
            if not set(before) & set(self.pids):
                log.info("replaced: %s", told(self.pids))
            self._tell_if_ready()

    def _tell_if_ready(self) -> None:
        if self.pids and not self._ending:
            self._on_ready()

    def _end_workers(self, word: str, seconds: float) -> None:
        self._ending = True
        self._renewal_wanted.set()
        for life in self._lives:
            if life.ready:
                life.worker.tell(word)
                self._nursery.start_soon(self._kill_after, seconds, life)
            else:
                life.worker.kill()
        self._change()

    async def _kill_after(self, seconds: float, life: _Life) -> None:
        with trio.move_on_after(seconds):
            await self._until(lambda: life.code is not None)
        if life.code is None:
            log.error("worker with pid %d has not ended after %g s: it is killed", life.worker.pid, seconds)
            self._code = 1
            life.worker.kill()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()
