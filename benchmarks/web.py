"""What the web layer adds to a request: microseconds for routing, and for a file beside the same bytes in memory.

``python benchmarks/web.py [--rounds N]``; the best of all rounds counts: what is above it is the machine, not the code.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import trio

from trio_http import Handler, Request, Response
from trio_http.messages import NoExchange
from trio_http.web import Router, static

MIB = 1024 * 1024
ANSWER = Response("x")


async def bare(request: Request) -> Response:
    return ANSWER


def router_of(count: int) -> Router:
    router = Router()
    for number in range(count):
        router.add("GET", f"/service{number}/item/:id", bare)
    router.add("GET", "/literal/path", bare)
    return router


async def microseconds(handler: Handler, target: bytes, *, count: int, send: bool = False) -> float:
    """Return what one request costs, made as a server makes it."""
    exchange = NoExchange()
    requests = [Request.received(b"GET", target, [], b"1.1", exchange) for _ in range(count)]
    began = time.perf_counter()
    for request in requests:
        response = await handler(request)
        if send:
            await response.outgoing.send_to(drop)
    return (time.perf_counter() - began) / count * 1e6


async def drop(piece: bytes) -> None:
    await trio.lowlevel.checkpoint()


async def measure(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = os.urandom(MIB)
        for name, content in (("big", data), ("small", data[:4096])):
            with open(os.path.join(folder, name), "wb") as file:  # noqa: ASYNC230  # before anything is measured
                file.write(content)
        files = static(folder)
        cases: list[tuple[str, Handler, bytes, int]] = [
            ("no routing", bare, b"/", 20_000),
            ("1 route, one parameter", router_of(1), b"/service0/item/42", 20_000),
            ("100 routes, one parameter", router_of(100), b"/service99/item/42", 20_000),
            ("100 routes, literal", router_of(100), b"/literal/path", 20_000),
            ("10,000 routes, one parameter", router_of(10_000), b"/service9999/item/42", 20_000),
            ("file of 4 KiB", files, b"/small", 500),
            ("file of 1 MiB, read and dropped", files, b"/big", 200),
        ]
        for name, handler, target, count in cases:
            send = handler is files
            best = min([await microseconds(handler, target, count=count, send=send) for _ in range(rounds)])
            print(f"{name:34}{best:9.2f} us")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    trio.run(measure, parser.parse_args().rounds)
