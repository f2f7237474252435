"""How fast the sans-I/O core is beside h11: microseconds per cycle, and the ratio, in one run.

``python benchmarks/core.py [--rounds N]``; both are measured in turn, round by round, so that a machine that is busy
is busy for both. The best of all repeats counts: what is above it is the machine, not the code.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from types import ModuleType

import h11

from trio_http import h1

SMALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n"
BROWSER = (
    b"GET /api/users/42?expand=teams HTTP/1.1\r\nHost: example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n"
    b"Cookie: session=0123456789abcdef; theme=%d\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nPriority: u=0, i\r\n\r\n"
)
ANSWER = [(b"content-type", b"text/plain"), (b"content-length", b"13"), (b"date", b"Sat, 21 Nov 2026 00:00:00 GMT")]
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n"
SMALL_CHUNKS = CHUNKED % (b"10\r\n0123456789abcdef\r\n" * 256)
MEBIBYTE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n"
BLOCK = b"x" * 65536

Cycle = Callable[[], None]


def cycles(core: ModuleType) -> dict[str, Cycle]:
    """Return the cases, each a function that does one whole cycle on a connection of its own."""
    server, client = core.Connection(core.SERVER), core.Connection(core.CLIENT)
    numbers = itertools.count(10_000_000)

    def read(connection: h1.Connection) -> None:
        while type(connection.next_event()) is not core.EndOfMessage:
            pass

    def answer() -> None:
        server.send(core.Response(status_code=200, headers=ANSWER))
        server.send(core.Data(data=b"Hello, World!"))
        server.send(core.EndOfMessage())
        server.start_next_cycle()

    def serve(request: Callable[[], bytes]) -> Cycle:
        def cycle() -> None:
            server.receive_data(request())
            read(server)
            answer()

        return cycle

    def ask() -> None:
        client.send(core.Request(method="GET", target="/", headers=[(b"host", b"example.com"), (b"accept", b"*/*")]))
        client.send(core.EndOfMessage())
        client.receive_data(RESPONSE)
        read(client)
        client.start_next_cycle()

    def upload() -> None:
        server.receive_data(MEBIBYTE)
        server.next_event()
        for _ in range(16):
            server.receive_data(BLOCK)
            while type(server.next_event()) is core.Data:
                pass
        answer()

    def dribble() -> None:
        for byte in BROWSER % 1:
            server.receive_data(bytes([byte]))
            server.next_event()
        read(server)
        answer()

    return {
        "server: small request, response": serve(lambda: SMALL),
        "server: 12 headers, no two requests alike": serve(lambda: BROWSER % next(numbers)),
        "client: small request, response": ask,
        "server: 256 chunks of 16 bytes": serve(lambda: SMALL_CHUNKS),
        "server: 1 MiB body in 64 KiB reads": upload,
        "server: 12 headers byte by byte": dribble,
    }


def microseconds(cycle: Cycle, seconds: float) -> float:
    """Return the best time of one cycle over repeats that fill ``seconds``."""
    cycle()
    count, best = 1, float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        for _ in range(count):
            cycle()
        took = time.perf_counter() - began
        if took < 0.02:
            count *= 2
        else:
            best = min(best, took / count)
    return best * 1e6


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    cores = {"h11": h11, "trio_http.h1": h1}
    best: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for name, core in cores.items():
            for case, cycle in cycles(core).items():
                best[name, case] = min(best.get((name, case), float("inf")), microseconds(cycle, 0.3))
    print(f"{'microseconds per cycle':44} {'h11':>9} {'h1':>9} {'times as fast':>14}")
    for case in cycles(h1):
        theirs, ours = best["h11", case], best["trio_http.h1", case]
        print(f"{case:44} {theirs:9.1f} {ours:9.1f} {theirs / ours:14.1f}")


if __name__ == "__main__":
    main()
