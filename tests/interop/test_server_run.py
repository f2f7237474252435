"""A server as a whole program: ``server.run()`` in a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from trio_http import ConnectError, Request, Response, Server


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
        {then}

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


def program(then: str) -> subprocess.Popen[str]:
    text = textwrap.dedent(PROGRAM).replace("{then}", then)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)


@pytest.mark.covers("S4.31")
def test_run_blocks_until_the_server_is_shut_down() -> None:
    with program("await server.shutdown(grace=1)") as process:
        out, _ = process.communicate(timeout=30)

    assert out.split() == ["hello", "over"]
    assert process.returncode == 0


@pytest.mark.covers("S4.31")
def test_run_ends_with_one_keyboard_interrupt() -> None:
    with program("await trio.sleep_forever()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hello\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert out.splitlines() == ["interrupted None", "over"]


@pytest.mark.covers("S4.31")
def test_run_tells_that_an_address_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConnectError):
        Server(hello, taken.getsockname()[1]).run()
