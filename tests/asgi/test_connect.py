"""CONNECT for applications: a tunnel as body, and as a raw stream."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.asgi.apps import body, start
from tests.wires import KINDS, serving
from trio_http.asgi import ASGIHandler, Receive, Scope, Send

CONNECT = b"CONNECT h.example:80 HTTP/1.1\r\nHost: h.example:80\r\n\r\n"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_raw_stream_is_an_extension(kind: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (scope["type"], scope["method"]) == ("http", "CONNECT")
        assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("h.example:80", b"h.example:80", b"")
        stream = scope["extensions"]["trio_http.transport"]
        with pytest.raises(Exception, match="the tunnel is not open yet"):
            await stream.receive_some()
        await send(start(headers=[(b"x-mine", b"1")]))
        await send(body(b"", more=True))
        async for data in stream:
            await stream.send_all(bytes(data).upper())
        await stream.send_all(b"BYE")

    with trio.fail_after(5):
        async with serving(ASGIHandler(app, root_path="/api"), kind) as wires, wires.connect() as peer:
            await peer.send(CONNECT + b"early")
            head = (await peer.receive_until(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200 ")
            assert b"x-mine: 1" in head
            assert b"content-length" not in head
            assert b"transfer-encoding" not in head
            assert await peer.receive_exactly(5) == b"EARLY"
            await peer.send(b"more")
            assert await peer.receive_exactly(4) == b"MORE"
            await peer.send_eof()
            assert await peer.receive_all() == b"BYE"


async def test_bodies_are_sent_as_they_are(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        await send(start())
        await send(body(b"hello ", more=True))
        message = await receive()
        await send(body(message["body"].upper()))
        assert (await receive())["type"] == "http.disconnect"

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(CONNECT)
        await peer.receive_until(b"\r\n\r\n")
        assert await peer.receive_exactly(6) == b"hello "
        await peer.send(b"abc")
        assert await peer.receive_exactly(3) == b"ABC"
        assert await peer.receive() == b""
        await peer.send_eof()
        await trio.sleep(1)


async def test_the_head_waits_for_the_first_body(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await trio.sleep(5)
        await send(body(b"x"))

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(CONNECT)
        with trio.move_on_after(4) as early:
            await peer.receive()
        assert early.cancelled_caught
        assert (await peer.receive_all()).endswith(b"\r\n\r\nx")


async def test_it_may_be_refused(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(403))
        await send(body(b"not ", more=True))
        await send(body(b"there"))

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        status, _, data = await peer.ask(CONNECT)

    assert (status, data) == (403, b"not there")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_application_that_fails(when: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if when == "after":
            await send(start())
            await send(body(b"x", more=True))
        raise ValueError("it broke")

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(CONNECT)
        answer = await peer.receive_all() if when == "after" else (await peer.receive_until(b"\r\n\r\n"))

    assert answer.startswith(b"HTTP/1.1 500" if when == "before" else b"HTTP/1.1 200")
    assert "it broke" in caplog.text


async def test_it_ends_with_the_server(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"x", more=True))
        await trio.sleep_forever()

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(CONNECT)
        await peer.receive_until(b"\r\n\r\nx")
        began = trio.current_time()
        report = await wires.server.shutdown(grace=1)
        assert trio.current_time() - began <= 1.5
        assert not report.stuck
