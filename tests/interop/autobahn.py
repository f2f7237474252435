"""The Autobahn test suite, the field's judge of WebSockets, against our server and our client. Real sockets.

The suite (``autobahntestsuite`` on PyPI) runs on Python 2.7 only, so it is a program of somebody else, as a browser is:
``python -m nox -s autobahn`` installs and runs it. Here it is started, and its report is read.

Run it by hand: ``python tests/interop/autobahn.py WSTEST [CASES ...]``, with the suite's program and cases as it writes
them (``'1.*'``).
"""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import trio

from trio_http import Client, ConnectionClosed, Request, Response, Server
from trio_http.websocket import Deflate, WebSocket, WebSocketLimits, WebSocketResponse

AGENT = "trio_http"
# What the suite calls a success; INFORMATIONAL where there is no right or wrong (what follows a fault, speed).
PASSED = frozenset(("OK", "NON-STRICT", "INFORMATIONAL"))
COMPRESSION = Deflate(threshold=0)
LIMITS = WebSocketLimits(message=64 << 20)  # section 9 sends up to 16 MiB

Report = dict[str, dict[str, object]]
"""What came of each case, by its number: ``behavior``, ``behaviorClose``, ``remoteCloseCode``, ``duration`` in ms."""


async def echo(ws: WebSocket) -> None:
    """Send everything back."""
    async for message in ws:
        await ws.send(message)


@asynccontextmanager
async def suite(wstest: str, mode: str, spec: dict[str, object], folder: Path) -> AsyncIterator[trio.Process]:
    """The suite, running for the length of the block."""
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [wstest, "-m", mode, "-s", "spec.json", "-u", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it is another Python
    with (folder / "log").open("wb") as log:
        run = functools.partial(
            trio.run_process, command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False
        )
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(run)
            yield process
            nursery.cancel_scope.cancel()


def report_in(folder: Path) -> Report:
    """The report of the only agent there was."""
    reports = json.loads((folder / "reports" / "index.json").read_text())
    found: Report = reports[AGENT]
    return found


def said(folder: Path) -> str:
    """The end of what the suite printed."""
    return (folder / "log").read_text(errors="replace")[-2000:]


async def judge_server(wstest: str, cases: Sequence[str], folder: Path) -> Report:
    """Let the suite be a client of our server.

    Raises:
        RuntimeError: The suite failed to run.
    """

    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo, compression=COMPRESSION, limits=LIMITS)

    async with trio.open_nursery() as nursery:
        server = Server(handler)
        await nursery.start(server.listen)
        spec: dict[str, object] = {
            "outdir": "./reports",
            "servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{server.port}/"}],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        async with suite(wstest, "fuzzingclient", spec, folder) as process:
            status = await process.wait()
        nursery.cancel_scope.cancel()
    if status or not (folder / "reports" / "index.json").exists():
        raise RuntimeError(f"the suite ended with {status}:\n{said(folder)}")
    return report_in(folder)


async def judge_client(wstest: str, cases: Sequence[str], folder: Path) -> Report:
    """Let the suite be a server of our client.

    Raises:
        RuntimeError: The suite failed to run.
    """
    port = free_port()
    url = f"ws://127.0.0.1:{port}"
    spec: dict[str, object] = {
        "url": url,
        "outdir": "./reports",
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    async with suite(wstest, "fuzzingserver", spec, folder) as process, Client() as client:
        await wait_for(port, process, folder)
        async with client.websocket(f"{url}/getCaseCount") as ws:
            count = int(await ws.receive())
        # One after the other: the suite gives a close frame a second, which on a busy machine passes while it is still
        # at work for another case.
        for number in range(1, count + 1):
            case = f"{url}/runCase?case={number}&agent={AGENT}"
            try:
                async with client.websocket(case, compression=COMPRESSION, limits=LIMITS) as ws:
                    await echo(ws)
            except ConnectionClosed:
                pass  # how it ended is for the suite to judge
        async with client.websocket(f"{url}/updateReports?agent={AGENT}") as ws:
            await echo(ws)
    return report_in(folder)


def free_port() -> int:
    """A port that nobody had a moment ago: the suite cannot tell us one that it has chosen itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def wait_for(port: int, process: trio.Process, folder: Path) -> None:
    """Return when the suite listens."""
    with trio.fail_after(30):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"the suite ended before it listened:\n{said(folder)}") from None
                await trio.sleep(0.1)
            else:
                await stream.aclose()
                return


def failures(report: Report) -> dict[str, str]:
    """The cases that did not pass, with what the suite says."""
    return {
        case: f"{result['behavior']}, closing: {result['behaviorClose']} ({result['remoteCloseCode']})"
        for case, result in report.items()
        if result["behavior"] not in PASSED or result["behaviorClose"] not in PASSED
    }


def table(report: Report) -> str:
    """A line for each section: how many cases, and what came of them."""
    sections: dict[int, Counter[str]] = {}
    for case, result in report.items():
        section = sections.setdefault(int(case.partition(".")[0]), Counter())
        section[str(result["behavior"])] += 1
    lines = []
    for section, counts in sorted(sections.items()):
        words = ", ".join(f"{count} {behavior}" for behavior, count in counts.most_common())
        lines.append(f"{section:>3}  {sum(counts.values()):>4}  {words}")
    return "\n".join(lines)


async def main(wstest: str, cases: Sequence[str]) -> int:
    """Judge both sides; return how many cases failed, and how many patterns matched none."""
    wrong = 0
    for name, judge in (("server", judge_server), ("client", judge_client)):
        with tempfile.TemporaryDirectory() as folder:
            began = trio.current_time()
            report = await judge(wstest, cases, Path(folder))
        print(f"{name}: {len(report)} cases in {trio.current_time() - began:.0f} s\n{table(report)}", flush=True)
        for case, what in failures(report).items():
            print(f"  {case}: {what}")
        absent = [pattern for pattern in cases if not any(fnmatchcase(case, pattern) for case in report)]
        if absent:
            print(f"  no case was run of {' '.join(absent)}")
        wrong += len(failures(report)) + len(absent)
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, trio.run(main, sys.argv[1], sys.argv[2:] or ["*"])))
