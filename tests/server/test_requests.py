"""What a handler gets and what the peer gets back, on every kind of connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

from tests.wires import KINDS, Peer, serving
from trio_http import BodyScopeEnded, Headers, Request, Response, ServerLimits, StatusError
from trio_http.messages import Body, SendChunk

pytestmark = pytest.mark.parametrize("kind", KINDS)

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response("Hello, World!")


async def count(request: Request) -> Response:
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return Response(str(size))


async def echo(request: Request) -> Response:
    return Response(await request.read())


async def is_closed(peer: Peer) -> bool:
    with trio.fail_after(5):
        return await peer.receive() == b""


async def test_a_text_is_answered_with_its_type_and_length(kind: str) -> None:
    async with serving(hello, kind) as wires, wires.connect() as peer:
        status, fields, body = await peer.ask(GET)

    assert (status, body) == (200, b"Hello, World!")
    assert fields[b"content-type"] == b"text/plain; charset=utf-8"
    assert fields[b"content-length"] == b"13"
    assert fields[b"date"].endswith(b" GMT")
    assert b"server" not in fields


@pytest.mark.covers("S1.77", "S1.78", "S1.79", "S1.80", "S1.82")
async def test_the_handler_sees_the_request(kind: str) -> None:
    seen: list[Request] = []

    async def handler(request: Request) -> Response:
        seen.append(request)
        assert request.peer is None or request.peer[0] == "127.0.0.1"
        return Response(b"")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.ask(b"GET /a%20b/%C3%A9?x=1&y=%20 HTTP/1.1\r\nHost: test:80\r\nX-One: 1\r\nx-one: 2\r\n\r\n")

    (request,) = seen
    assert request.method == "GET"
    assert request.target == "/a%20b/%C3%A9?x=1&y=%20"
    assert request.path == "/a b/é"
    assert request.raw_path == "/a%20b/%C3%A9"
    assert request.query_string == "x=1&y=%20"
    assert request.host == "test:80"
    assert request.headers.get_list("X-ONE") == ["1", "2"]
    assert request.http_version == "HTTP/1.1"
    assert request.scheme == "http"
    assert request.trailers is None


@pytest.mark.covers("A79")
async def test_many_requests_on_one_connection(kind: str) -> None:
    async def handler(request: Request) -> Response:
        return Response(request.path + (await request.read()).decode())

    async with serving(handler, kind) as wires, wires.connect() as peer:
        for number in range(20):
            if number % 2:
                request = b"GET /%d HTTP/1.1\r\nHost: test\r\n\r\n" % number
            else:
                request = b"POST /%d HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc" % number
            status, _, body = await peer.ask(request)

            assert (status, body) == (200, b"/%d" % number + (b"" if number % 2 else b"abc"))

        assert len(wires.server.connections) == 1
        assert wires.server.connections[0].requests == 20


@pytest.mark.covers("A29")
async def test_pipelined_requests_are_answered_in_order(kind: str) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/0":
            await trio.lowlevel.checkpoint()
        return Response(request.path)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: test\r\n\r\n" % number for number in range(100)))

        answers = [(await peer.response())[2] for _ in range(100)]

    assert answers == [b"/%d" % number for number in range(100)]


@pytest.mark.covers("A39", "S1.81")
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n0123456789",
        b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\n\r\n",
    ],
    ids=["counted", "chunked"],
)
async def test_a_body_arrives_however_it_is_cut(kind: str, request_bytes: bytes) -> None:
    async with serving(echo, kind) as wires, wires.connect() as peer:
        for size in (1, 7, len(request_bytes)):
            for start in range(0, len(request_bytes), size):
                await peer.send(request_bytes[start : start + size])
                await trio.lowlevel.checkpoint()

            assert (await peer.response())[2] == b"0123456789"


@pytest.mark.covers("A39", "A40")
async def test_a_large_body_streams_through(kind: str) -> None:
    size = 3_000_000

    async with serving(count, kind, limits=ServerLimits(body=size)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, b"x" * size)
            status, _, body = await peer.response()

    assert (status, body) == (200, b"%d" % size)


@pytest.mark.covers("A42")
async def test_trailers_are_kept_apart_from_headers(kind: str) -> None:
    seen: list[tuple[Headers, Headers | None]] = []

    async def handler(request: Request) -> Response:
        assert request.trailers is None
        await request.read()
        seen.append((request.headers, request.trailers))
        return Response(b"")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.ask(
            b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n"
        )

    ((headers, trailers),) = seen
    assert trailers is not None
    assert trailers["x-sum"] == "7"
    assert "x-sum" not in headers


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


async def test_close_is_honoured(kind: str) -> None:
    async with serving(hello, kind) as wires, wires.connect() as peer:
        _, fields, _ = await peer.ask(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: foo, close\r\n\r\n")

        assert fields[b"connection"] == b"close"
        assert await is_closed(peer)


async def test_a_handler_may_ask_for_the_close(kind: str) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"", headers={"Connection": "close", "Keep-Alive": "timeout=5"})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        _, fields, _ = await peer.ask(GET)

        assert fields[b"connection"] == b"close"
        assert b"keep-alive" not in fields
        assert await is_closed(peer)


@pytest.mark.covers("A80")
async def test_a_crash_is_answered_500_and_the_connection_goes_on(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/crash":
            raise RuntimeError("secret of ours")
        return Response("fine")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        status, _, body = await peer.ask(b"GET /crash HTTP/1.1\r\nHost: test\r\n\r\n")
        assert status == 500
        assert b"secret" not in body

        assert (await peer.ask(GET))[2] == b"fine"

    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "GET /crash" in record.getMessage()
    assert record.exc_info is not None


async def test_what_is_no_response_is_answered_500(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        return "Hello"  # type: ignore[return-value]  # the mistake under test

    async with serving(handler, kind) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[0] == 500

    assert "not a Response" in caplog.text


@pytest.mark.covers("A50")
async def test_a_raised_status_is_the_answer(kind: str) -> None:
    async def handler(request: Request) -> Response:
        async with trio.open_nursery():  # which wraps it in a group
            raise StatusError(404, "no such user", headers={"X-Reason": "gone", "Content-Type": "text/x-mine"})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        head = await peer.receive_until(b"\r\n\r\n")
        body = await peer.receive_exactly(28)

    assert head.startswith(b"HTTP/1.1 404 ")
    assert body == b"404 Not Found: no such user\n"
    assert b"x-reason: gone\r\n" in head.lower()
    assert head.lower().count(b"content-type:") == 1
    assert b"text/x-mine" in head


async def test_a_status_of_an_upstream_is_not_passed_on(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        raise StatusError(404, "upstream's own", response=Response(b""))

    async with serving(handler, kind) as wires, wires.connect() as peer:
        status, _, body = await peer.ask(GET)

    assert status == 502
    assert b"upstream" not in body
    assert "unhandled" in caplog.text


async def test_a_stream_that_fails_half_way_is_cut_not_ended(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def producer(send: SendChunk) -> None:
        await send(b"half")
        raise RuntimeError("broken")

    async def handler(request: Request) -> Response:
        return Response(producer)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        answer = await peer.receive_all()

    assert answer.endswith(b"4\r\nhalf\r\n")
    assert "cut short" in caplog.text


@pytest.mark.covers("A41")
@pytest.mark.parametrize(("declared", "body"), [("3", b"four"), ("5", b"four")])
async def test_a_wrong_length_is_answered_500(
    kind: str, declared: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Request) -> Response:
        return Response(body, headers={"Content-Length": declared})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[0] == 500
        assert await is_closed(peer)

    assert "Content-Length" in caplog.text


async def test_an_unread_body_is_skipped_and_the_connection_goes_on(kind: str) -> None:
    async with serving(hello, kind) as wires, wires.connect() as peer:
        for _ in range(3):
            status, fields, _ = await peer.ask(
                b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
            )

            assert status == 200
            assert b"connection" not in fields


@pytest.mark.covers("A31")
async def test_a_long_unread_body_ends_the_connection_after_the_answer(kind: str) -> None:
    async with serving(hello, kind) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        status, fields, body = await peer.response()

        assert (status, body) == (200, b"Hello, World!")
        assert fields[b"connection"] == b"close"
        assert await is_closed(peer)


@pytest.mark.covers("A30")
async def test_continue_is_said_when_the_handler_wants_the_body(kind: str) -> None:
    async with serving(echo, kind) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await peer.receive_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

        assert (await peer.ask(b"ok"))[2] == b"ok"
        assert (await peer.ask(GET))[0] == 200


async def test_a_refusal_before_the_body_says_no_continue(kind: str) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"no", status=403)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(
            b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )

        assert status == 403
        assert fields[b"connection"] == b"close"
        assert await is_closed(peer)


@pytest.mark.covers("A43")
async def test_informational_answers_come_before_the_final_one(kind: str) -> None:
    async def handler(request: Request) -> Response:
        await request.inform(103, {"Link": "</style.css>; rel=preload"})
        return Response(b"done")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        early = await peer.receive_until(b"\r\n\r\n")

        assert early.startswith(b"HTTP/1.1 103 ")
        assert b"Link: </style.css>; rel=preload\r\n" in early
        assert (await peer.response())[2] == b"done"


@pytest.mark.covers("A27", "S1.61", "S1.109")
@pytest.mark.parametrize("framing", [b"Content-Length: 11\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nb\r\n"])
async def test_a_body_above_the_limit_is_answered_413(kind: str, framing: bytes) -> None:
    async with serving(echo, kind, limits=ServerLimits(body=10)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\n" + framing + b"01234567890")
        status, fields, body = await peer.response()

        assert (status, body) == (413, b"413 Content Too Large: at most 10 bytes are accepted\n")
        assert fields[b"connection"] == b"close"
        assert await is_closed(peer)


@pytest.mark.covers("A27", "S1.61")
@pytest.mark.parametrize(("own", "named"), [(None, "ServerLimits.body=10 "), (7, "request.limit_body=7 ")])
async def test_the_log_names_the_limit_that_a_body_passed(
    kind: str, own: int | None, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Request) -> Response:
        if own is not None:
            request.limit_body(own)
        return Response(await request.read())

    caplog.set_level(logging.INFO)
    async with serving(handler, kind, limits=ServerLimits(body=10)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n")

        assert (await peer.response())[0] == 413
    assert named in caplog.text


@pytest.mark.covers("S1.57", "S1.62")
@pytest.mark.parametrize(
    "options", [{"read_size": 1000}, {"limits": ServerLimits(buffer=1000)}], ids=["read_size", "buffer"]
)
async def test_no_more_is_read_at_once_than_allowed(kind: str, options: Any) -> None:
    sizes: list[int] = []

    async def handler(request: Request) -> Response:
        if request.path == "/late":
            await trio.sleep(0.12)  # long enough for a watch to read ahead where that is how the end is found
        sizes.extend([len(chunk) async for chunk in request.body])
        return Response()

    async with serving(handler, kind, **options) as wires, wires.connect() as peer:
        for path in (b"/", b"/late"):
            await peer.send(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" % path + b"x" * 20_000)
            assert (await peer.response())[0] == 200

    assert sum(sizes) == 40_000
    assert max(sizes) <= 1000


async def test_a_body_kept_beyond_its_request_says_so(kind: str) -> None:
    kept: list[Body] = []

    async def handler(request: Request) -> Response:
        kept.append(request.body)
        return Response(b"")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.ask(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx")
        await peer.ask(GET)

        with pytest.raises(BodyScopeEnded, match="POST /> has been answered"):
            await kept[0].receive_some()


async def test_what_a_handler_makes_is_checked_where_it_is_made(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"", headers={"X-Bad": "a\r\nX-Smuggled: b"})

    async with serving(handler, kind) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(GET)

    assert status == 500
    assert b"x-smuggled" not in fields
    assert "x-bad" in caplog.text.lower()


@pytest.mark.covers("A24")
async def test_too_many_requests_at_once_are_turned_away(kind: str) -> None:
    running = trio.Event()
    release = trio.Event()

    async def handler(request: Request) -> Response:
        running.set()
        await release.wait()
        return Response(b"done")

    async with (
        serving(handler, kind, limits=ServerLimits(concurrency=1)) as wires,
        wires.connect() as one,
        wires.connect() as two,
    ):
        await one.send(GET)
        await running.wait()

        status, fields, _ = await two.ask(GET)
        assert status == 503
        assert int(fields[b"retry-after"]) > 0

        release.set()
        assert (await one.response())[2] == b"done"
        assert (await two.ask(GET))[2] == b"done"


@pytest.mark.covers("A22")
async def test_the_number_of_requests_on_a_connection_can_be_limited(kind: str) -> None:
    async with serving(hello, kind, limits=ServerLimits(requests_per_connection=2)) as wires, wires.connect() as peer:
        assert b"connection" not in (await peer.ask(GET))[1]
        assert (await peer.ask(GET))[1][b"connection"] == b"close"
        assert await is_closed(peer)


@pytest.mark.covers("A23")
async def test_accepting_pauses_while_too_many_are_connected(kind: str) -> None:
    async with serving(hello, kind, limits=ServerLimits(connections=1)) as wires, wires.connect() as one:
        assert (await one.ask(GET))[0] == 200
        async with wires.connect() as two:
            await two.send(GET)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(wires.server.connections) == 1

            await one.aclose()
            assert (await two.response())[0] == 200


async def test_a_peer_that_leaves_while_both_bodies_flow_is_no_error_of_ours(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    answered = trio.Event()

    async def handler(request: Request) -> Response:
        async def producer(send: SendChunk) -> None:
            async for chunk in request.body:
                await send(chunk)
                answered.set()

        return Response(producer)

    async with serving(handler, kind, cancel_on_disconnect=False) as wires:
        async with wires.connect() as peer:
            await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n0123456789")
            await answered.wait()
            await peer.send_eof()
            await peer.receive_all()
        async with wires.connect() as other:
            await other.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert (await other.receive_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
