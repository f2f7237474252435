"""Handlers of ours under the ASGI servers of other people: hypercorn on trio, and uvicorn on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import hypercorn.config
import hypercorn.trio
import pytest
import trio
import uvicorn

from trio_http import Client, Request, Response
from trio_http.asgi import as_asgi
from trio_http.web import JsonResponse, Router
from trio_http.websocket import WebSocket

pytestmark = pytest.mark.covers("A74")

router = Router()
events: list[str] = []


@contextlib.asynccontextmanager
async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
    async with trio.open_nursery() as nursery:
        events.append("started")
        yield {"began": trio.current_time()}
        events.append("ended")
        nursery.cancel_scope.cancel()


@router.get("/json/:name")
async def as_json(request: Request) -> Response:
    await trio.sleep(0.01)  # needs trio
    return JsonResponse({"name": request.matches["name"], "state": "began" in request.state})


@router.post("/echo")
async def echo(request: Request) -> Response:
    async def produce(send: Callable[[bytes], Awaitable[None]]) -> None:
        async for piece in request.body:
            await send(piece)

    return Response(produce)


@router.get("/slow")
async def slow(request: Request) -> Response:
    try:
        await trio.sleep_forever()
    finally:
        events.append(f"slow: {request.cancel_reason}")
    raise AssertionError


@router.get("/work")
async def work(request: Request) -> Response:
    async def later() -> None:
        await trio.sleep(0.1)
        events.append("worked")

    request.background(later)
    return Response("accepted")


@router.websocket("/ws")
async def talk(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def use(url: str) -> None:
    """Ask for everything."""
    async with Client(base_url=url, timeout=10) as client:
        for _ in range(3):
            assert (await client.get("/json/you")).json() == {"name": "you", "state": True}
        assert len((await client.post("/echo", content=b"x" * 1_000_000)).content) == 1_000_000
        assert (await client.get("/nowhere")).status == 404
        assert (await client.get("/work")).text() == "accepted"
        async with client.websocket("/ws") as ws:
            await ws.send("hi")
            assert await ws.receive() == "hi"
            await ws.send(b"\0")
            assert await ws.receive() == b"\0"
    async with Client(base_url=url) as client:
        with trio.move_on_after(0.3):
            await client.get("/slow")
    with trio.fail_after(5):
        while not {"worked", "slow: client_gone"} <= set(events):
            await trio.sleep(0.02)


async def test_hypercorn_on_trio() -> None:
    events.clear()
    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    stop = trio.Event()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            serve = functools.partial(
                hypercorn.trio.serve,
                as_asgi(router, lifespan=lifespan),  # type: ignore[arg-type]  # its own types for scopes
                config,
                shutdown_trigger=stop.wait,
                mode="asgi",
            )
            (url,) = await nursery.start(serve)
            await use(url)
            stop.set()

    assert events[0] == "started"
    assert events[-1] == "ended"


@contextlib.contextmanager
def uvicorn_running(app: Any, **options: Any) -> Iterator[str]:
    """Run uvicorn, on asyncio, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", ws="websockets-sansio", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


async def test_uvicorn_on_asyncio() -> None:
    events.clear()
    with trio.fail_after(20), uvicorn_running(as_asgi(router, lifespan=lifespan), lifespan="on") as url:
        await use(url)

    assert events[0] == "started"
    assert events[-1] == "ended"


async def test_uvicorn_without_lifespan_says_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    failures: list[BaseException] = []
    app = as_asgi(router)

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            failures.append(error)
            raise

    with trio.fail_after(20), uvicorn_running(watched, lifespan="off") as url:
        async with Client(base_url=url) as client:
            assert (await client.get("/json/you")).status == 500

    assert "switch the server's lifespan protocol on (uvicorn: --lifespan on)" in str(failures[0])
