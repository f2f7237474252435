"""HTTP by hand: both roles against each other, and against bytes."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import trio
import trio.testing

from trio_http import (
    BodyTooLarge,
    ClientLimits,
    ClientTimeouts,
    DecodingError,
    IdleTimeout,
    IncompleteBody,
    LocalProtocolError,
    ReadTimeout,
    RemoteProtocolError,
    ServerLimits,
    ServerTimeouts,
    h1,
)
from trio_http.semantics import RequestStartLine, ResponseStartLine
from trio_http.wire import HTTP1Connection

GET = RequestStartLine("GET", "/x", "HTTP/1.1")
POST = RequestStartLine("POST", "/x", "HTTP/1.1")
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = ResponseStartLine("HTTP/1.1", 200, "OK")


def pair() -> tuple[HTTP1Connection, HTTP1Connection]:
    ours, theirs = trio.testing.memory_stream_pair()
    return HTTP1Connection(ours, h1.CLIENT), HTTP1Connection(theirs, h1.SERVER)


@pytest.mark.covers("S1.99", "S1.100", "S1.101", "S1.102", "S1.103", "S1.104")
async def test_two_exchanges_by_hand(autojump_clock: Any) -> None:
    client, server = pair()
    for number in range(2):
        await client.send_head(POST, {"Host": "a", "Transfer-Encoding": "chunked"}, b"first ")
        await client.send_data(b"second")
        await client.finish({"X-Sum": str(number)})

        head = await server.receive_message()
        assert head is not None
        assert head.start_line == POST
        assert head.headers["host"] == "a"
        assert await server.body.read() == b"first second"
        assert server.body.trailers == {"x-sum": str(number)}
        await server.send_head(ResponseStartLine("HTTP/1.1", 103, ""), {"Link": "</a>"})
        await server.send_head(OK, {"Content-Length": "5"}, b"hello")
        await server.finish()

        answer = await client.receive_response()
        assert answer.start_line == OK
        assert await client.body.read() == b"hello"
    await client.aclose()
    assert await server.receive_message() is None
    await server.aclose()


@pytest.mark.covers("S1.115")
async def test_lengths_that_do_not_fit_are_told(autojump_clock: Any) -> None:
    client, server = pair()
    async with client, server:
        await client.send_head(POST, {"Host": "a", "Content-Length": "3"})
        with pytest.raises(LocalProtocolError):
            await client.send_data(b"four")


async def test_a_body_that_ends_early_is_no_body(autojump_clock: Any) -> None:
    client, server = pair()
    async with server:
        await client.send_head(POST, {"Host": "a", "Content-Length": "3"}, b"on")
        await client.aclose()
        await server.receive_message()
        with pytest.raises(IncompleteBody):
            await server.body.read()


async def test_deadlines_hold(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, timeouts=ServerTimeouts(head=3, idle=7)) as server:
        began = trio.current_time()
        with pytest.raises(ReadTimeout):
            await server.receive_message()
        assert trio.current_time() - began == 3
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, timeouts=ServerTimeouts(head=3, idle=7)) as server:
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.receive_message()
        await server.send_head(OK, {"Content-Length": "0"})
        await server.finish()
        began = trio.current_time()
        with pytest.raises(IdleTimeout, match=r"no next request for 7 s \(ServerTimeouts\.idle=7\)"):
            await server.receive_message()
        assert trio.current_time() - began == 7
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(ours, h1.CLIENT, timeouts=ClientTimeouts(read=4)) as client:
        await client.send_head(GET, {"Host": "a"})
        await client.finish()
        began = trio.current_time()
        with pytest.raises(ReadTimeout):
            await client.receive_response()
        assert trio.current_time() - began == 4


async def test_a_head_that_has_begun_is_not_idle_any_more(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, timeouts=ServerTimeouts(head=3, idle=7)) as server:
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.receive_message()
        await server.send_head(OK, {"Content-Length": "0"})
        await server.finish()
        began = trio.current_time()

        async with trio.open_nursery() as nursery:

            async def begin_late() -> None:
                await trio.sleep(5)
                await ours.send_all(b"GET / HT")

            nursery.start_soon(begin_late)
            with pytest.raises(ReadTimeout, match=r"not complete after 3 s \(ServerTimeouts\.head=3\)"):
                await server.receive_message()

        assert trio.current_time() - began == 5 + 3


@pytest.mark.covers("S1.116")
async def test_a_server_that_answers_nonsense_is_told(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(ours, h1.CLIENT) as client:
        await client.send_head(GET, {"Host": "a"})
        await client.finish()
        await theirs.send_all(b"nonsense\r\n\r\n")
        with pytest.raises(RemoteProtocolError):
            await client.receive_response()


async def test_what_is_not_its_turn_is_refused(autojump_clock: Any) -> None:
    client, server = pair()
    async with client, server:
        with pytest.raises(LocalProtocolError):
            _ = server.body
        with pytest.raises(LocalProtocolError):
            await client.send_head(OK)


# ---------------------------------------------------------------- limits and options


@pytest.mark.covers("S1.107")
@pytest.mark.parametrize(
    ("limits", "sent", "hint"),
    [
        (ServerLimits(target=5), b"GET /123456 HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (ServerLimits(head=50), b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 100, 431),
        (ServerLimits(header_count=2), b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\nX: b\r\n\r\n", 431),
        (ServerLimits(chunk_line=64), CHUNKED + b"1;" + b"a" * 100, 400),
        (ServerLimits(trailers=20), CHUNKED + b"0\r\nX-A: " + b"a" * 100, 431),
    ],
    ids=["target", "head", "header_count", "chunk_line", "trailers"],
)
async def test_what_passes_a_limit_is_refused(
    autojump_clock: Any, limits: ServerLimits, sent: bytes, hint: int
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, limits=limits) as server:
        await ours.send_all(sent)

        async def receive() -> None:
            await server.receive_message()
            await server.body.read()

        with pytest.raises(RemoteProtocolError) as caught:
            await receive()

    assert caught.value.error_status_hint == hint


@pytest.mark.covers("S1.109")
async def test_a_body_above_its_limit_is_told(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, limits=ServerLimits(body=5)) as server:
        await ours.send_all(CHUNKED + b"6\r\n123456\r\n")
        await server.receive_message()
        with pytest.raises(BodyTooLarge, match=r"ServerLimits.body=5"):
            await server.body.read()


async def test_a_body_that_drips_is_ended_by_the_minimum_rate(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    timeouts = ServerTimeouts(read=30)
    async with HTTP1Connection(theirs, h1.SERVER, timeouts=timeouts) as server, trio.open_nursery() as tasks:

        async def drip() -> None:
            await ours.send_all(CHUNKED)
            while True:
                await ours.send_all(b"1\r\nx\r\n")
                await trio.sleep(1)

        tasks.start_soon(drip)
        await server.receive_message()
        began = trio.current_time()
        with pytest.raises(ReadTimeout):
            await server.body.read()

        assert trio.current_time() - began < 10
        tasks.cancel_scope.cancel()


@pytest.mark.covers("S1.106")
async def test_no_more_is_read_at_once_than_asked_for(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, read_size=100) as server, trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
        await server.receive_message()
        sizes = [len(chunk) async for chunk in server.body]

    assert sum(sizes) == 1000
    assert max(sizes) <= 100


@pytest.mark.covers("S1.111")
@pytest.mark.parametrize("role", [h1.SERVER, h1.CLIENT])
async def test_bodies_are_decoded_where_that_is_wanted(autojump_clock: Any, role: Any) -> None:
    packed = gzip.compress(b"x" * 100_000)
    ours, theirs = trio.testing.memory_stream_pair()
    limits = ServerLimits(decompressed=150_000) if role is h1.SERVER else ClientLimits(body=150_000)
    start = b"POST / HTTP/1.1\r\nHost: a\r\n" if role is h1.SERVER else b"HTTP/1.1 200 OK\r\n"
    async with HTTP1Connection(theirs, role, limits=limits, decompress=True, read_size=1000) as connection:
        for size, content in ((len(packed), packed), (2 * len(packed), packed * 2)):
            if role is h1.CLIENT:
                await connection.send_head(GET, {"Host": "a"})
                await connection.finish()
            await ours.send_all(start + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % size + content)
            await connection.receive_message()
            if content is packed:
                assert await connection.body.read() == b"x" * 100_000
                if role is h1.SERVER:
                    await connection.send_head(OK, {"Content-Length": "0"})
                    await connection.finish()
            else:
                with pytest.raises(BodyTooLarge):
                    await connection.body.read()


async def test_a_coding_that_nobody_knows_is_told(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, decompress=True) as server:
        await ours.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: odd\r\nContent-Length: 1\r\n\r\nx")
        with pytest.raises(DecodingError, match="odd"):
            await server.receive_message()


async def test_a_body_that_cannot_be_decoded_stays_so(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.SERVER, decompress=True) as server:
        await ours.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone")
        await server.receive_message()

        for _ in range(3):
            with pytest.raises(DecodingError, match="no valid gzip"):
                await server.body.read()


async def test_informational_answers_without_end_are_ended(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with HTTP1Connection(theirs, h1.CLIENT, limits=ClientLimits(informational=3)) as client:
        await client.send_head(GET, {"Host": "a"})
        await client.finish()
        await ours.send_all(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 4)
        with pytest.raises(RemoteProtocolError, match="more than 3 informational"):
            await client.receive_response()


@pytest.mark.covers("S1.105", "S1.99")
async def test_keep_alive_can_be_switched_off(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    client = HTTP1Connection(ours, h1.CLIENT, keep_alive=False, context="mine")
    server = HTTP1Connection(theirs, h1.SERVER)
    async with client, server:
        await client.send_head(GET, {"Host": "a"})
        await client.finish()
        head = await server.receive_message()
        assert head is not None
        assert head.headers["connection"] == "close"
        await server.send_head(OK, {"Content-Length": "0"})
        await server.finish()
        await client.receive_response()
        await client.body.read()
        with pytest.raises(LocalProtocolError):
            await client.send_head(GET, {"Host": "a"})

    assert client.context == "mine"
