"""What the web layer adds to a request: microseconds for routing, and for a file beside the same bytes in memory.

``python benchmarks/web.py [--rounds N]``; the best of all rounds counts: what is above it is the machine, not the code.
The last part serves over loopback, the server on one processor and its client on another (where there are two), and
shows requests a second and the server's processor time for each. It needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import trio
from _cpu import need_linux

from trio_http import Handler, Request, Response, serve
from trio_http.messages import NoExchange
from trio_http.web import Router, static

KIB, MIB = 1024, 1024 * 1024
SIZES = {"4k": 4 * KIB, "64k": 64 * KIB, "1m": MIB, "16m": 16 * MIB}
ANSWER = Response("x")
SHORT = 50  # so many short rounds for one long one: in some of them nobody else has the processor
SETTLE = 2.5  # seconds; the bytes of small files are kept once the file has been left alone for a while


async def bare(request: Request) -> Response:
    return ANSWER


def router_of(count: int) -> Router:
    router = Router()
    for number in range(count):
        router.add("GET", f"/service{number}/item/:id", bare)
    router.add("GET", "/literal/path", bare)
    return router


async def microseconds(handler: Handler, target: bytes, count: int) -> float:
    """Return what one request costs, made as a server makes it."""
    exchange = NoExchange()
    requests = [Request.received(b"GET", target, [], b"1.1", exchange) for _ in range(count)]
    began = time.perf_counter()
    for request in requests:
        await handler(request)
    return (time.perf_counter() - began) / count * 1e6


async def measure(rounds: int, folder: str) -> None:
    files = static(folder)
    cases: list[tuple[str, Handler, bytes, int]] = [
        ("no routing", bare, b"/", 500),
        ("1 route, one parameter", router_of(1), b"/service0/item/42", 500),
        ("100 routes, one parameter", router_of(100), b"/service99/item/42", 500),
        ("100 routes, literal", router_of(100), b"/literal/path", 500),
        ("10,000 routes, one parameter", router_of(10_000), b"/service9999/item/42", 500),
        ("a file of 4 KiB, found again", files, b"/4k", 100),
        ("a file of 1 MiB, found again", files, b"/1m", 100),
    ]
    for name, handler, target, count in cases:
        best = min([await microseconds(handler, target, count) for _ in range(rounds * SHORT)])
        print(f"{name:34}{best:9.2f} us")


def run_server(folder: str, processor: int | None, ready: Connection) -> None:
    """Serve ``/file/NAME`` from disk and ``/memory/NAME`` from memory."""
    if processor is not None:
        os.sched_setaffinity(0, {processor})
    contents = {}
    for name in SIZES:
        with open(os.path.join(folder, name), "rb") as file:
            contents[name] = file.read()

    async def memory(request: Request) -> Response:
        return Response(contents[request.matches["name"]])

    router = Router()
    router.add("GET", "/memory/:name", memory)
    router.mount("/file", static(folder))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve, router, 0)
            ready.send(server.port)
            await trio.sleep_forever()

    trio.run(main)


@contextlib.contextmanager
def server_of(folder: str, processor: int | None) -> Iterator[tuple[int, int]]:
    """Run the server in a process of its own; yield its process id and its port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_server, args=(folder, processor, theirs), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield process.pid, ours.recv()
    finally:
        process.terminate()
        process.join()


def processor_time(pid: int) -> float:
    """Return the seconds that the main thread of a process has run."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def fetch(sock: socket.socket, path: str, size: int, room: memoryview) -> None:
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    got = sock.recv_into(room)
    head = bytes(room[: min(got, 4096)]).index(b"\r\n\r\n") + 4
    left = size - (got - head)
    while left:
        left -= sock.recv_into(room)


def over_loopback(rounds: int, folder: str) -> None:
    processors = sorted(os.sched_getaffinity(0))
    both = len(processors) > 1
    if both:
        os.sched_setaffinity(0, {processors[1]})
    room = memoryview(bytearray(MIB))
    with server_of(folder, processors[0] if both else None) as (pid, port):
        sock = socket.create_connection(("127.0.0.1", port))
        for name, size in SIZES.items():
            rates: dict[str, float] = {}
            costs: dict[str, float] = {}
            count = max(10, min(1000, 200 * MIB // size))
            for _ in range(rounds):
                for kind in ("memory", "file"):  # by turns: a busy machine is as unfair to one as to the other
                    before, began = processor_time(pid), time.perf_counter()
                    for _ in range(count):
                        fetch(sock, f"/{kind}/{name}", size, room)
                    rate = count / (time.perf_counter() - began)
                    cost = (processor_time(pid) - before) / count * 1e6
                    rates[kind] = max(rates.get(kind, 0), rate)
                    costs[kind] = min(costs.get(kind, cost), cost)
            print(
                f"{name:>4} memory {rates['memory']:7.0f} req/s {costs['memory']:7.0f} us   "
                f"file {rates['file']:7.0f} req/s {costs['file']:7.0f} us   "
                f"rate {rates['file'] / rates['memory']:4.0%}, time {costs['memory'] / costs['file']:4.0%}"
            )
        sock.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    need_linux()
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(os.urandom(size))
        time.sleep(SETTLE)
        trio.run(measure, rounds, folder)
        over_loopback(rounds * 3, folder)


if __name__ == "__main__":
    main()
