"""Bodies of requests: unread, asked for by 100, above a limit, kept too long."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing

from tests.server.handlers import echo, hello, is_closed
from tests.wires import KINDS, serving
from trio_http import BodyScopeEnded, Request, Response, ServerLimits
from trio_http.messages import Body

pytestmark = pytest.mark.parametrize("kind", KINDS)

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


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


@pytest.mark.covers("A30", "A43")
async def test_early_hints_do_not_stand_for_continue(kind: str) -> None:
    async def handler(request: Request) -> Response:
        await request.inform(103, {"Link": "</style.css>; rel=preload"})
        return Response(await request.read())

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (await peer.receive_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 103 ")
        with trio.fail_after(5):
            assert await peer.receive_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

        assert (await peer.ask(b"ok"))[2] == b"ok"


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
async def test_no_more_is_read_at_once_than_allowed(
    kind: str, options: Any, mock_clock: trio.testing.MockClock
) -> None:
    sizes: list[int] = []

    async def handler(request: Request) -> Response:
        if request.path == "/late":
            await trio.sleep(0.12)  # long enough for a watch to read ahead where that is how the end is found
        sizes.extend([len(chunk) async for chunk in request.body])
        return Response()

    async with serving(handler, kind, clock=mock_clock, **options) as wires, wires.connect() as peer:
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
