"""Hostile clients: what each may cost, when it is over, and that a well-behaved one beside it notices nothing.

Time is virtual where it is what matters; real sockets where the kernel is.
"""

from __future__ import annotations

import gc
import gzip
import math
import resource
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from trio.testing import MockClock

from tests.wires import KINDS, Peer, Wires, delivered, serving
from trio_http import Request, Response, Server, ServerLimits, ServerTimeouts, open_listeners
from trio_http.testing import MemoryListener

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BIG = b"x" * (4 << 20)
GOOD = 0.25  # seconds of our own work that a well-behaved client waits for: the 99th percentile
MEMORY = 64 << 20


async def handler(request: Request) -> Response:
    if request.path == "/big":
        return Response(BIG)
    if request.path == "/stream":

        async def produce(send: Any) -> None:
            while True:
                await send(b"x" * 65536)

        return Response(produce)
    if request.method == "POST":
        count = 0
        async for chunk in request.body:
            count += len(chunk)
        return Response(str(count))
    return Response("fine")


@asynccontextmanager
async def well_behaved(wires: Wires, *, at_least: int = 5, pause: float = 0.01) -> AsyncIterator[None]:
    """A client that asks again and again beside the block; its answers must come in time.

    The time is what this process has worked: what other programs do to a busy machine is nobody's abuse.

    Args:
        wires: The way to the server.
        at_least: So many answers it has to get.
        pause: Seconds between two requests; 0 where time is real.
    """
    took: list[float] = []
    enough = trio.Event()

    async def ask() -> None:
        while True:
            async with wires.connect() as peer:
                for _ in range(10):
                    began = time.process_time()
                    status, _, body = await peer.ask(GET)
                    took.append(time.process_time() - began)
                    assert (status, body) == (200, b"fine")
                    if len(took) == at_least:
                        enough.set()
                    await trio.sleep(pause)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        yield
        with trio.fail_after(30):
            await enough.wait()
        nursery.cancel_scope.cancel()
    assert sorted(took)[math.ceil(len(took) * 0.99) - 1] < GOOD


@asynccontextmanager
async def bounded_memory() -> AsyncIterator[None]:
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MEMORY, f"memory grew by {grown >> 20} MiB"


async def drip(data: bytes, pause: float, peer: Any) -> None:
    for byte in data:
        await peer.send(bytes([byte]))
        await trio.sleep(pause)


# ---------------------------------------------------------------- slowness, in virtual time

Abuse = Callable[[Any], Awaitable[None]]


async def slow_head(peer: Any) -> None:
    await drip(GET[:-2] + b"X-A: " + b"a" * 1000, 1, peer)


async def slow_body(peer: Any) -> None:
    await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    await drip(b"x" * 100_000, 1, peer)


async def slow_chunks(peer: Any) -> None:
    await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    await drip(b"1\r\nx\r\n" * 10_000, 1, peer)


async def silence(peer: Any) -> None:
    await trio.sleep_forever()


async def endless_trailers(peer: Any) -> None:
    await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    await drip(b"X-A: aaaaaaaaaaaaaaaaaaa\r\n" * 1000, 1, peer)


@pytest.mark.covers("A16", "A17")
@pytest.mark.parametrize(
    ("abuse", "over"),
    [(slow_head, 30), (slow_body, 30), (slow_chunks, 30), (silence, 30), (endless_trailers, 30)],
)
async def test_slowness_is_over_when_its_deadline_says(autojump_clock: Any, abuse: Abuse, over: float) -> None:
    async with serving(handler) as wires, wires.connect() as peer, trio.open_nursery() as nursery:
        began = trio.current_time()

        async def abusing() -> None:
            try:
                await abuse(peer)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass

        nursery.start_soon(abusing)
        async with well_behaved(wires):
            await peer.receive_all()
            took = trio.current_time() - began

        assert took <= over + 3  # the answer may linger for 2 s
        assert len(wires.server.connections) <= 1
        nursery.cancel_scope.cancel()


# ---------------------------------------------------------------- floods


@pytest.mark.covers("A26")
@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        (b"GET /", b"a" * 1000),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ", b"a" * 1000),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: aaaaaaaaaaaaaaaaa\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a" * 1000),
        (b"", b"a" * 1000),
    ],
    ids=["headers", "request line", "one header", "trailers", "chunk extension", "no line"],
)
async def test_what_never_ends_is_refused_early(begin: bytes, again: bytes) -> None:
    with trio.fail_after(20):
        async with (
            serving(handler, "socket") as wires,
            bounded_memory(),
            wires.connect() as peer,
            trio.open_nursery() as nursery,
        ):

            async def flood() -> None:
                try:
                    await peer.send(begin)
                    for _ in range(20_000):
                        await peer.send(again)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass

            nursery.start_soon(flood)
            async with well_behaved(wires, pause=0):
                answer = await peer.receive_all()
            nursery.cancel_scope.cancel()

    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"414", b"431")


async def test_two_thousand_idle_connections_cost_little() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 5000, f"this needs 5000 open files, and {hard} are allowed: raise the limit (ulimit -Hn 5000)"
    resource.setrlimit(resource.RLIMIT_NOFILE, (5000, hard))
    idle: list[socket.socket] = []
    try:
        with trio.fail_after(30):
            async with serving(handler, "socket") as wires, bounded_memory():
                address = ("127.0.0.1", wires.server.port)
                for _ in range(2000):
                    idle.append(socket.create_connection(address))
                    if len(idle) % 50 == 0:
                        await trio.lowlevel.checkpoint()
                await delivered()
                await trio.testing.wait_all_tasks_blocked()
                assert len(wires.server.connections) == 2000
                async with well_behaved(wires, at_least=100, pause=0):
                    pass
    finally:
        for sock in idle:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.covers("A18", "A29")
async def test_pipelining_that_nobody_reads_is_bounded(mock_clock: MockClock) -> None:
    limits, timeouts = ServerLimits(), ServerTimeouts(write=0.5)
    request = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
    with trio.fail_after(20):
        async with (
            serving(handler, "socket", clock=mock_clock, limits=limits, timeouts=timeouts) as wires,
            bounded_memory(),
            wires.connect() as peer,
            trio.open_nursery() as nursery,
        ):

            async def flood() -> None:
                try:
                    await peer.send(request * 100_000)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass

            nursery.start_soon(flood)
            async with well_behaved(wires):
                await trio.sleep(1.5)
            assert all(connection.request is None for connection in wires.server.connections)
            nursery.cancel_scope.cancel()


@pytest.mark.covers("A79")
async def test_a_reset_in_the_middle_of_an_answer_ends_its_handler(mock_clock: MockClock) -> None:
    with trio.fail_after(20):
        async with serving(handler, "socket", clock=mock_clock) as wires:
            async with well_behaved(wires):
                for _ in range(50):
                    stream = await trio.open_tcp_stream("127.0.0.1", wires.server.port)
                    await stream.send_all(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
                    await stream.receive_some(1000)
                    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    stream.socket.close()
                await trio.sleep(0.2)

            assert len(wires.server.connections) <= 1


@pytest.mark.covers("A40")
async def test_a_reader_that_stops_keeps_memory_flat(mock_clock: MockClock) -> None:
    with trio.fail_after(20):
        async with (
            serving(handler, "socket", clock=mock_clock, timeouts=ServerTimeouts(write=0.5)) as wires,
            bounded_memory(),
            wires.connect() as peer,
        ):
            await peer.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            async with well_behaved(wires):
                await trio.sleep(1.5)

            assert len(wires.server.connections) <= 1


@pytest.mark.covers("A27", "A39")
async def test_a_gigabyte_is_streamed_or_refused() -> None:
    size = 1 << 30
    piece = b"x" * (1 << 20)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    with trio.fail_after(60):
        async with serving(handler, "socket") as wires, wires.connect() as peer:
            await peer.send(head)
            assert (await peer.response())[0] == 413

        async with (
            serving(handler, "socket", limits=ServerLimits(body=None)) as wires,
            bounded_memory(),
            wires.connect() as peer,
        ):
            await peer.send(head)
            async with well_behaved(wires, pause=0):
                for _ in range(size // len(piece)):
                    await peer.send(piece)
            assert (await peer.response())[2] == b"%d" % size


@pytest.mark.covers("A28")
async def test_a_gzip_bomb_is_stopped() -> None:
    bomb = gzip.compress(b"\0" * (256 << 20))
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with trio.fail_after(60):
        async with (
            serving(handler, "socket", decompress_request=True) as wires,
            bounded_memory(),
            wires.connect() as peer,
            well_behaved(wires, pause=0),
        ):
            await peer.send(head + bomb)
            assert (await peer.response())[0] == 413


@pytest.mark.covers("A23")
@pytest.mark.parametrize("kind", KINDS)
async def test_two_listeners_let_in_no_more_than_one_would(kind: str) -> None:
    release = trio.Event()

    async def patient(request: Request) -> Response:
        await release.wait()
        return Response("fine")

    async def ask(listener: MemoryListener | trio.SocketListener) -> None:
        stream: trio.abc.Stream
        if isinstance(listener, MemoryListener):
            stream = listener.connect()
        else:
            stream = await trio.open_tcp_stream(*listener.socket.getsockname())
        async with stream:
            assert (await Peer(stream).ask(GET))[2] == b"fine"

    memory = [MemoryListener(), MemoryListener()]
    listeners = memory if kind == "memory" else [*await open_listeners(0), *await open_listeners(0)]
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                Server(patient, listeners=listeners, limits=ServerLimits(connections=1)).listen
            )
            async with trio.open_nursery() as clients:
                await trio.testing.wait_all_tasks_blocked()  # both listeners wait for somebody
                for listener in listeners:
                    clients.start_soon(ask, listener)
                await trio.testing.wait_all_tasks_blocked(0.02)

                assert server.stats.connections == 1
                release.set()
            assert server.stats.connections == 2
            await server.shutdown()
