"""Applications that go wrong, and requests that do: who is answered what, and what the connection does then."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.asgi.apps import GET, body, both_ways, handler_of, sending, start
from tests.wires import serving
from trio_http import ServerLimits
from trio_http.asgi import ASGIApplication, Receive, Scope, Send


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await trio.lowlevel.checkpoint()


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("it broke")


async def fails_after_its_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    raise ValueError("it broke")


@both_ways
@pytest.mark.parametrize(
    ("app", "text"),
    [
        (fails, "it broke"),
        (fails_after_its_start, "it broke"),
        (nothing, "returned before its response was started; expected 'http.response.start'"),
        (sending(start()), "returned after 'http.response.start'; expected 'http.response.body'"),
        (sending(body()), "sent 'http.response.body' before its response was started; expected 'http.response.start'"),
        (sending(start(), start()), "sent 'http.response.start' after 'http.response.start'; expected"),
        (sending({"type": "websocket.send"}), "sent 'websocket.send' before its response was started"),
        (sending({}), "sent None before its response was started"),
        (sending(start(99)), "status=99"),
        (sending({"type": "http.response.start"}), "status=None"),
        (sending(start(headers=[("a", "b")])), "expected pairs of bytes"),  # type: ignore[list-item]
        (sending(start(headers=[(b"a", b"b\r\nc: d")])), "control characters"),
        (sending(start(), {"type": "http.response.body", "body": "text"}), "of type str; expected bytes"),
        (sending(start(), {"type": "http.response.pathsend", "path": "/nowhere/at/all"}), "cannot be read"),
        (sending(start(), {"type": "http.response.pathsend", "path": "/"}), "cannot be read: [Errno 21] a folder"),
        (sending({"type": "http.response.trailers", "headers": []}), "'http.response.trailers' before"),
    ],
)
async def test_an_application_that_fails_before_its_body_is_answered_500(
    app: ASGIApplication, text: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with trio.fail_after(5):
        async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
            status, _, data = await peer.ask(GET)
            assert (await peer.ask(GET))[0] == 500, "the connection goes on"

    assert (status, data) == (500, b"500 Internal Server Error\n")
    assert text in caplog.text
    assert caplog.text.count("Traceback") >= 1


@both_ways
@pytest.mark.parametrize("early_end", ["raises", "returns", "starts again"])
async def test_an_application_that_fails_inside_its_body_cuts_the_connection(
    early_end: str, way: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"abc", more=True))
        if early_end == "raises":
            raise ValueError("it broke")
        if early_end == "starts again":
            await send(start())

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(GET)
        answer = await peer.receive_all()

    assert b"abc" in answer
    assert not answer.endswith(b"0\r\n\r\n"), "a short answer must not look whole"
    assert {"raises": "it broke", "returns": "returned inside the body", "starts again": "inside the body"}[
        early_end
    ] in caplog.text


@both_ways
async def test_an_application_that_fails_after_its_answer_hurts_nobody(
    way: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"ok"))
        raise ValueError("it broke")

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        for _ in range(2):
            assert (await peer.ask(GET))[2] == b"ok"
        assert wires.server.stats.errors == 2

    assert caplog.text.count("it broke") >= 2


@both_ways
async def test_what_is_sent_after_the_answer_is_refused(
    way: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(handler_of(sending(start(), body(), body()), way)) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[0] == 200
        assert (await peer.ask(GET))[0] == 200

    assert "sent 'http.response.body' after its response was complete; expected nothing more" in caplog.text


@both_ways
async def test_a_body_that_is_too_large_is_the_servers_to_answer(way: str, autojump_clock: Any) -> None:
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append((await receive())["type"])
        await send(start())
        with pytest.raises(OSError, match="nobody to send to"):
            await send(body())

    async with serving(handler_of(app, way), limits=ServerLimits(body=10)) as wires, wires.connect() as peer:
        status, _, _ = await peer.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")

    assert status == 413
    assert told == ["http.disconnect"]


@both_ways
async def test_a_broken_body_is_the_servers_to_answer(way: str, autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX")
        assert (await peer.response())[0] == 400
