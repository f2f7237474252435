"""What the client's tests talk to: scripted peers on a virtual network, in virtual time.

A test is a function ``main(net)``, run by ``run``; it fails when a socket, a connection or a task is left at its end.
Peers live on the host ``api``; a script is an ``async def script(peer)`` and is given one connection each, in the
order in which they are accepted; the last one is given all further ones, too.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import trio

from trio_http import Handler, serve
from trio_http.testing import Checks, VirtualNetwork, simulate

Script = Callable[["Peer"], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def run(main: Callable[[VirtualNetwork], Awaitable[Any]], **options: Any) -> Any:
    return simulate(main, **options).value


class Peer:
    """A server that does as it is told."""

    def __init__(self, stream: trio.abc.Stream, number: int) -> None:
        self.stream = stream
        self.number = number
        self.buffer = b""

    async def head(self) -> bytes:
        """The next request's head, with the blank line."""
        return await self.until(b"\r\n\r\n")

    async def until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            data = await self.stream.receive_some()
            assert data, f"the client closed; wanted {end!r} after {self.buffer!r}"
            self.buffer += data
        found, _, self.buffer = self.buffer.partition(end)
        return found + end

    async def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            data = await self.stream.receive_some()
            assert data, f"the client closed after {len(self.buffer)} of {count} bytes"
            self.buffer += data
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            await self.stream.send_all(piece)

    async def answer(self, body: bytes = b"ok", *, status: str = "200 OK", fields: str = "") -> bytes:
        """Take one request without a body, and answer it; returns its head."""
        head = await self.head()
        await self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode(), body)
        return head

    async def end(self) -> None:
        """Wait until the client closes; bytes before that are a fault of the client."""
        data = self.buffer + bytes(await self.stream.receive_some())
        assert data == b"", f"the client was to close, but sent {data!r}"


async def answers(peer: Peer) -> None:
    """Answer 200 "ok" to every request without a body."""
    while True:
        await peer.answer()


async def silence(peer: Peer) -> None:
    """Take everything and say nothing."""
    await trio.sleep_forever()


async def relay(peer: Peer, host: str, port: int) -> None:
    """Pass bytes on in both directions until both sides have ended."""
    async with await trio.open_tcp_stream(host, port) as there, trio.open_nursery() as nursery:

        async def one_way(source: Any, sink: Any) -> None:
            try:
                while data := await source.receive_some():
                    await sink.send_all(data)
            except trio.BrokenResourceError:
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(one_way, peer.stream, there)
        nursery.start_soon(one_way, there, peer.stream)


async def listen(
    net: VirtualNetwork,
    *scripts: Script,
    host: str = "api",
    port: int = 80,
    tls: ssl.SSLContext | None = None,
) -> list[Peer]:
    """Run scripted peers; returns the list to which each connection is added."""
    peers: list[Peer] = []

    async def serve_one(stream: trio.abc.Stream) -> None:
        peer = Peer(stream, len(peers))
        peers.append(peer)
        try:
            async with stream:
                await scripts[min(peer.number, len(scripts) - 1)](peer)
        except (trio.BrokenResourceError, AssertionError) as error:
            if isinstance(error, AssertionError) and not str(error).startswith("the client closed"):
                raise

    where = net.host(host) if host not in {each.name for each in net_hosts(net)} else net_host(net, host)
    if tls is None:
        await where.start(trio.serve_tcp, serve_one, port)
    else:

        async def serve_tls(*, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
            listeners = await trio.open_ssl_over_tcp_listeners(port, tls)
            await trio.serve_listeners(serve_one, listeners, task_status=task_status)

        await where.start(serve_tls)
    return peers


def net_hosts(net: VirtualNetwork) -> list[Any]:
    return list(net._hosts.by_name.values())


def net_host(net: VirtualNetwork, name: str) -> Any:
    return net._hosts.by_name[name]


async def serve_app(net: VirtualNetwork, handler: Handler, *, host: str = "api", **options: Any) -> Any:
    """Run our own server on a host of its own."""
    where = net.host(host)

    async def run_server(*, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        await serve(handler, 80, host="0.0.0.0", task_status=task_status, **options)

    return await where.start(run_server)


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


QUIET = Checks()
