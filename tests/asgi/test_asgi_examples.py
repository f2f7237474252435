"""The examples of ASGI run, and do what they say."""

from __future__ import annotations

import trio

import trio_http
from tests.examples import example
from trio_http import Client
from trio_http.asgi import ASGIHandler


async def test_starlette() -> None:
    app = example("asgi_starlette").app
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(trio_http.serve_asgi, app, 0)
            async with Client(base_url=server.url) as client:
                assert (await client.get("/countdown")).text() == "3\n2\n1\n"
                assert (await client.post("/order", content=b"Ada")).text() == "thank you, Ada"
                async with client.websocket("/echo") as ws:
                    await ws.send("hi")
                    assert await ws.receive() == "hi"
            await server.shutdown(grace=2)
            assert server.state["letters"] == ["Ada"]


async def test_under_others() -> None:
    handler = ASGIHandler(example("asgi_under_others").app)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            server = trio_http.Server(handler, lifespan=handler.lifespan)
            await nursery.start(server.listen)
            async with Client(base_url=server.url) as client:
                assert (await client.get("/uptime")).json()["seconds"] >= 0
            await server.shutdown(grace=2)
