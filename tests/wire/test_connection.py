"""HTTP by hand: both roles against each other, and against bytes."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_http import (
    ClientTimeouts,
    IdleTimeout,
    IncompleteBody,
    LocalProtocolError,
    ReadTimeout,
    RemoteProtocolError,
    ServerTimeouts,
    h1,
)
from trio_http.semantics import RequestStartLine, ResponseStartLine
from trio_http.wire import HTTP1Connection

GET = RequestStartLine("GET", "/x", "HTTP/1.1")
POST = RequestStartLine("POST", "/x", "HTTP/1.1")
OK = ResponseStartLine("HTTP/1.1", 200, "OK")


def pair() -> tuple[HTTP1Connection, HTTP1Connection]:
    ours, theirs = trio.testing.memory_stream_pair()
    return HTTP1Connection(ours, h1.CLIENT), HTTP1Connection(theirs, h1.SERVER)


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
        with pytest.raises(IdleTimeout):
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
