"""Handlers of ours on asyncio, where trio is a guest: calls made by hand, and how each ends.

Two loops run here, so no clock jumps; nothing waits for time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from trio_http import Request, Response
from trio_http.asgi import ASGIApplication, Message, as_asgi

SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [(b"content-length", b"5")],
}


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on asyncio; whatever its loop complains of is an error."""
    complaints: list[Any] = []

    async def complaining() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        await asyncio.wait_for(main, 10)

    asyncio.run(complaining())
    assert complaints == []


class Lifespan:
    """The server's side of a lifespan."""

    def __init__(self, app: ASGIApplication) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self.task = asyncio.ensure_future(app(scope, self._messages.get, self._told.put))

    async def say(self, what: str) -> None:
        await self._messages.put({"type": f"lifespan.{what}"})
        assert (await self._told.get())["type"] == f"lifespan.{what}.complete"


@asynccontextmanager
async def living(app: ASGIApplication) -> AsyncIterator[Lifespan]:
    lifespan = Lifespan(app)
    await lifespan.say("startup")
    yield lifespan
    if not lifespan.task.done():
        await lifespan.say("shutdown")
        await lifespan.task


async def never() -> Message:
    return await asyncio.get_running_loop().create_future()


def test_a_request_is_answered() -> None:
    async def main() -> None:
        async def handler(request: Request) -> Response:
            return Response(b"<" + await request.read() + b">")

        told: list[Message] = []

        async def send(message: Message) -> None:
            told.append(message)

        app = as_asgi(handler)
        async with living(app):
            for _ in range(2):
                whole = iter([{"type": "http.request", "body": b"hello", "more_body": False}])

                async def receive(whole: Iterator[Message] = whole) -> Message:
                    return next(whole, None) or await never()

                await app(dict(SCOPE), receive, send)
        assert [message.get("body") for message in told] == [None, b"<hello>"] * 2

    run(main())


class Waiting:
    """A handler that waits for ever, in a nursery, as handlers do."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended: list[str] = []

    async def __call__(self, request: Request) -> Response:
        self.began.set()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                await request.read()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        raise AssertionError


@pytest.mark.parametrize("by", ["the server", "the end of the lifespan"])
def test_a_call_that_is_cancelled_cancels_the_handler(by: str) -> None:
    async def main() -> None:
        handler = Waiting()
        app = as_asgi(handler)
        async with living(app) as lifespan:
            call = asyncio.ensure_future(app(dict(SCOPE), never, never))  # type: ignore[arg-type]
            await handler.began.wait()
            if by == "the server":
                call.cancel()
            else:
                await lifespan.say("shutdown")
            with pytest.raises(asyncio.CancelledError):
                await call
            if by != "the server":
                await lifespan.task
        assert handler.ended

    run(main())


def test_an_error_beside_a_cancellation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        began = asyncio.Event()

        async def handler(request: Request) -> Response:
            began.set()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                try:
                    await trio.sleep_forever()
                finally:
                    raise ValueError("cannot put it away")

        app = as_asgi(handler)
        async with living(app):
            call = asyncio.ensure_future(app(dict(SCOPE), never, never))  # type: ignore[arg-type]
            await began.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    run(main())
    assert "cannot put it away" in caplog.text
