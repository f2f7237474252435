"""WebSockets to a handler in the same process: ``Client(app=handler)``, with no socket anywhere."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from tests.client.client_peers import run
from trio_http import Client, ConnectionClosed, HandshakeRejected, Request, Response, StatusError, UpgradeResponse
from trio_http.testing import VirtualNetwork, for_each_cancel_point
from trio_http.web import Router
from trio_http.websocket import Broadcast, PerMessage, WebSocket, WebSocketOpCode, WebSocketResponse


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def app(request: Request) -> Response:
    match request.path:
        case "/echo":
            return WebSocketResponse(echo, subprotocols=["chat"])
        case "/raw":
            return UpgradeResponse("shout", shout)
    return Response("not here", status=404)


async def shout(stream: trio.abc.HalfCloseableStream) -> None:
    while data := await stream.receive_some():
        await stream.send_all(bytes(data).upper())
    await stream.send_eof()


@pytest.mark.covers("B11", "A54", "A55")
async def test_a_websocket_needs_no_network(autojump_clock: trio.testing.MockClock) -> None:
    async with Client(app=app, base_url="http://app.test", timeout=5) as client:
        async with client.websocket("/echo", subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"
            for message in ("hello", b"\x00\xff", "x" * 300_000):
                await ws.send(message)
                assert await ws.receive() == message
            await trio.sleep(60)  # the time in all stopped counting
            assert await ws.ping() == 0
        assert ws.close_code == 1000
        with pytest.raises(HandshakeRejected, match="404") as caught:
            async with client.websocket("/elsewhere"):
                raise AssertionError("it opened")
        assert isinstance(caught.value.response, Response)
        assert caught.value.response.text() == "not here"


async def test_any_protocol_can_be_switched_to(autojump_clock: trio.testing.MockClock) -> None:
    async with Client(app=app, base_url="http://app.test") as client:
        async with client.upgrade("/raw", "shout") as stream:
            await stream.send_all(b"hello " * 20_000)
            await stream.send_eof()
            heard = b""
            while data := await stream.receive_some(100_000):
                heard += data
            assert heard == b"HELLO " * 20_000
        with pytest.raises(StatusError, match="426"):
            async with client.upgrade("/raw", "whisper"):
                raise AssertionError("it switched")
        assert (await client.get("/raw")).status == 426
        assert (await client.get("/echo")).status == 426


async def test_the_function_ends_with_its_websocket(autojump_clock: trio.testing.MockClock) -> None:
    calls: list[WebSocketOpCode] = []

    async def each(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        calls.append(opcode)
        if opcode is WebSocketOpCode.CLOSE:
            await trio.sleep(0.5)
            calls.append(opcode)

    async def handler(request: Request) -> Response:
        return WebSocketResponse(PerMessage(each))

    async with Client(app=handler) as client:
        async with client.websocket("http://app.test/") as ws:
            await ws.send("x")
        assert calls == [WebSocketOpCode.OPEN, WebSocketOpCode.TEXT, WebSocketOpCode.CLOSE, WebSocketOpCode.CLOSE]


async def test_a_failing_function_closes_with_1011_and_is_logged(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(ws: WebSocket) -> None:
        await ws.receive()
        raise ValueError("mine")

    async def handler(request: Request) -> Response:
        return WebSocketResponse(fail)

    async with Client(app=handler) as client, client.websocket("http://app.test/") as ws:
        await ws.send("x")
        with pytest.raises(ConnectionClosed, match="1011"):
            await ws.receive()

    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_who_does_not_receive_is_not_drowned(autojump_clock: trio.testing.MockClock) -> None:
    sent = 0

    async def pour(ws: WebSocket) -> None:
        nonlocal sent
        while True:
            await ws.send(bytes(100_000))
            sent += 1

    async def handler(request: Request) -> Response:
        return WebSocketResponse(pour, compression=None)

    async with Client(app=handler) as client, client.websocket("http://app.test/"):
        await trio.sleep(5)
        assert 16 <= sent < 40


async def test_a_hub_is_tested_without_network(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast()
    router = Router()

    @router.websocket("/news")
    async def news(ws: WebSocket) -> None:
        await hub.join(ws)

    async with (
        Client(app=router, base_url="http://app.test") as client,
        client.websocket("/news") as one,
        client.websocket("/news") as two,
    ):
        await trio.testing.wait_all_tasks_blocked()
        assert hub.publish("extra") == 2
        assert [await one.receive(), await two.receive()] == ["extra", "extra"]


def test_cancelled_at_any_point_nothing_is_left() -> None:
    running = 0

    async def counted(ws: WebSocket) -> None:
        nonlocal running
        running += 1
        try:
            await echo(ws)
        finally:
            running -= 1

    async def handler(request: Request) -> Response:
        return WebSocketResponse(counted)

    async def block() -> None:
        async with Client(app=handler) as client, client.websocket("http://app.test/") as ws:
            await ws.send("x")
            assert await ws.receive() == "x"

    async def check() -> None:
        assert running == 0

    async def main(net: VirtualNetwork) -> None:
        assert len(await for_each_cancel_point(block, check)) > 10

    run(main)
