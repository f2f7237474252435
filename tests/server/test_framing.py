"""How answers are framed: streams and lengths, trailers, HEAD, statuses without a body, HTTP/1.0."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from tests.wires import KINDS, serving
from trio_http import Request, Response
from trio_http.messages import SendChunk

pytestmark = pytest.mark.parametrize("kind", KINDS)

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.mark.covers("A40", "S1.89", "S1.90")
async def test_pieces_of_every_shape_are_streamed_out(kind: str) -> None:
    closed: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one,"
            yield b""
            yield b"two"
        finally:
            closed.append("iterator")

    async def producer(send: SendChunk) -> None:
        await send(b"one,")
        await send(b"two")

    async def handler(request: Request) -> Response:
        if request.path == "/iterator":
            return Response(pieces())
        if request.path == "/producer":
            return Response(producer)
        send, receive = trio.open_memory_channel[bytes](2)
        send.send_nowait(b"one,")
        send.send_nowait(b"two")
        send.close()
        return Response(receive)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        for path in (b"/iterator", b"/producer", b"/channel"):
            await peer.send(b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % path)
            head = await peer.receive_until(b"\r\n\r\n")
            body = await peer.receive_until(b"0\r\n\r\n")

            assert b"Transfer-Encoding: chunked\r\n" in head
            assert body == b"4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n"

    assert closed == ["iterator"]


@pytest.mark.covers("A40", "A41")
async def test_a_counted_stream_is_sent_without_chunks(kind: str) -> None:
    async def producer(send: SendChunk) -> None:
        await send(b"12")
        await send(b"345")

    async def handler(request: Request) -> Response:
        return Response(producer, headers={"content-length": "5"})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        status, fields, body = await peer.ask(GET)

    assert (status, body) == (200, b"12345")
    assert b"transfer-encoding" not in fields


@pytest.mark.covers("A42")
async def test_trailers_can_be_sent(kind: str) -> None:
    async def producer(send: SendChunk) -> None:
        await send(b"x")

    async def handler(request: Request) -> Response:
        return Response(producer, trailers={"X-Sum": "7"})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        await peer.receive_until(b"\r\n\r\n")

        assert await peer.receive_until(b"\r\n\r\n") == b"1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n"


@pytest.mark.covers("A42")
@pytest.mark.parametrize("counted", [False, True])
async def test_a_body_in_memory_is_sent_in_chunks_where_trailers_follow(kind: str, counted: bool) -> None:
    async def handler(request: Request) -> Response:
        headers = {"Content-Length": "5"} if counted else {}
        return Response("whole", headers=headers, trailers={"X-Sum": "7", "X-Time": "1"})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        for _ in range(2):
            await peer.send(GET)
            head = await peer.receive_until(b"\r\n\r\n")

            assert b"\r\nTransfer-Encoding: chunked\r\n" in head
            assert b"\r\nTrailer: X-Sum, X-Time\r\n" in head
            assert b"Content-Length" not in head
            assert await peer.receive_until(b"\r\n\r\n") == b"5\r\nwhole\r\n0\r\nX-Sum: 7\r\nX-Time: 1\r\n\r\n"


@pytest.mark.parametrize("streamed", [False, True])
async def test_who_cannot_get_trailers_gets_the_body_without_them(kind: str, streamed: bool) -> None:
    async def producer(send: SendChunk) -> None:
        await send(b"whole")

    async def handler(request: Request) -> Response:
        return Response(producer if streamed else "whole", trailers={"X-Sum": "7"})

    async with serving(handler, kind) as wires:
        async with wires.connect() as old:
            await old.send(b"GET / HTTP/1.0\r\n\r\n")
            head, _, body = (await old.receive_all()).partition(b"\r\n\r\n")

            assert body == b"whole"
            assert b"Trailer" not in head
        async with wires.connect() as peer:
            for _ in range(2):
                await peer.send(GET.replace(b"GET", b"HEAD"))

                assert b"Trailer" not in await peer.receive_until(b"\r\n\r\n")
            assert wires.server.stats.errors == 0


@pytest.mark.covers("A41")
async def test_head_gets_the_head_of_get(kind: str) -> None:
    closed: list[bool] = []

    class Pieces:
        def __aiter__(self) -> Pieces:
            raise AssertionError("nobody may ask for the body of an answer to HEAD")

        async def __anext__(self) -> bytes:
            raise AssertionError

        async def aclose(self) -> None:
            closed.append(True)

    async def handler(request: Request) -> Response:
        return Response("Hello, World!" if request.path == "/" else Pieces())

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert b"Content-Length: 13\r\n" in await peer.receive_until(b"\r\n\r\n")

        await peer.send(b"HEAD /stream HTTP/1.1\r\nHost: test\r\n\r\n")
        assert b"Transfer-Encoding: chunked\r\n" in await peer.receive_until(b"\r\n\r\n")

        await peer.send(GET)
        assert (await peer.response())[2] == b"Hello, World!"

    assert closed == [True]


@pytest.mark.covers("A41")
@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_is_sent_without_one(kind: str, status: int) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"not for the wire", status=status)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET * 2)
        first = await peer.receive_until(b"\r\n\r\n")
        second = await peer.receive_until(b"\r\n\r\n")

    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert second.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.covers("A41")
async def test_http_1_0_gets_a_close_delimited_stream(kind: str) -> None:
    async def producer(send: SendChunk) -> None:
        await send(b"one")
        await send(b"two")

    async def handler(request: Request) -> Response:
        return Response(producer)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = await peer.receive_all()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"Connection: close" in head
    assert body == b"onetwo"
