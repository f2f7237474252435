"""Steps that several tests of the virtual network take: run a program, two hosts and an echo between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
import trio.lowlevel

from trio_http.testing import Link, VirtualNetwork, simulate

Program = Callable[[VirtualNetwork], Awaitable[Any]]


def run(main: Program, **options: Any) -> Any:
    return simulate(main, **options).value


async def nothing(net: VirtualNetwork) -> None:
    pass


async def echo(stream: trio.SocketStream) -> None:
    async with stream:
        try:
            async for data in stream:
                await stream.send_all(data)
        except trio.BrokenResourceError:
            pass


async def two_hosts(net: VirtualNetwork, **link: Any) -> trio.SocketStream:
    """An echo server on "api", and a stream to it from "app"."""
    api, app = net.host("api"), net.host("app")
    if link:
        net.link(api, app, Link(**link))
    await api.start(trio.serve_tcp, echo, 80)
    with app.active():
        return await trio.open_tcp_stream("api", 80)


async def round_trip(stream: trio.SocketStream, data: bytes = b"ping") -> float:
    begun = trio.current_time()
    await stream.send_all(data)
    got = b""
    while len(got) < len(data):
        chunk = await stream.receive_some()
        assert chunk, got
        got += chunk
    assert got == data
    return trio.current_time() - begun


async def pair(net: VirtualNetwork) -> tuple[trio.SocketStream, trio.SocketStream]:
    [listener] = await trio.open_tcp_listeners(80, host="127.0.0.1")
    client = await trio.open_tcp_stream("127.0.0.1", 80)
    server = await listener.accept()
    await listener.aclose()
    return client, server
