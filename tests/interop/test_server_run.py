"""A server as a whole program: ``server.run()`` in a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio

from trio_http import Client, ConnectError, Request, Response, Server


async def hello(request: Request) -> Response:
    return Response("hello")


PROGRAM = """
    import trio
    from trio_http import Client, Response, Server
    from trio_http.web import Router

    async def hello(request):
        return Response("hello")

    async def visit():
        async with Client() as client:
            print((await client.get(server.url)).text(), flush=True)
        await trio.sleep_forever()

    class Visited:
        def __init__(self, server): ...
        async def __aenter__(self):
            self.manager = trio.open_nursery()
            nursery = await self.manager.__aenter__()
            nursery.start_soon(self.soon)
        async def soon(self):
            while not server.addresses:
                await trio.sleep(0.01)
            await visit()
        async def __aexit__(self, *error):
            return await self.manager.__aexit__(*error)

    server = Server(Router(), lifespan=Visited)
    server.register_routes([("GET", "/", hello)])
    try:
        server.run()
    except KeyboardInterrupt as error:
        print("interrupted", error.__cause__)
    print("over")
"""


@contextmanager
def program() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()  # or a test that fails would wait for it for ever


@pytest.mark.covers("S4.31")
def test_run_blocks_until_the_server_is_shut_down() -> None:
    answers = []

    async def visit(server: Server) -> None:
        while not server.addresses:
            await trio.sleep(0.01)
        async with Client() as client:
            answers.append((await client.get(server.url)).text())
        await server.shutdown(grace=1)

    @asynccontextmanager
    async def visited(server: Server) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(visit, server)
            yield

    Server(hello, lifespan=visited).run()

    assert answers == ["hello"]


def test_run_ends_with_one_keyboard_interrupt() -> None:
    with program() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hello\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert out.splitlines() == ["interrupted None", "over"]


@pytest.mark.covers("S4.31")
def test_run_tells_that_an_address_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConnectError):
        Server(hello, taken.getsockname()[1]).run()
