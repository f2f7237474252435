"""A kit for tests of real serving processes: start one, learn from its banner where it listens, end it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import trio

import trio_http

ROOT = Path(trio_http.__file__).parent.parent
PATIENCE = 30.0  # seconds for whatever a test waits for; a machine may be busy

APP = """
import os, time, trio
from trio_http import Response

async def app(request):
    if request.path == "/slow":
        await trio.sleep(1)
    elif request.path == "/forever":
        await trio.sleep_forever()
    elif request.path == "/block":
        time.sleep(1000)
    elif request.path == "/endless":
        async def endless(send):
            while True:
                await send(b"x" * 65536)
        return Response(endless)
    return Response(f"{VERSION} {os.getpid()}")

VERSION = "one"
"""


class Served:
    """A program that serves, while its test runs."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._changed = trio.Event()
        self.silent = trio.Event()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        """The first address of the banner."""
        for line in self.lines:
            if found := re.search(r"listens on (https?://[^,; ]+)", line):
                return found[1]
        raise AssertionError(f"it has not told where it listens: {self.lines}")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def workers(self) -> list[int]:
        """The workers that serve, as last told."""
        told = [found[1] for line in self.lines if (found := re.search(r"workers?, pid ([\d, ]+)", line))]
        return [int(pid) for pid in told[-1].split(",")]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until what it has told fulfils a condition."""
        with trio.fail_after(PATIENCE):
            while not condition():
                await self._changed.wait()

    async def wait_for_line(self, text: str, count: int = 1) -> None:
        try:
            await self.wait_for(lambda: sum(text in line for line in self.lines) >= count)
        except trio.TooSlowError:
            raise AssertionError(f"{text!r} was not told {count} times: {self.lines}") from None

    async def ended(self, within: float = PATIENCE) -> int:
        """Wait for its end, and that of its workers; return its exit code."""
        with trio.fail_after(within):
            code = await self.process.wait()
        with trio.fail_after(PATIENCE):
            await self.silent.wait()
        return code

    async def read_lines(self) -> None:
        """Read what it says on standard error until it has no more to say."""
        assert self.process.stderr is not None
        rest = b""
        async for data in self.process.stderr:
            *lines, rest = (rest + data).split(b"\n")
            self.lines += [line.decode() for line in lines]
            self._changed.set()
            self._changed = trio.Event()
        self.silent.set()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "trio_http", *arguments]


@contextlib.asynccontextmanager
async def program(
    folder: Path,
    *arguments: str,
    wait: bool = True,
    env: dict[str, str] | None = None,
    argv: Sequence[str] | None = None,
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[Served]:
    """Run ``trio-http serve`` with these arguments in a folder, for the length of a block.

    With ``wait`` the block begins when it listens. Whatever is left of it at the end of the block is killed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(env or {})}
    process = await trio.lowlevel.open_process(
        argv or command("serve", *arguments),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
    )
    served = Served(process)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served.read_lines)
        try:
            if wait:
                await served.wait_for_line("limits:")
            yield served
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(deadline=trio.current_time() + PATIENCE, shield=True):
                await process.wait()
            # workers hold the other end of the pipe, too: its end tells that they are gone
            with trio.fail_after(PATIENCE):
                await served.silent.wait()


def app_in(folder: Path, source: str = APP) -> Path:
    """Write the module of the application."""
    path = folder / "app.py"
    path.write_text(source)
    return path


TERM, INT, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
