"""A worker, from both sides: the process that a supervisor starts, and the supervisor as its worker sees it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self, final

import trio

from ..server import Server
from ._line import Line
from ._served import Order, ServedProcess, WhenListening
from ._signals import follow_signals

__all__ = ["WorkerProcess", "follow_supervisor"]

ORPHAN_GRACE = 5.0  # seconds for what is under way when the supervisor has been killed
LAST_RESORT = 2.0  # seconds more, after which a worker that does not end by itself is ended by its thread
SPENT_CHECK = 0.25  # seconds between two looks at how many requests have been served


@final
class WorkerProcess:
    """A worker process, as its supervisor sees it.

    Attributes:
        pid: Its process id.
        line: The line to it.
    """

    def __init__(self, process: trio.Process, line: Line) -> None:
        self.pid = process.pid
        self.line = line
        self._process = process

    @classmethod
    async def open(cls, command: Callable[[int], Sequence[str]], descriptors: Sequence[int]) -> Self:
        """Start a worker.

        Args:
            command: Makes the command line, given the descriptor of the worker's end of the line.
            descriptors: The listening sockets, which it inherits under the same numbers.

        Raises:
            OSError: It cannot be started.

        Cancellation:
            Happens before anything is started.
        """
        line, theirs = Line.pair()
        try:
            process = await trio.lowlevel.open_process(
                command(theirs.fileno()),
                pass_fds=(theirs.fileno(), *descriptors),
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C goes to the supervisor alone, which tells the workers in order
            )
        except BaseException:
            line.close()
            raise
        finally:
            theirs.close()
        return cls(process, line)

    def tell(self, word: str) -> None:
        """Give it an order."""
        self.line.tell(word)

    async def hear(self) -> str | None:
        """Wait for its next word; None when it will say no more."""
        return await self.line.hear()

    def kill(self) -> None:
        """End it now, whatever it does."""
        self._process.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, or minus the signal that killed it."""
        return await self._process.wait()

    def close(self) -> None:
        """Let go of the line."""
        self.line.close()


async def follow_supervisor(
    line: Line,
    served: ServedProcess,
    *,
    alive_every: float | None = None,
    most_requests: int | None = None,
    announce: Callable[[Server], None] = lambda server: None,
) -> None:
    """Run a worker: serve, say so, and obey the supervisor until its orders or its end.

    Args:
        line: The line to the supervisor.
        served: What to run.
        alive_every: Say every so many seconds that the loop turns; None for never.
        most_requests: Say after so many requests that it is time for a successor; None for never.
        announce: Called once it listens.

    Cancellation:
        Ends it at once.
    """
    threading.Thread(target=_last_resort, args=(os.dup(line.fileno()),), daemon=True, name="supervisor watch").start()

    async def say_alive(seconds: float) -> None:
        while True:
            await trio.sleep(seconds)
            line.tell("alive")

    async def say_when_spent(most: int) -> None:
        while served.server.stats.requests < most:
            await trio.sleep(SPENT_CHECK)
        line.tell("spent")

    async def listen_to_supervisor() -> None:
        while (word := await line.hear()) is not None:
            served.obey(Order(word))
            if word == Order.REPLACED.value:
                served.stop_accepting()
                await trio.lowlevel.checkpoint()  # for whoever is just about to accept
                await trio.lowlevel.checkpoint()
                line.tell("left")
        served.stop_accepting()  # its sockets are wanted by whoever starts the service anew
        served.obey(Order.END)
        await trio.sleep(ORPHAN_GRACE)
        served.obey(Order.FORCE)

    def obey_signal(order: Order) -> None:
        # systemd and others send SIGTERM to all processes of a service: that, and our supervisor's order to end, are
        # one order and not two. To force is the supervisor's business.
        if order is not Order.END or not served.ending:
            served.obey(order)

    def listens(server: Server) -> None:
        line.tell("ready")
        announce(server)

    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        await nursery.start(follow_signals, obey_signal)
        nursery.start_soon(listen_to_supervisor)
        if alive_every is not None:
            nursery.start_soon(say_alive, alive_every)
        if most_requests is not None:
            nursery.start_soon(say_when_spent, most_requests)
        try:
            await served.run(task_status=WhenListening(listens))
        except Exception as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _last_resort(descriptor: int) -> None:
    # No cancellation reaches a handler that blocks the thread. When the supervisor is gone, such a worker would live
    # on for ever with the listening sockets open; so a thread that sleeps in poll() all its life sees to its end.
    poll = select.poll()
    poll.register(descriptor, 0)  # 0: the end of the line is always told
    poll.poll()
    time.sleep(ORPHAN_GRACE + LAST_RESORT)
    os._exit(1)
