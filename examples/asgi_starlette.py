"""A Starlette application on trio: its lifespan, a stream, a WebSocket, and work after the answer.

It needs ``pip install starlette``. Run it: ``python examples/asgi_starlette.py``, then ask it:
``curl http://127.0.0.1:8000/countdown`` and ``curl -d Ann http://127.0.0.1:8000/order``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import trio_http


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    async with trio.open_nursery() as nursery:  # it runs on trio, so trio's own things work
        yield {"nursery": nursery, "letters": []}
        nursery.cancel_scope.cancel()


async def countdown(request: Request) -> Response:
    async def numbers() -> AsyncIterator[str]:
        for number in range(3, 0, -1):
            yield f"{number}\n"
            await trio.sleep(0.01)

    return StreamingResponse(numbers(), media_type="text/plain")


async def order(request: Request) -> Response:
    name = (await request.body()).decode()

    async def write_letter() -> None:  # the client has its answer by then, and may leave
        await trio.sleep(0.01)
        request.state.letters.append(name)

    return PlainTextResponse(f"thank you, {name}", background=BackgroundTask(write_letter))


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/countdown", countdown),
        Route("/order", order, methods=["POST"]),
        WebSocketRoute("/echo", echo),
    ],
)

if __name__ == "__main__":
    trio.run(trio_http.serve_asgi, app, 8000)
