"""The examples of the web layer run, and do what they say.

Threads and sockets work here, so no clock jumps.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

import trio_http
from tests.examples import example
from tests.wires import until
from trio_http import Client, Handler, Request, Response, Server
from trio_http.messages import SendChunk


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[Server]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(trio_http.serve, handler, 0)
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A46", "S4.21")
async def test_the_json_api(tmp_path: Path) -> None:
    api = example("web_json_api")
    async with (
        api.open_database(str(tmp_path / "notes.db")) as database,
        served(api.make_app(database)) as server,
        Client(base_url=server.url) as client,
    ):
        made = await client.post("/notes", json={"text": "buy é"})
        assert (made.status, made.json()) == (201, {"id": 1, "text": "buy é", "done": False})
        assert (await client.get(made.headers["location"])).json()["text"] == "buy é"
        assert (await client.put("/notes/1", json={"text": "x", "done": True})).status == 204
        assert (await client.get("/notes?done=1")).json() == [{"id": 1, "text": "x", "done": True}]
        assert (await client.get("/notes?done=0")).json() == []
        assert (await client.get("/notes?done=x")).status == 400
        wrong = await client.post("/notes", json={"text": 1})
        assert (wrong.status, wrong.text()) == (422, "422 Unprocessable Content: .text is a number; expected a text\n")
        assert (await client.get("/notes/7")).status == 404
        assert (await client.get("/notes/x")).status == 404
        assert (await client.patch("/notes/1")).headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
        assert (await client.delete("/notes/1")).status == 204
        assert "Add a note." in (await client.get("/docs")).text()


async def test_the_proxy_says_whose_fault_it_is() -> None:
    proxy = example("web_proxy")
    spare = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{spare.getsockname()[1]}"
    spare.close()  # nobody listens there now

    async with (
        proxy.open_client() as upstream,
        served(proxy.make_proxy(upstream, origin)) as front,
        Client() as client,
    ):
        assert (await client.get(front.url)).status == 502


async def test_no_target_leads_the_proxy_elsewhere() -> None:
    proxy = example("web_proxy")

    async def elsewhere(request: Request) -> Response:
        raise AssertionError(f"{request} came here")

    async def origin(request: Request) -> Response:
        return Response(f"{request.method} {request.target}")

    async with (
        served(elsewhere) as other,
        served(origin) as behind,
        proxy.open_client() as upstream,
        served(proxy.make_proxy(upstream, behind.url)) as front,
    ):
        for target, arrived in (
            (f"{other.url}/x?y", "/x?y"),
            (f"//127.0.0.1:{other.port}/x", f"//127.0.0.1:{other.port}/x"),
            (f"@127.0.0.1:{other.port}/x", None),
        ):
            async with await trio.open_tcp_stream("127.0.0.1", front.port) as peer:
                await peer.send_all(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
                answer = b"".join([data async for data in peer])
            if arrived is None:
                assert answer.startswith(b"HTTP/1.1 400 ")
            else:
                assert answer.endswith(f"GET {arrived}".encode())


async def test_the_proxy_streams_both_ways() -> None:
    proxy = example("web_proxy")
    arrived: list[bytes] = []

    async def origin(request: Request) -> Response:
        if request.path == "/fail":
            return Response("no", status=418, headers={"x-from": "origin", "set-cookie": "user=1"})
        if request.path == "/whoami":
            return Response(request.headers.get("cookie") or "nobody")

        async def produce(send: SendChunk) -> None:
            async for piece in request.body:
                arrived.append(piece)
                await send(piece.upper())

        return Response(produce, headers={"x-method": request.method, "x-query": request.query_string})

    async with (
        served(origin) as behind,
        proxy.open_client() as upstream,
        served(proxy.make_proxy(upstream, behind.url.rstrip("/"))) as front,
        Client(base_url=front.url) as client,
    ):
        send, receive = trio.open_memory_channel[bytes](0)
        async with client.stream("POST", "/x?a=b", content=receive) as response, send:
            assert (response.headers["x-method"], response.headers["x-query"]) == ("POST", "a=b")
            for piece in (b"one", b"two"):
                await send.send(piece)
                assert await response.body.receive_some() == piece.upper()  # before anything more is sent
            await send.aclose()
            assert await response.body.receive_some() == b""
        assert arrived == [b"one", b"two"]
        failed = await client.get("/fail")
        assert (failed.status, failed.headers["x-from"], failed.text()) == (418, "origin", "no")
        async with Client(base_url=front.url) as somebody_else:
            assert (await somebody_else.get("/whoami")).text() == "nobody"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.covers("A44", "A48")
async def test_the_file_server(tmp_path: Path) -> None:
    files = example("web_files")
    async with served(files.make_app(tmp_path)) as server, Client(base_url=server.url) as client:
        data = b"0123456789" * 50_000
        stored = await client.post("/upload", files={"file": ("a.bin", data)}, follow_redirects=False)
        assert stored.status == 303
        assert (tmp_path / "a.bin").read_bytes() == data
        assert (await client.get("/a.bin")).content == data
        part = await client.get("/a.bin", headers={"range": "bytes=10-12"})
        assert (part.status, part.content) == (206, b"012")
        assert 'href="./a.bin"' in (await client.get("/")).text()
        again = await client.post("/upload", files={"file": ("a.bin", b"x")}, follow_redirects=False)
        assert again.status == 409
        assert names_in(tmp_path) == ["a.bin"]


@pytest.mark.covers("A49")
async def test_the_dashboard() -> None:
    dashboard = example("web_dashboard")
    board = dashboard.Board()
    async with served(dashboard.make_app(board)) as server, Client(base_url=server.url) as client:
        assert "EventSource" in (await client.get("/")).text()
        async with client.stream("GET", "/events") as response:
            assert response.headers["content-type"] == "text/event-stream"
            first = await response.body.receive_some()
            assert b"event: values\nid: 0\n" in first
            board.show({"load": 1.5})
            second = await response.body.receive_some()
            assert json.loads(second.split(b"data: ")[1]) == {"load": 1.5}
            assert board.watchers == 1
        await until(lambda: not board.watchers)
