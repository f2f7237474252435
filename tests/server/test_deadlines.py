"""Every wait of a server has its deadline: exact in virtual time, and nothing ticks in between."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.wires import Peer, serving
from trio_http import MinRate, ReadTimeout, Request, Response, Server, ServerLimits, ServerTimeouts, WriteTimeout
from trio_http.messages import SendChunk

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n"


async def echo(request: Request) -> Response:
    return Response(await request.read())


async def closed_at(peer: Peer) -> float:
    while await peer.receive():
        pass
    return trio.current_time()


@pytest.mark.covers("A16")
async def test_a_connection_that_never_sends_a_byte_is_closed(autojump_clock: MockClock) -> None:
    async with serving(echo) as wires, wires.connect() as peer:
        assert await peer.receive() == b""

        assert trio.current_time() == 30


@pytest.mark.covers("A16", "S1.108")
async def test_a_slow_head_is_answered_408(autojump_clock: MockClock) -> None:
    async with serving(echo, timeouts=ServerTimeouts(head=5)) as wires, wires.connect() as peer:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def drip() -> None:
                for byte in GET:
                    await peer.send(bytes([byte]))
                    await trio.sleep(1)

            status, fields, _ = await peer.response()
            nursery.cancel_scope.cancel()

        # the deadline is for the whole head, from its first byte; bytes do not extend it
        assert trio.current_time() == 5
        assert status == 408
        assert fields[b"connection"] == b"close"


async def test_the_head_of_a_later_request_has_its_own_time(autojump_clock: MockClock) -> None:
    async with serving(echo, timeouts=ServerTimeouts(head=5, idle=100)) as wires, wires.connect() as peer:
        await peer.ask(GET)
        await trio.sleep(60)
        await peer.send(GET[:10])

        status, _, _ = await peer.response()

        assert status == 408
        assert trio.current_time() == 65


@pytest.mark.covers("A19", "S1.59")
async def test_an_idle_connection_is_closed_without_a_word(autojump_clock: MockClock) -> None:
    async with serving(echo, timeouts=ServerTimeouts(idle=20)) as wires, wires.connect() as peer:
        for _ in range(3):
            await peer.ask(GET)
            await trio.sleep(19)
        await peer.ask(GET)
        last = trio.current_time()

        assert await peer.receive() == b""
        assert trio.current_time() == last + 20


async def test_no_deadline_runs_while_the_handler_works(autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(10_000)
        return Response(b"done")

    async with serving(handler) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"done"
        assert (await peer.ask(GET))[2] == b"done"


@pytest.mark.covers("A17", "S1.60", "S1.110", "S2.36")
async def test_a_body_that_stops_is_answered_408(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seen: list[BaseException] = []

    async def handler(request: Request) -> Response:
        try:
            return await echo(request)
        except ReadTimeout as error:
            seen.append(error)
            raise

    limits = ServerLimits(min_rate=None)
    async with serving(handler, timeouts=ServerTimeouts(read=7), limits=limits) as wires, wires.connect() as peer:
        await peer.send(POST + b"x" * 12)
        status, fields, _ = await peer.response()

        assert status == 408
        assert fields[b"connection"] == b"close"
        assert trio.current_time() == 7
    (error,) = seen
    assert isinstance(error, TimeoutError)
    assert (error.phase, error.limit) == ("read", 7)
    assert "POST / from" in str(error)
    assert "no byte moved for 7 s" in str(error)
    assert "12 of 1000 bytes" in str(error)
    assert "ServerTimeouts.read" in str(error)


async def test_progress_renews_the_read_deadline(autojump_clock: MockClock) -> None:
    timeouts = ServerTimeouts(read=7)
    async with serving(echo, timeouts=timeouts, limits=ServerLimits(min_rate=None)) as wires, wires.connect() as peer:
        await peer.send(POST)
        for _ in range(10):
            await trio.sleep(6)
            await peer.send(b"x" * 100)

        assert (await peer.response())[0] == 200


@pytest.mark.covers("A17")
async def test_a_body_slower_than_the_minimum_rate_is_ended(autojump_clock: MockClock) -> None:
    limits = ServerLimits(min_rate=MinRate(100, after=5))
    async with serving(echo, limits=limits) as wires, wires.connect() as peer:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def drip() -> None:
                await peer.send(POST)
                while True:
                    await trio.sleep(1)
                    await peer.send(b"x" * 10)

            status, _, _ = await peer.response()
            nursery.cancel_scope.cancel()

        assert status == 408
        assert trio.current_time() == 5


async def test_a_slow_handler_is_not_the_peers_fault(autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        size = 0
        async for chunk in request.body:
            size += len(chunk)
            await trio.sleep(60)
        return Response(str(size))

    limits = ServerLimits(min_rate=MinRate(1_000_000, after=1))
    async with serving(handler, limits=limits) as wires, wires.connect() as peer:
        await peer.send(POST)
        for _ in range(10):
            await peer.send(b"x" * 100)
            await trio.sleep(30)

        assert (await peer.response())[2] == b"1000"


class Slow(trio.abc.Stream):
    """A peer that takes so many bytes, and then none."""

    def __init__(self, request: bytes, takes: int) -> None:
        self._request = request
        self._left = takes
        self.closed_at: float | None = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._left -= len(data)
        if self._left < 0:
            await trio.sleep_forever()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data, self._request = self._request, b""
        if not data:
            await trio.sleep_forever()
        return data

    async def aclose(self) -> None:
        self.closed_at = trio.current_time()
        await trio.lowlevel.checkpoint()


class OneStream(trio.abc.Listener[trio.abc.Stream]):
    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream: trio.abc.Stream | None = stream

    async def accept(self) -> trio.abc.Stream:
        stream, self._stream = self._stream, None
        if stream is None:
            await trio.sleep_forever()
            raise AssertionError
        return stream

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def serve_slow_reader(answer: Any, takes: int, min_rate: MinRate | None = None, **timeouts: float) -> float:
    """Serve one answer to a peer that takes ``takes`` bytes; return when the connection was closed."""
    peer = Slow(GET, takes)

    async def handler(request: Request) -> Response:
        return Response(answer)

    async with trio.open_nursery() as nursery:
        limits = ServerLimits(min_rate=min_rate)
        server = Server(handler, listeners=[OneStream(peer)], timeouts=ServerTimeouts(**timeouts), limits=limits)
        await nursery.start(server.listen)
        await trio.sleep(1000)
        nursery.cancel_scope.cancel()
    assert peer.closed_at is not None
    return peer.closed_at


@pytest.mark.covers("A18", "S2.37")
async def test_a_peer_that_takes_nothing_is_cut_off(autojump_clock: MockClock) -> None:
    assert await serve_slow_reader(b"x" * 1_000_000, takes=0, write=9) == 9


@pytest.mark.covers("A18")
async def test_a_peer_that_stops_half_way_is_cut_off(autojump_clock: MockClock) -> None:
    assert await serve_slow_reader(b"x" * 1_000_000, takes=300_000, write=9) == 9


async def test_a_peer_that_takes_too_little_is_cut_off(autojump_clock: MockClock) -> None:
    rate = MinRate(240, after=5)

    assert await serve_slow_reader(b"x" * 1_000_000, takes=0, min_rate=rate, write=9) == 5
    assert await serve_slow_reader(b"x" * 1_000_000, takes=300_000, min_rate=rate, write=9) == 1000 + 9


@pytest.mark.covers("A18")
async def test_a_producer_hears_that_the_peer_takes_nothing(autojump_clock: MockClock) -> None:
    seen: list[BaseException] = []

    async def producer(send: SendChunk) -> None:
        try:
            while True:
                await send(b"x" * 10_000)
        except WriteTimeout as error:
            seen.append(error)
            raise

    assert await serve_slow_reader(producer, takes=100_000, write=9) == 9
    assert "no byte moved for 9 s" in str(seen[0])
    assert "GET / from" in str(seen[0])


async def test_an_iterator_is_closed_when_the_peer_takes_nothing(autojump_clock: MockClock) -> None:
    closed: list[float] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            closed.append(trio.current_time())

    await serve_slow_reader(pieces(), takes=100_000, write=9)

    assert closed == [9]


@pytest.mark.covers("A21", "A76")
async def test_a_handler_that_takes_too_long_is_answered_503(autojump_clock: MockClock) -> None:
    reasons: list[str | None] = []

    async def handler(request: Request) -> Response:
        try:
            await trio.sleep_forever()
        finally:
            reasons.append(request.cancel_reason)
        raise AssertionError

    async with serving(handler, timeouts=ServerTimeouts(handler=3)) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[0] == 503
        assert trio.current_time() == 3
    assert reasons == ["timeout"]


async def test_a_handler_in_time_is_not_cancelled(autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(2)
        assert request.cancel_reason is None
        return Response(b"done")

    async with serving(handler, timeouts=ServerTimeouts(handler=3)) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"done"
        assert (await peer.ask(GET))[2] == b"done"


LONG = 80_000.0  # seconds, longer than any deadline


async def test_deadlines_can_be_switched_off(autojump_clock: MockClock) -> None:
    never = ServerTimeouts(head=None, idle=None, read=None, write=None)
    async with serving(echo, timeouts=never, limits=ServerLimits(min_rate=None)) as wires, wires.connect() as peer:
        await trio.sleep(LONG)
        await peer.send(GET[:5])
        await trio.sleep(LONG)
        await peer.send(GET[5:])
        assert (await peer.response())[0] == 200
        await trio.sleep(LONG)
        await peer.send(POST)
        await trio.sleep(LONG)
        await peer.send(b"x" * 1000)

        assert (await peer.response())[0] == 200


@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "5"])
def test_a_timeout_that_makes_no_sense_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"ServerTimeouts\(read=.*\) makes no sense: give seconds"):
        ServerTimeouts(read=value)
