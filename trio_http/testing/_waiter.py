"""A waiter: the one task that waits for one direction of a socket."""

from __future__ import annotations

from typing import final

import outcome
import trio

__all__ = ["Waiter"]


@final
class Waiter:
    """The one task that waits for one direction of a socket."""

    __slots__ = ("task",)

    def __init__(self) -> None:
        self.task: trio.lowlevel.Task | None = None

    async def wait(self, doing: str) -> None:
        if self.task is not None:
            await trio.lowlevel.checkpoint()
            raise trio.BusyResourceError(f"another task is already {doing} this socket")
        self.task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def wake(self) -> None:
        task, self.task = self.task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def close(self) -> None:
        task, self.task = self.task, None
        if task is not None:
            trio.lowlevel.reschedule(task, outcome.Error(trio.ClosedResourceError("another task closed this fd")))
