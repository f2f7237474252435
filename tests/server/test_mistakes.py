"""What people get wrong about a server is told where they got it wrong, with what to do instead."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from trio_http import ConnectError, Request, Response, Server, ServerLimits, ServerTimeouts, serve


async def hello(request: Request) -> Response:
    return Response("hello")


async def starts(server: Server) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timeouts": 5}, r"timeouts=5: expected ServerTimeouts\(\.\.\.\)"),
        ({"limits": ServerTimeouts()}, r"limits=ServerTimeouts\(.*: expected ServerLimits"),
        ({"timeouts": ServerLimits()}, r"expected ServerTimeouts"),
        ({"ssl_context": "cert.pem"}, r"ssl_context='cert\.pem': expected an ssl\.SSLContext; make_context"),
        ({"ssl_context": ssl.create_default_context()}, r"for clients: say .*ssl\.Purpose\.CLIENT_AUTH"),
        ({"lifespan": starts}, r"lifespan=starts: put @contextlib\.asynccontextmanager above"),
        ({"lifespan": hello}, r"asynccontextmanager"),
    ],
)
def test_an_option_of_another_type_is_named(options: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Server(hello, **options)


@pytest.mark.parametrize("port", [70000, -1, "8000"])
async def test_a_port_that_is_none_is_refused(port: Any) -> None:
    with pytest.raises(ConnectError, match=f"cannot listen on port {port!r}: expected a number from 0"):
        await serve(hello, port)


async def test_an_address_of_another_machine_is_told_from_a_port_that_is_taken() -> None:
    with pytest.raises(ConnectError, match=r"port 0 of 203\.0\.113\.77: .*\. Give an address of this machine"):
        await Server(hello, 0, host="203.0.113.77").listen()


async def test_a_server_listens_once(nursery: trio.Nursery) -> None:
    server = Server(hello, 0)
    await nursery.start(server.listen)

    with pytest.raises(RuntimeError, match="a Server serves once, so make another one"):
        await server.listen()

    assert len(server.listeners) == 1
    nursery.cancel_scope.cancel()


def test_background_work_is_given_and_not_called() -> None:
    async def letter() -> None: ...

    with pytest.raises(TypeError, match=r"say request\.background\(letter, \.\.\.\)"):
        Request("POST", "/").background(letter())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected an async function and its arguments"):
        Request("POST", "/").background("letter")  # type: ignore[arg-type]


def test_a_body_that_was_not_awaited_is_told() -> None:
    with pytest.raises(TypeError, match=r"a body of type coroutine \(a forgotten await\?\)"):
        Response(Request("GET", "/").text())  # type: ignore[arg-type]
