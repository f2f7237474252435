"""What a request costs a client, beside others: CPU time, requests per second, and memory for a long download.

``python benchmarks/client.py [--seconds S] [--rounds N] [--clients ...] [--json FILE]``; all ask the same server (the
``limit`` of ``_servers.py``: fixed bytes), each in a process of its own, round by round; the median counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from server import serving

TASKS = 32
CASES = {"sequential": "one task, request after request", "together": f"{TASKS} tasks on one client"}


async def _loop(get: Callable[[], Awaitable[object]], end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        for _ in range(10):
            await get()
        count += 10
    return count


class Answer(Protocol):
    """What both clients on trio give."""

    def raise_for_status(self) -> object:
        """Raise if it is an error."""


class TrioClient(Protocol):
    """What both clients on trio are."""

    async def get(self, url: str) -> Answer:
        """Ask, and read the whole answer."""


async def _on_trio(opened: AbstractAsyncContextManager[TrioClient], url: str, case: str, seconds: float) -> int:
    import trio

    end = time.perf_counter() + seconds
    counts: list[int] = []
    async with opened as client:

        async def get() -> None:
            (await client.get(url)).raise_for_status()

        async def task() -> None:
            counts.append(await _loop(get, end))

        async with trio.open_nursery() as nursery:
            for _ in range(TASKS if case == "together" else 1):
                nursery.start_soon(task)
    return sum(counts)


def trio_http_client(url: str, case: str, seconds: float) -> int:
    """Ours."""
    import trio

    import trio_http

    return trio.run(_on_trio, trio_http.Client(), url, case, seconds)


def httpx_trio(url: str, case: str, seconds: float) -> int:
    """Httpx on trio."""
    import httpx
    import trio

    return trio.run(_on_trio, httpx.AsyncClient(), url, case, seconds)


def aiohttp_client(url: str, case: str, seconds: float) -> int:
    """The client of aiohttp, on asyncio, with its compiled parser."""
    import aiohttp

    async def main() -> int:
        end = time.perf_counter() + seconds
        async with aiohttp.ClientSession() as session:

            async def get() -> None:
                async with session.get(url) as response:
                    response.raise_for_status()
                    await response.read()

            tasks = TASKS if case == "together" else 1
            return sum(await asyncio.gather(*(_loop(get, end) for _ in range(tasks))))

    return asyncio.run(main())


CLIENTS: dict[str, Callable[[str, str, float], int]] = {
    "trio_http": trio_http_client,
    "aiohttp": aiohttp_client,
    "httpx on trio": httpx_trio,
}


def measure(name: str, url: str, case: str, seconds: float) -> tuple[float, float]:
    """Run a client in a process of its own; return requests per second, and CPU microseconds for each."""
    command = [sys.executable, __file__, "--one", name, url, case, str(seconds)]
    requests, cpu = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(requests) / seconds, float(cpu)


def main() -> None:
    """Measure, print the tables, and write them down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", nargs="*", default=list(CLIENTS), choices=list(CLIENTS))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--one", nargs=4, metavar=("NAME", "URL", "CASE", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, url, case, seconds = options.one
        before = time.process_time()
        count = CLIENTS[name](url, case, float(seconds))
        print(count, (time.process_time() - before) / count * 1e6)
        return
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for _ in range(options.rounds):
        for name in options.clients:
            for case in CASES:
                with serving("limit") as (port, _pid):
                    figures = measure(name, f"http://127.0.0.1:{port}/", case, options.seconds)
                found.setdefault(case, {}).setdefault(name, []).append(figures)
    costs: dict[str, dict[str, float]] = {}
    for case, of in found.items():
        print(f"\n{CASES[case]}: requests per second, microseconds of CPU, and how many times ours")
        cost = costs[f"a client's request, {CASES[case]}"] = {
            name: statistics.median(figure[1] for figure in figures) for name, figures in of.items()
        }
        for name, value in sorted(cost.items(), key=lambda pair: pair[1]):
            rate = statistics.median(figure[0] for figure in of[name])
            print(f"  {name:32} {rate:9.0f} {value:9.1f} {value / cost.get('trio_http', value):7.2f}")
    if options.json:
        options.json.write_text(json.dumps(costs, indent=1) + "\n")


if __name__ == "__main__":
    main()
