"""Without a network: a listener in memory, and handlers that are asked directly."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_http import Client, Request, Response, Server
from trio_http.testing import MemoryListener


async def hello(request: Request) -> Response:
    return Response(f"hello {request.path}")


@pytest.mark.covers("C1")
async def test_a_server_is_reached_in_memory(autojump_clock: Any) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, listeners=[listener]).listen)
        for path in (b"/a", b"/b"):
            async with listener.connect() as stream:
                await stream.send_all(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)

                assert (await stream.receive_some()).endswith(b"hello " + path)
        await server.shutdown()


@pytest.mark.covers("C1")
async def test_connections_that_nobody_accepts_end_with_their_listener(autojump_clock: Any) -> None:
    listener = MemoryListener()
    first, second = listener.connect(), listener.connect()

    await listener.aclose()

    for stream in (first, second):
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        listener.connect()
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


@pytest.mark.covers("C1")
async def test_a_cancelled_accept_loses_no_connection(autojump_clock: Any) -> None:
    listener = MemoryListener()
    with trio.move_on_after(1):
        await listener.accept()
    stream = listener.connect()
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.accept()

    accepted = await listener.accept()
    await stream.send_all(b"x")

    assert await accepted.receive_some() == b"x"
    await listener.aclose()


@pytest.mark.covers("C14")
async def test_a_client_asks_a_handler_in_its_own_task(autojump_clock: Any) -> None:
    async with Client(app=hello, base_url="http://app") as client:
        assert (await client.get("/x")).text() == "hello /x"


@pytest.mark.covers("C25")
async def test_what_a_handler_raises_comes_out_of_the_client(autojump_clock: Any) -> None:
    async def fail(request: Request) -> Response:
        raise ValueError("the real error")

    async with Client(app=fail, base_url="http://app") as client:
        with pytest.raises(ValueError, match="the real error"):
            await client.get("/")


@pytest.mark.covers("C1")
async def test_a_listener_closes_all_that_waits_also_when_it_is_cancelled(autojump_clock: Any) -> None:
    listener = MemoryListener()
    waiting = [listener.connect(), listener.connect()]

    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.aclose()

    for stream in waiting:
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
