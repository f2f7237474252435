"""Real peers: programs that other people wrote. Where one is absent a test says so; in CI absence is a failure."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import trio


def require(program: str, *, package: str | None = None) -> str:
    """Return the path of a program; without it skip the test, or fail it where CI=true."""
    return shutil.which(program) or missing(
        f"{program} is not installed (on Debian: apt-get install {package or program})"
    )


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where CI=true: what the tests need is installed there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def program(*arguments: str, ready: Path | int, env: Mapping[str, str] | None = None) -> AsyncIterator[None]:
    """Run a program until the block ends; it is ready when a path exists or a port takes connections."""
    run = functools.partial(trio.run_process, arguments, check=False, stdout=subprocess.DEVNULL, env=env)
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(run)
        try:
            with trio.fail_after(10):
                while not await _is_ready(ready):
                    assert process.poll() is None, f"{arguments[0]} ended with {process.returncode} before it was ready"
                    await trio.sleep(0.02)
            yield
        finally:
            nursery.cancel_scope.cancel()


async def _is_ready(ready: Path | int) -> bool:
    if isinstance(ready, Path):
        return await trio.Path(ready).exists()
    try:
        await (await trio.open_tcp_stream("127.0.0.1", ready)).aclose()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
