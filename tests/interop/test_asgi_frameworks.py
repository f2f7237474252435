"""Applications of other people's frameworks under serve_asgi, on real sockets."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import fastapi
import pytest
import quart
import quart_trio
import starlette.applications
import starlette.background
import starlette.middleware
import starlette.middleware.base
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.websockets
import trio
import trustme
from litestar import Litestar, get as litestar_get, post as litestar_post
from litestar.response import Stream as LitestarStream

import trio_http
from trio_http import Client, Server
from trio_http.asgi import ASGIApplication

pytestmark = pytest.mark.covers("A72")


@contextlib.asynccontextmanager
async def running(app: ASGIApplication, **options: Any) -> AsyncIterator[tuple[Server, Client]]:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(lambda **status: trio_http.serve_asgi(app, 0, **options, **status))
            async with Client(base_url=server.url) as client:
                yield server, client
            report = await server.shutdown(grace=2)
            assert not report.cut


# ---------------------------------------------------------------- Starlette

events: list[str] = []


@contextlib.asynccontextmanager
async def starlette_lifespan(app: starlette.applications.Starlette) -> AsyncIterator[dict[str, Any]]:
    async with anyio.create_task_group() as tasks:  # background tasks of the application itself
        events.append("started")
        yield {"tasks": tasks, "name": "starlette"}
        events.append("ended")
        tasks.cancel_scope.cancel()


async def st_echo(request: starlette.requests.Request) -> starlette.responses.Response:
    return starlette.responses.JSONResponse(
        {"path": request.url.path, "body": (await request.body()).decode(), "state": request.state.name}
    )


async def st_upload(request: starlette.requests.Request) -> starlette.responses.Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return starlette.responses.PlainTextResponse(str(size))


async def st_form(request: starlette.requests.Request) -> starlette.responses.Response:
    async with request.form() as form:
        upload: Any = form["f"]
        return starlette.responses.PlainTextResponse(f"{upload.filename} {len(await upload.read())}")


async def st_stream(request: starlette.requests.Request) -> starlette.responses.Response:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d\n" % number
            if not number % 10:
                await anyio.lowlevel.checkpoint()

    return starlette.responses.StreamingResponse(pieces())


async def st_endless(request: starlette.requests.Request) -> starlette.responses.Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"tick\n"
            await anyio.sleep(0.01)

    return starlette.responses.StreamingResponse(pieces())


async def st_background(request: starlette.requests.Request) -> starlette.responses.Response:
    async def work() -> None:
        await anyio.sleep(0.3)
        events.append("mail sent")

    return starlette.responses.PlainTextResponse("accepted", background=starlette.background.BackgroundTask(work))


async def st_thread(request: starlette.requests.Request) -> starlette.responses.Response:
    return starlette.responses.PlainTextResponse(await anyio.to_thread.run_sync(lambda: "from a thread"))


async def st_boom(request: starlette.requests.Request) -> starlette.responses.Response:
    raise ValueError("it broke")


async def st_websocket(ws: starlette.websockets.WebSocket) -> None:
    if "secret" not in ws.query_params:
        await ws.send_denial_response(starlette.responses.PlainTextResponse("no", 401))
        return
    await ws.accept(subprotocol="chat", headers=[(b"x-mine", b"1")])
    async for text in ws.iter_text():
        await ws.send_json({"got": text})


class Timing(starlette.middleware.base.BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-middleware"] = "1"
        return response


def starlette_app(tmp_path: Path, *, middleware: bool) -> starlette.applications.Starlette:
    route = starlette.routing.Route

    async def st_file(request: starlette.requests.Request) -> starlette.responses.Response:
        return starlette.responses.FileResponse(tmp_path / "file", filename="f.bin")

    return starlette.applications.Starlette(
        routes=[
            route("/echo", st_echo, methods=["GET", "POST"]),
            route("/upload", st_upload, methods=["POST"]),
            route("/form", st_form, methods=["POST"]),
            route("/stream", st_stream),
            route("/endless", st_endless),
            route("/background", st_background),
            route("/thread", st_thread),
            route("/file", st_file),
            route("/boom", st_boom),
            starlette.routing.WebSocketRoute("/ws", st_websocket),
        ],
        lifespan=starlette_lifespan,
        middleware=[starlette.middleware.Middleware(Timing)] if middleware else [],
    )


# Starlette leaves the generator of a stream that is cut short to the garbage collector, which trio complains about.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("middleware", [False, True])
async def test_starlette(middleware: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events.clear()
    (tmp_path / "file").write_bytes(b"x" * 200_000)
    async with running(starlette_app(tmp_path, middleware=middleware)) as (server, client):
        assert events == ["started"]
        answer = await client.post("/echo", content=b"hello")
        assert answer.json() == {"path": "/echo", "body": "hello", "state": "starlette"}
        assert ("x-middleware" in answer.headers) is middleware
        assert (await client.post("/upload", content=b"x" * 3_000_000)).text() == "3000000"
        form = await client.post("/form", files={"f": ("a.txt", b"abc")})
        assert form.text() == "a.txt 3"
        assert len((await client.get("/stream")).text().splitlines()) == 100
        assert (await client.get("/thread")).text() == "from a thread"
        file = await client.get("/file")
        assert (len(file.content), file.headers["content-length"]) == (200_000, "200000")
        assert (await client.head("/file")).headers["content-length"] == "200000"
        part = await client.get("/file", headers={"Range": "bytes=5-9"})
        assert (part.status, part.content) == (206, b"xxxxx")
        assert (await client.get("/nowhere")).status == 404
        boom = await client.get("/boom")
        assert (boom.status, boom.text()) == (500, "Internal Server Error")
        assert "it broke" in caplog.text

        caplog.clear()
        async with client.stream("GET", "/endless") as answer:
            assert await answer.body.receive_some() != b""
        for _ in range(100):
            if not server.active:
                break
            await trio.sleep(0.02)
        assert not server.active
        assert not [record for record in caplog.records if record.levelname == "ERROR"]

        began = trio.current_time()
        assert (await client.get("/background")).text() == "accepted"
        assert trio.current_time() - began < 0.25
        assert "mail sent" not in events

        async with client.websocket("/ws?secret=1", subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"
            await ws.send("hi")
            assert await ws.receive_json() == {"got": "hi"}
        with pytest.raises(trio_http.HandshakeRejected) as denied:
            async with client.websocket("/ws"):
                pass
        assert denied.value.response.status == 401

    assert events[-1] == "ended"
    assert "mail sent" in events


# ---------------------------------------------------------------- FastAPI


def fastapi_app() -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    async def database() -> AsyncIterator[str]:
        events.append("opened")
        yield "database"
        events.append("closed")

    @app.get("/items/{number}")
    async def item(number: int, db: str = fastapi.Depends(database)) -> dict[str, Any]:
        return {"number": number, "db": db}

    @app.get("/sync")
    def sync() -> str:  # FastAPI runs it in a thread
        return "sync"

    @app.post("/items")
    async def add(item: dict[str, int], background: fastapi.BackgroundTasks) -> dict[str, int]:
        background.add_task(events.append, "later")
        return item

    @app.websocket("/ws")
    async def ws(websocket: fastapi.WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_bytes(await websocket.receive_bytes())

    return app


async def test_fastapi(caplog: pytest.LogCaptureFixture) -> None:
    events.clear()
    async with running(fastapi_app()) as (_, client):
        assert (await client.get("/items/7")).json() == {"number": 7, "db": "database"}
        assert (await client.get("/items/seven")).status == 422
        assert (await client.get("/sync")).json() == "sync"
        assert (await client.post("/items", json={"a": 1})).json() == {"a": 1}
        assert "/items" in (await client.get("/openapi.json")).json()["paths"]
        async with client.websocket("/ws") as ws:
            await ws.send(b"\0")
            assert await ws.receive() == b"\0"
        await trio.sleep(0.1)

    assert {"opened", "closed", "later"} <= set(events)
    assert not [record for record in caplog.records if record.levelname == "ERROR"], (
        "an endpoint that ends by WebSocketDisconnect is no error"
    )


# ---------------------------------------------------------------- Quart-Trio


def quart_app() -> quart_trio.QuartTrio:
    app = quart_trio.QuartTrio(__name__)

    @app.before_serving
    async def begin() -> None:
        events.append("started")
        app.nursery.start_soon(trio.sleep_forever)

    @app.after_serving
    async def end() -> None:
        events.append("ended")

    @app.route("/echo", methods=["POST"])
    async def echo() -> Any:
        await trio.lowlevel.checkpoint()
        return await quart.request.get_data()

    @app.route("/json")
    async def json() -> Any:
        return {"trio": trio.current_time() > 0}

    @app.route("/slow")
    async def slow() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            events.append("cancelled")

    @app.route("/stream")
    async def stream() -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(10):
                await trio.lowlevel.checkpoint()
                yield b"%d" % number

        return pieces(), 200, {"x-mine": "1"}

    @app.websocket("/ws")
    async def ws() -> None:
        while True:
            await quart.websocket.send(await quart.websocket.receive())

    return app


async def test_quart_trio() -> None:
    events.clear()
    async with running(quart_app()) as (_, client):
        assert (await client.post("/echo", content=b"abc")).content == b"abc"
        assert (await client.get("/json")).json() == {"trio": True}
        answer = await client.get("/stream")
        assert (answer.text(), answer.headers["x-mine"]) == ("0123456789", "1")
        with trio.move_on_after(0.3):
            await client.get("/slow")
        for _ in range(100):
            if "cancelled" in events:
                break
            await trio.sleep(0.02)
        async with client.websocket("/ws") as ws:
            await ws.send("hi")
            assert await ws.receive() == "hi"

    assert events == ["started", "cancelled", "ended"]


# ---------------------------------------------------------------- Litestar


@litestar_get("/hello/{name:str}")
async def ls_hello(name: str) -> dict[str, str]:
    return {"hello": name}


@litestar_post("/echo")
async def ls_echo(data: dict[str, int]) -> dict[str, int]:
    return data


@litestar_get("/stream")
async def ls_stream() -> LitestarStream:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(10):
            await anyio.lowlevel.checkpoint()
            yield b"%d" % number

    return LitestarStream(pieces())


@pytest.mark.filterwarnings("ignore:.*declared")
async def test_litestar() -> None:
    async with running(Litestar([ls_hello, ls_echo, ls_stream], openapi_config=None)) as (_, client):
        assert (await client.get("/hello/you")).json() == {"hello": "you"}
        assert (await client.post("/echo", json={"a": 1})).json() == {"a": 1}
        assert (await client.get("/stream")).text() == "0123456789"
        assert (await client.get("/nowhere")).status == 404


# ---------------------------------------------------------------- TLS with client certificates


async def test_the_certificate_of_a_client_is_told() -> None:
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.configure_trust(server_side)
    server_side.verify_mode = ssl.CERT_OPTIONAL
    server_side.set_alpn_protocols(["http/1.1"])
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    authority.issue_cert("me@example.org", common_name="Me, Myself").configure_cert(client_side)
    anonymous = ssl.create_default_context()
    authority.configure_trust(anonymous)
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["scheme"], scope["extensions"].get("tls")))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                lambda **status: trio_http.serve_asgi(app, 0, ssl_context=server_side, lifespan="off", **status)
            )
            for context in (client_side, anonymous):
                async with Client(base_url=server.url, ssl_context=context) as client:
                    assert (await client.get("/")).status == 200
            await server.shutdown(1)

    (scheme, tls), (_, nobody) = seen
    assert scheme == "https"
    assert tls["client_cert_name"].endswith("CN=Me\\, Myself") or tls["client_cert_name"].startswith("CN=Me\\, Myself")
    assert tls["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----")
    assert tls["tls_version"] == 0x0304
    assert nobody["client_cert_chain"] == []
    assert nobody["client_cert_name"] is None
