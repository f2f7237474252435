"""WebSockets on routes: both forms of the function, and what is no form at all."""

from __future__ import annotations

import pytest

from tests.wires import serving
from trio_http import Client, Request
from trio_http.web import Router
from trio_http.websocket import WebSocket, WebSocketOpCode


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


def test_any_other_form_is_refused_when_it_is_registered() -> None:
    router = Router()

    async def two(request: Request, ws: WebSocket) -> None: ...

    with pytest.raises(TypeError, match=r"takes 2 arguments: .*fn\(ws\), or async def fn\(request, opcode, payload\)"):
        router.websocket("/")(two)
