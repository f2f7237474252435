"""Handlers of ours as applications: on our own server, which is an ASGI server, and with messages made by hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio

from tests.asgi.apps import GET, WEBSOCKET
from tests.websocket.ws_kit import close, text
from tests.wires import serving
from trio_http import Handler, Request, Response, StatusError, UpgradeResponse
from trio_http.asgi import ASGIHandler, Message, as_asgi
from trio_http.websocket import Broadcast, WebSocket, WebSocketResponse


def there_and_back(handler: Handler, **options: Any) -> ASGIHandler:
    return ASGIHandler(as_asgi(handler, **options))


async def everything(request: Request) -> Response:
    match request.path:
        case "/echo":
            return Response(await request.read(), headers={"x-query": request.query_string, "connection": "close"})
        case "/json":
            return Response(json={"method": request.method, "host": request.host, "version": request.http_version})
        case "/stream":

            async def produce(send: Callable[[bytes], Awaitable[None]]) -> None:
                async for piece in request.body:
                    await send(piece.upper())

            return Response(produce, trailers={"x-end": "1"})
        case "/empty":
            return Response(status=204)
        case "/missing":
            raise StatusError(404, "no such thing", headers={"x-why": "gone"})
        case "/boom":
            raise ValueError("it broke")
        case "/hints":
            await request.inform(103, {"Link": "</a.css>"})
            return Response("hinted")
        case "/upgrade":
            return UpgradeResponse("shout", lambda stream: stream.aclose())
        case "/zip":
            return Response("x" * 5000, compress=True)
    raise AssertionError(request.path)


def ask(path: bytes, method: bytes = b"GET", body: bytes = b"", more: bytes = b"") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%b\r\n" % (len(body), more) + body


@pytest.mark.covers("A74")
async def test_requests_and_responses_come_through_unchanged(autojump_clock: Any) -> None:
    async with serving(there_and_back(everything)) as wires, wires.connect() as peer:
        status, fields, data = await peer.ask(ask(b"/echo?a=%20b", b"POST", b"hello"))
        assert (status, fields[b"x-query"], data) == (200, b"a=%20b", b"hello")
        assert b"connection" not in fields, "about our hop, not about the server's"
        assert (await peer.ask(ask(b"/json", b"PUT")))[2] == b'{"method":"PUT","host":"h","version":"HTTP/1.1"}'
        assert (await peer.ask(ask(b"/empty")))[0] == 204
        status, fields, data = await peer.ask(ask(b"/missing"))
        assert (status, fields[b"x-why"], data) == (404, b"gone", b"404 Not Found: no such thing\n")
        assert (await peer.ask(ask(b"/boom")))[0] == 500
        assert (await peer.ask(ask(b"/upgrade")))[0] == 501
        assert (await peer.ask(ask(b"/zip", more=b"Accept-Encoding: gzip\r\n")))[1][b"content-encoding"] == b"gzip"
        await peer.send(ask(b"/hints"))
        assert b"link: </a.css>" in await peer.receive_until(b"\r\n\r\n")
        assert (await peer.response())[2] == b"hinted"
        await peer.send(ask(b"/json", b"HEAD"))
        assert b"content-length: 49\r\n" in (await peer.receive_until(b"\r\n\r\n")).lower()
        await peer.send(ask(b"/stream", b"POST", b"abc"))
        await peer.receive_until(b"\r\n\r\n")
        assert await peer.receive_until(b"x-end: 1\r\n\r\n") == b"3\r\nABC\r\n0\r\nx-end: 1\r\n\r\n"


async def test_a_body_that_is_too_large_is_refused(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/more":
            request.limit_body(20)
        return Response(await request.read())

    async with serving(there_and_back(handler, max_body=10)) as wires, wires.connect() as peer:
        assert (await peer.ask(ask(b"/", b"POST", b"x" * 10)))[0] == 200
        assert (await peer.ask(ask(b"/", b"POST", b"x" * 11)))[0] == 413
        assert (await peer.ask(ask(b"/more", b"POST", b"x" * 11)))[0] == 200
        await peer.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"
        )
        assert (await peer.response())[0] == 413


@pytest.mark.parametrize("reads", [False, True])
async def test_the_handler_is_cancelled_when_the_client_leaves(reads: bool, autojump_clock: Any) -> None:
    ended: list[Any] = []

    async def handler(request: Request) -> Response:
        try:
            if reads:
                await request.read()
            await trio.sleep_forever()
        finally:
            ended.append((request.cancel_reason, trio.current_time()))
        raise AssertionError

    async with serving(there_and_back(handler)) as wires, wires.connect() as peer:
        await peer.send(ask(b"/", b"POST", b"abc") if reads else GET)
        await trio.sleep(1)
        await peer.send_eof()
        await trio.sleep(2)

    ((reason, when),) = ended
    assert reason == "client_gone"
    assert when < 1.2


async def test_the_lifespan_gives_its_state_and_holds_background_work(autojump_clock: Any) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
        events.append("started")
        yield {"database": "db"}
        events.append("ended")

    async def handler(request: Request) -> Response:
        async def later() -> None:
            await trio.sleep(3)
            events.append("worked")

        request.background(later)
        return Response(request.state["database"])

    adapter = there_and_back(handler, lifespan=lifespan)
    async with serving(adapter, lifespan=adapter.lifespan) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"db"
        assert trio.current_time() < 1
        await wires.server.shutdown(grace=10)
        await trio.sleep(5)

    assert events == ["started", "worked", "ended"]


async def test_a_lifespan_that_fails_is_told_to_the_server(autojump_clock: Any) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(server: Any) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    adapter = there_and_back(everything, lifespan=lifespan)
    with pytest.raises(ExceptionGroup) as caught:
        async with serving(adapter, lifespan=adapter.lifespan):
            raise AssertionError("it does not listen")

    assert caught.group_contains(Exception, match="no database", depth=1)


async def test_contexts_end_with_the_answer(autojump_clock: Any) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def resource() -> AsyncIterator[str]:
        events.append("opened")
        yield "x"
        events.append("closed")

    async def handler(request: Request) -> Response:
        value = await request.enter(resource())

        async def produce(send: Callable[[bytes], Awaitable[None]]) -> None:
            assert events[-1] == "opened"
            await send(value.encode())

        return Response(produce, headers={"content-length": "1"})

    async with serving(there_and_back(handler)) as wires, wires.connect() as peer:
        for _ in range(2):
            assert (await peer.ask(GET))[2] == b"x"

    assert events == ["opened", "closed"] * 2


async def test_websockets_come_through(autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def talk(ws: WebSocket) -> None:
        seen.append((ws.subprotocol, ws.request.path, ws.is_open))
        async for message in ws:
            await ws.send(message)
        seen.append((ws.close_code, ws.is_open))

    async def handler(request: Request) -> Response:
        if request.path == "/no":
            return Response("no", status=401)
        return WebSocketResponse(talk, subprotocols=["b"], origins=["https://me"], headers={"x-mine": "1"})

    async with serving(there_and_back(handler)) as wires, wires.connect() as peer:
        assert (await peer.ask(WEBSOCKET.replace(b"/ws", b"/no") + b"\r\n"))[0] == 401
        assert (await peer.ask(WEBSOCKET + b"Origin: https://evil\r\n\r\n"))[0] == 403
        await peer.send(WEBSOCKET + b"Sec-WebSocket-Protocol: a, b\r\n\r\n" + text("hi"))
        head = (await peer.receive_until(b"\r\n\r\n")).lower()
        assert b"x-mine: 1\r\n" in head
        assert b"sec-websocket-protocol: b\r\n" in head
        assert await peer.receive_exactly(4) == text("hi", masked=False)
        await peer.send(close(1001))
        await peer.receive_all()
        await trio.sleep(1)

    assert seen == [("b", "/ws", True), (1001, False)]


async def test_a_hub_is_told_of_the_end_by_whoever_receives_it(autojump_clock: Any) -> None:
    hub = Broadcast()

    async def talk(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hub.join, ws)
            assert [message async for message in ws] == []

    async def handler(request: Request) -> Response:
        return WebSocketResponse(talk)

    async with serving(there_and_back(handler)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        await trio.sleep(1)
        assert hub.publish("x") == 1
        assert await peer.receive_exactly(3) == text("x", masked=False)
        await peer.send(close(1001))
        await trio.sleep(1)
        assert len(hub) == 0


async def test_a_websocket_function_that_fails_closes_with_1011(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(ws: WebSocket) -> None:
        raise ValueError("it broke")

    async def handler(request: Request) -> Response:
        return WebSocketResponse(talk)

    async with serving(there_and_back(handler)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        assert (await peer.receive_exactly(4))[2:] == b"\x03\xf3"
        await peer.send(close(1011))
        await trio.sleep(1)

    assert "it broke" in caplog.text


async def test_a_body_that_cannot_be_sent_is_closed(autojump_clock: Any) -> None:
    closed: list[str] = []

    class Pieces:
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError("nobody is there to take it")

        async def aclose(self) -> None:
            closed.append("closed")

    async def handler(request: Request) -> Response:
        return Response(Pieces(), status=401)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        raise OSError("the client has left")

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "http_version": "1.1",
        "path": "/",
        "headers": [],
        "extensions": {"websocket.http.response": {}},
    }
    with pytest.raises(OSError, match="has left"):
        await as_asgi(handler)(scope, receive, send)

    assert closed == ["closed"]


async def test_scopes_nobody_knows_are_refused(autojump_clock: Any) -> None:
    async def never(*args: Any) -> Any:
        raise AssertionError

    with pytest.raises(RuntimeError, match="'mail' cannot be answered; expected 'http'"):
        await as_asgi(everything)({"type": "mail"}, never, never)
