"""What a server tells of itself: what each connection is doing, and nothing that is secret."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.wires import serving
from trio_http import Client, Request, Response
from trio_http.messages import SendChunk
from trio_http.server import serve_status, status_of, status_page
from trio_http.web import Router
from trio_http.websocket import WebSocket

router = Router()


@router.get("/wait/:name")
async def wait(request: Request) -> Response:
    await trio.sleep_forever()
    raise AssertionError


@router.post("/read")
async def read(request: Request) -> Response:
    return Response(await request.read())


@router.get("/answer")
async def answer(request: Request) -> Response:
    async def producer(send: SendChunk) -> None:
        await send(b"x")
        await trio.sleep_forever()

    return Response(producer)


@router.get("/quick")
async def quick(request: Request) -> Response:
    return Response("quick")


@router.websocket("/ws")
async def talk(ws: WebSocket) -> None:
    await ws.receive()


KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
TALKS = {
    "idle": "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n",
    "head": "GET /quick HTTP/1.1\r\nHo",
    "handling": "GET /wait/ann?token=secret HTTP/1.1\r\nHost: a\r\nAuthorization: secret\r\nCookie: secret\r\n\r\n",
    "body": "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsec",
    "answering": "GET /answer HTTP/1.1\r\nHost: a\r\n\r\n",
    "upgraded": f"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n{KEY}\r\n\r\n",
}


@pytest.mark.parametrize("phase", TALKS)
@pytest.mark.parametrize("kind", ["memory", "virtual"])
async def test_it_tells_what_a_connection_is_doing(kind: str, phase: str, autojump_clock: Any) -> None:
    async with serving(router, kind) as wires, wires.connect() as peer:
        await peer.send(TALKS[phase].encode())
        await trio.sleep(3)
        status = status_of(wires.server)

    [told] = status["connections"]
    assert (told["phase"], told["age"]) == (phase, 3.0)
    assert status["open"] == 1
    assert status["stats"]["connections"] == 1
    assert "secret" not in json.dumps(status)
    if phase == "handling":
        assert (told["method"], told["path"], told["route"]) == ("GET", "/wait/ann", "/wait/:name")
    if phase == "idle":
        assert told["method"] is None
        assert told["deadline"] == 72.0
        assert told["sent"] > 50


async def test_those_at_work_come_first_and_not_all_are_told(autojump_clock: Any) -> None:
    async with serving(router) as wires, wires.connect() as one, wires.connect() as two, wires.connect() as three:
        for peer, phase in ((one, "idle"), (two, "idle"), (three, "handling")):
            await peer.send(TALKS[phase].encode())
            await trio.sleep(1)
        status = status_of(wires.server, most=2)

    assert [each["phase"] for each in status["connections"]] == ["handling", "idle"]
    assert (status["open"], status["active"]) == (3, 1)


async def test_the_page(autojump_clock: Any) -> None:
    async with serving(router) as wires:
        router.add("GET", "/status", status_page(wires.server))
        async with wires.connect() as peer:
            _, fields, body = await peer.ask(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n")

    [told] = json.loads(body)["connections"]
    assert fields[b"cache-control"] == b"no-store"
    assert (told["path"], told["phase"]) == ("/status", "handling")


async def test_its_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "status.sock")
    async with serving(router, "socket") as wires, trio.open_nursery() as nursery:
        await nursery.start(serve_status, wires.server, path)
        async with Client(uds=path) as client:
            status = (await client.get("http://localhost/")).json()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        nursery.cancel_scope.cancel()

    assert status["pid"] == os.getpid()
