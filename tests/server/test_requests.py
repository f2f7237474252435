"""What a handler gets and what the peer gets back, on every kind of connection."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from tests.server.handlers import echo, hello, is_closed
from tests.wires import KINDS, serving
from trio_http import Headers, Request, Response, ServerLimits, StatusError
from trio_http.messages import SendChunk

pytestmark = pytest.mark.parametrize("kind", KINDS)

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def count(request: Request) -> Response:
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return Response(str(size))


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

    assert "the handler returned a str, not a Response; say return Response(...)" in caplog.text


async def test_a_handler_that_is_not_async_is_told_so(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Response:
        return Response("Hello")

    async with serving(handler, kind) as wires, wires.connect() as peer:  # type: ignore[arg-type]  # the mistake
        assert (await peer.ask(GET))[0] == 500

    assert "Handlers are async functions: async def handler(request)" in caplog.text


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
