"""What an idle connection and an open client hold on to: nothing of the requests that are over."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import pytest
import trio

from tests.client.client_peers import Peer, answers, listen, run, serve_app
from trio_http import Client, Request, Response
from trio_http.client._call import Call
from trio_http.client._exchange import Exchange
from trio_http.client._upload import Upload
from trio_http.testing import VirtualNetwork

WAYS = [pytest.param({}, id="straight"), pytest.param({"retry": 2}, id="through everything")]


class Thing:
    """A user's object of which something may hold on: a body, a producer, a callback."""

    def __init__(self, pieces: int = 3) -> None:
        self.pieces = pieces

    def __aiter__(self) -> Thing:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        self.pieces -= 1
        if self.pieces < 0:
            raise StopAsyncIteration
        return b"x" * 10_000


async def ok(request: Request) -> Response:
    await request.inform(103, {})
    await request.read()
    return Response(b"y" * 100_000)


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_idle_connection_holds_nothing_of_its_last_request(how: str, options: Any) -> None:
    async def ask(client: Client) -> list[weakref.ref[Any]]:
        body, progress, told = Thing(), Thing(), Thing()

        def note(*step: object) -> None:
            progress.pieces = 0

        def tell(*step: object) -> None:
            told.pieces = 0

        more: Any = {"content": body, "progress": note, "on_informational": tell, **options}
        if how == "whole":
            response = await client.post("http://api/", **more)
        else:
            async with client.stream("POST", "http://api/", **more) as response:
                await response.read()
        assert (progress.pieces, told.pieces) == (0, 0)
        return [weakref.ref(each) for each in (body, progress, told)]

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, ok)
        async with Client() as client:
            held = await ask(client)
            assert [info.state for info in client.pool.connections] == ["idle"]
            gc.collect()
            assert [each() for each in held] == [None] * 3
            assert [each for each in gc.get_objects() if isinstance(each, Call | Exchange | Upload)] == []

    run(main)


@pytest.mark.parametrize("options", WAYS)
def test_idle_connection_holds_no_bytes_that_were_sent(options: Any) -> None:
    async def take(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(1_000_000)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.buffer = b""
        await answers(peer)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, take)
        async with Client() as client:
            body = b"x" * 1_000_000
            before = sys.getrefcount(body)
            await client.post("http://api/", content=body, **options)
            assert [info.state for info in client.pool.connections] == ["idle"]
            gc.collect()
            assert sys.getrefcount(body) == before

    run(main)
