"""What a request, a MiB and a WebSocket message cost a server, beside others: CPU time of the server's process.

``python benchmarks/server.py [--seconds S] [--rounds N] [--cases ...] [--servers ...] [--json FILE]``. All are measured
in turn, round by round, and the median counts. CPU time is what can be compared on a machine that is not idle; it
is read from the kernel, so this needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from _cpu import cpu_seconds, need_linux

HERE = pathlib.Path(__file__).parent
HTTP = [
    "trio_http",
    "limit",
    "uvicorn, httptools and uvloop",
    "uvicorn, h11",
    "aiohttp",
    "tornado",
    "hypercorn on trio",
]
WEBSOCKET = ["trio_http", "trio-websocket", "websockets", "aiohttp", "tornado", "hypercorn on trio"]
CASES = {  # kind of load: what it is, connections, who takes part
    "hello": ("13 bytes, small request", 32, HTTP),
    "varied": ("13 bytes, 12 header fields, no two requests alike", 32, HTTP),
    "download": ("an answer of 1 MiB", 8, HTTP),
    "upload": ("a request of 1 MiB", 8, [name for name in HTTP if name != "limit"]),
    "ws64": ("a WebSocket echo of 64 bytes", 32, WEBSOCKET),
    "ws64k": ("a WebSocket echo of 64 KiB", 8, WEBSOCKET),
}


@contextlib.contextmanager
def serving(name: str) -> Iterator[tuple[int, int]]:
    """Run a server; give its port and process id."""
    command = [sys.executable, str(HERE / "_servers.py"), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{name} does not start; run: {' '.join(command)}")
            time.sleep(0.5)  # the port is bound; it may not accept yet
            yield int(line), process.pid
        finally:
            process.kill()


def microseconds(port: int, pid: int, kind: str, connections: int, seconds: float) -> float:
    """Load a server and return the CPU time it used for each answer."""
    before = cpu_seconds(pid)
    load = [sys.executable, str(HERE / "_load.py"), str(port), str(connections), str(seconds), kind]
    answers = int(subprocess.run(load, check=True, capture_output=True, text=True).stdout.split()[0])
    return (cpu_seconds(pid) - before) / answers * 1e6


def main() -> None:
    """Measure, print the tables, and write them down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--servers", nargs="*")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    need_linux()
    figures: dict[str, dict[str, list[float]]] = {case: {} for case in options.cases}
    missing: set[str] = set()
    for _ in range(options.rounds):
        for name in dict.fromkeys([*HTTP, *WEBSOCKET]):
            if name in missing or (options.servers and name not in options.servers):
                continue
            try:
                with serving(name) as (port, pid):
                    for case in options.cases:
                        _, connections, names = CASES[case]
                        if name in names:
                            cost = microseconds(port, pid, case, connections, options.seconds)
                            figures[case].setdefault(name, []).append(cost)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                missing.add(name)
                print(f"left out: {error}", file=sys.stderr)
    medians = {
        case: {name: statistics.median(costs) for name, costs in of.items()} for case, of in figures.items() if of
    }
    for case, costs in medians.items():
        print(f"\n{CASES[case][0]}, {CASES[case][1]} connections: microseconds of CPU, and how many times ours")
        for name, cost in sorted(costs.items(), key=lambda pair: pair[1]):
            print(f"  {name:32} {cost:9.1f} {cost / costs.get('trio_http', cost):7.2f}")
    if options.json:
        named = {CASES[case][0]: costs for case, costs in medians.items()}
        options.json.write_text(json.dumps(named, indent=1) + "\n")


if __name__ == "__main__":
    main()
