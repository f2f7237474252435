"""Applications and small tools that several tests of ASGI use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from trio_http import Handler, Request, Response
from trio_http.asgi import ASGIApplication, ASGIHandler, Message, Receive, Scope, Send

WAYS = ["pushed", "returned"]
both_ways = pytest.mark.parametrize("way", WAYS)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WEBSOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def start(status: int = 200, headers: Iterable[tuple[bytes, bytes]] = (), **more: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*messages: Message) -> ASGIApplication:
    """An application that sends just these."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def behind_middleware(app: ASGIApplication, **options: Any) -> Handler:
    """The same application where somebody stands around the handler, so that it cannot push."""
    handler = ASGIHandler(app, **options)

    async def around(request: Request) -> Response:
        response = await handler(request)
        response.headers["x-around"] = str(response.status)
        return response

    return around


def handler_of(app: ASGIApplication, way: str, **options: Any) -> Handler:
    return ASGIHandler(app, **options) if way == "pushed" else behind_middleware(app, **options)


async def read_all(receive: Receive) -> bytes:
    data = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        data += message["body"]
        if not message["more_body"]:
            return data


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body of the request."""
    data = await read_all(receive)
    await send(start())
    await send(body(data))
