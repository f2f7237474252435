"""WebSockets on routes and in resources: the forms of the function, and what is no form at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio.testing

from tests.wires import serving
from trio_http import Client, ConnectionClosed, HandshakeRejected, LocalProtocolError, Request
from trio_http.web import Resource, Router, openapi, websocket
from trio_http.websocket import WebSocket, WebSocketLimits, WebSocketOpCode


@pytest.mark.covers("A54", "A55")
@pytest.mark.parametrize("kind", ["socket", "virtual"])
async def test_a_function_holds_the_websocket_for_its_life(kind: str) -> None:
    router = Router()

    @router.websocket("/echo/:name", subprotocols=["chat"])
    async def echo(ws: WebSocket) -> None:
        assert ws.request.matches == {"name": "me"}
        async for message in ws:
            await ws.send(message)

    async with serving(router, kind) as wires, Client(base_url=wires.server.url) as client:
        async with client.websocket("/echo/me", subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"
            await ws.send("hello")
            assert await ws.receive() == "hello"
            await ws.send(b"\x00\x01")
            assert await ws.receive() == b"\x00\x01"

        assert (await client.get("/echo/me")).status == 426
        assert (await client.post("/echo/me")).status == 405


@pytest.mark.covers("S4.9", "S4.10")
@pytest.mark.parametrize("kind", ["socket", "virtual"])
async def test_a_function_is_called_for_each_event(kind: str) -> None:
    router = Router()
    seen: list[tuple[WebSocketOpCode, str | bytes]] = []

    @router.websocket("/events")
    async def events(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> str | bytes | None:
        seen.append((opcode, payload))
        return payload if opcode in {WebSocketOpCode.TEXT, WebSocketOpCode.BINARY} else None

    async with serving(router, kind) as wires, Client(base_url=wires.server.url) as client:
        async with client.websocket("/events") as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
        await wires.server.shutdown(grace=5)

    assert seen == [(WebSocketOpCode.OPEN, b""), (WebSocketOpCode.TEXT, "hello"), (WebSocketOpCode.CLOSE, b"")]


@pytest.mark.covers("S4.9", "S4.47")
@pytest.mark.parametrize("kind", ["socket", "virtual"])
async def test_the_methods_of_a_resource_have_three_forms(kind: str) -> None:
    class Room(Resource):
        def __init__(self) -> None:
            self.opcodes: list[WebSocketOpCode] = []

        @websocket("/:room/whole", subprotocols=["chat"])
        async def whole(self, ws: WebSocket) -> None:
            await ws.send(f"{ws.request.matches['room']} {ws.subprotocol}")

        @websocket("/:room/scoped", name="scoped")
        async def scoped(self, request: Request, ws: WebSocket) -> None:
            assert ws.request is request
            async for message in ws:
                await ws.send(f"{request.matches['room']}: {message!r}")

        @websocket("/:room/events", origins=["https://good.example"])
        async def events(self, request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> str | bytes | None:
            """Hear of each event."""
            self.opcodes.append(opcode)
            if opcode is WebSocketOpCode.OPEN:
                await request.websocket.send("welcome")
                return b"to the room"
            return payload or None

    room = Room()
    router = Router()
    router.register_routes(room)

    async with serving(router, kind) as wires, Client(base_url=wires.server.url) as client:
        async with client.websocket("/a/whole", subprotocols=["chat"]) as ws:
            assert [message async for message in ws] == ["a chat"]
        async with client.websocket("/b/scoped") as ws:
            await ws.send(b"x")
            assert await ws.receive() == "b: b'x'"
        async with client.websocket("/c/events") as ws:
            await ws.send("echo")
            assert [await ws.receive() for _ in range(3)] == ["welcome", b"to the room", "echo"]
        with pytest.raises(HandshakeRejected, match="403"):
            async with client.websocket("/c/events", headers={"Origin": "https://evil.example"}):
                raise AssertionError("it opened")
        assert (await client.get("/c/events")).status == 426
        await wires.server.shutdown(grace=5)

    assert room.opcodes == [WebSocketOpCode.OPEN, WebSocketOpCode.TEXT, WebSocketOpCode.CLOSE]
    assert router.url_for("Room.whole", room="a") == "/a/whole"
    assert router.url_for("scoped", room="a") == "/a/scoped"
    events = router.describe()[2]
    assert (events.method, events.name, events.summary) == ("GET", "Room.events", "Hear of each event.")


@pytest.mark.covers("A54")
async def test_options_of_the_websocket_are_options_of_the_route(autojump_clock: trio.testing.MockClock) -> None:
    router = Router()

    @router.websocket("/", limits=WebSocketLimits(message=10), compression=None)
    async def echo(request: Request, ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async with (
        serving(router, "virtual") as wires,
        Client(base_url=wires.server.url) as client,
        client.websocket("/") as ws,
    ):
        await ws.send("x" * 10)
        assert await ws.receive() == "x" * 10
        await ws.send("x" * 11)
        with pytest.raises(ConnectionClosed, match="1009"):
            await ws.receive()


async def one_too_many(request: Request, opcode: int, payload: bytes, more: int) -> None: ...


async def none() -> None: ...


async def any_number(*arguments: object) -> None: ...


async def a_keyword(ws: WebSocket, *, needed: int) -> None: ...


@pytest.mark.covers("S4.47")
@pytest.mark.parametrize("function", [one_too_many, none, any_number, a_keyword])
def test_any_other_form_is_refused_when_it_is_registered(function: Callable[..., Awaitable[None]]) -> None:
    class Wrong(Resource):
        method = staticmethod(websocket("/")(function))

    complaint = rf"{function.__name__}\(.* is no function for a WebSocket: expected async def fn\(ws\)"
    with pytest.raises(TypeError, match=complaint):
        Router().websocket("/")(function)
    with pytest.raises(TypeError, match=complaint):
        Router().register_routes(Wrong())


async def with_defaults(request: Request, opcode: WebSocketOpCode, payload: str | bytes, extra: int = 1) -> None: ...


@pytest.mark.covers("A54")
def test_parameters_with_defaults_do_not_count() -> None:
    Router().websocket("/")(with_defaults)


@pytest.mark.covers("A54")
def test_wrong_options_are_told_when_it_is_registered() -> None:
    async def talk(ws: WebSocket) -> None: ...

    with pytest.raises(TypeError, match="give a collection of origins"):
        Router().websocket("/", origins="https://good.example")(talk)
    with pytest.raises(LocalProtocolError, match="no name of a subprotocol"):
        Router().websocket("/", subprotocols=["a b"])(talk)


@pytest.mark.covers("A54")
def test_the_document_knows_it_for_a_websocket() -> None:
    router = Router()

    @router.websocket("/ws")
    async def talk(ws: WebSocket) -> str | None:
        """Talk."""

    operation = openapi(router, title="t", version="1")["paths"]["/ws"]["get"]

    assert operation["summary"] == "Talk."
    assert list(operation["responses"]) == ["101", "426"]
