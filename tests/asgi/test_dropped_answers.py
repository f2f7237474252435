"""An answer that nobody sends: middleware drops it, or the client is gone. No application waits for that for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import trio
import trio.testing

from tests.asgi.apps import GET, WEBSOCKET, body, start
from tests.wires import serving
from trio_http import Handler, Request, Response
from trio_http.asgi import ASGIHandler, ClientDisconnected, Message, Receive, Scope, Send, WSGIHandler

CONNECT = b"CONNECT h.example:80 HTTP/1.1\r\nHost: h.example:80\r\n\r\n"
ACCEPT: Message = {"type": "websocket.accept"}


def dropping(handler: Handler) -> Handler:
    """Middleware that thinks better of it."""

    async def around(request: Request) -> Response:
        await handler(request)
        return Response("something else", status=403)

    return around


class App:
    """An application that answers with something that goes on, and says how that ended."""

    def __init__(self, *answer: Message, then: Message, pause: float = 0) -> None:
        self.answer = answer
        self.then = then
        self.pause = pause
        self.ended: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await trio.sleep(self.pause)
        try:
            for message in self.answer:
                await send(message)
            while True:
                await send(self.then)
        except ClientDisconnected:
            self.ended.append("told")
        except trio.Cancelled:
            self.ended.append("cancelled")
            raise


def streaming(**options: Any) -> App:
    return App(start(), then=body(b"x" * 1000, more=True), **options)


def talking(**options: Any) -> App:
    return App(ACCEPT, then={"type": "websocket.send", "text": "x"}, **options)


@pytest.mark.parametrize(
    ("request_head", "app"), [(GET, streaming()), (CONNECT, streaming()), (WEBSOCKET + b"\r\n", talking())]
)
async def test_middleware_drops_it(request_head: bytes, app: App, autojump_clock: Any) -> None:
    async with serving(dropping(ASGIHandler(app))) as wires, wires.connect() as peer:
        assert (await peer.ask(request_head))[0] == 403
        await trio.sleep(5)

        assert len(app.ended) == 1


@pytest.mark.parametrize(
    ("request_head", "app"), [(CONNECT, streaming(pause=1)), (WEBSOCKET + b"\r\n", talking(pause=1))]
)
async def test_the_client_is_gone_before_the_switch(request_head: bytes, app: App, autojump_clock: Any) -> None:
    async with serving(ASGIHandler(app), cancel_on_disconnect=False) as wires:
        async with wires.connect() as peer:
            await peer.send(request_head)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(5)

        assert app.ended == ["told"]


async def test_middleware_drops_what_a_wsgi_application_streams() -> None:
    ended = threading.Event()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        def pieces() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 1000
            finally:
                ended.set()

        start_response("200 OK", [])
        return pieces()

    with trio.fail_after(10):
        async with serving(dropping(WSGIHandler(app))) as wires, wires.connect() as peer:
            assert (await peer.ask(GET))[0] == 403
            assert await trio.to_thread.run_sync(ended.wait, 5)
