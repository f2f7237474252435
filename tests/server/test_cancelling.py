"""A server that is cancelled at any checkpoint leaves nothing open: no connection, no body, no context, no task."""

from __future__ import annotations

from typing import Any

import trio

from tests.wires import MemoryListener, Peer
from trio_http import Request, Response, Server, UpgradeResponse
from trio_http.testing import for_each_cancel_point

REQUESTS = [
    b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /channel HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /entered HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /shielded HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /fails HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
]


class Ledger:
    """What is open."""

    def __init__(self) -> None:
        self.open = 0

    async def __aenter__(self) -> None:
        self.open += 1

    async def __aexit__(self, *error: object) -> None:
        self.open -= 1


class Pieces:
    """A body that has to be closed."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.left = 3
        ledger.open += 1

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(0.1)
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return b"piece"

    async def aclose(self) -> None:
        if self.left >= 0:
            self.left = -1
            self.ledger.open -= 1


async def test_cancelled_at_every_checkpoint(autojump_clock: Any) -> None:
    ledger = Ledger()
    servers: list[Server] = []
    channels: list[trio.MemorySendChannel[bytes]] = []

    async def handler(request: Request) -> Response:
        if request.path == "/echo":
            return Response(await request.read())
        if request.path == "/pieces":
            return Response(Pieces(ledger))
        if request.path == "/channel":
            send, receive = trio.open_memory_channel[bytes](1)
            channels.append(send)
            send.send_nowait(b"from a channel")
            request.background(send.aclose)
            return Response(receive)
        if request.path == "/entered":
            await request.enter(ledger)
            return Response(Pieces(ledger))
        if request.path == "/shielded":
            async with ledger:
                with request.shielded(5):
                    await trio.sleep(1)
        if request.path == "/fails":
            async with ledger:
                raise RuntimeError("trouble")
        if request.path == "/upgrade":
            return UpgradeResponse("x", talk)
        return Response("plain")

    async def talk(stream: trio.abc.Stream) -> None:
        async with ledger:
            await stream.send_all(b"talk")
            await trio.sleep(0.2)

    async def block() -> None:
        listener = MemoryListener()
        server = Server(handler, listeners=[listener])
        servers.append(server)
        async with trio.open_nursery() as nursery:
            await nursery.start(server.listen)
            peer = Peer(listener.connect())
            for request in REQUESTS:
                await peer.send(request)
                end = b"0\r\n\r\n" if b"pieces" in request or b"channel" in request or b"entered" in request else b""
                if end:
                    await peer.receive_until(end)
                elif b"upgrade" in request:
                    await peer.receive_all()
                else:
                    await peer.response()
            await server.shutdown(grace=1)

    def check() -> None:
        server = servers[-1]
        assert not server.connections
        assert not server.monitor.running
        assert server.active == 0
        assert ledger.open == 0
        for channel in channels:
            assert channel.statistics().open_receive_channels == 0
        channels.clear()

    points = await for_each_cancel_point(block, check=check)

    assert len(points) > 100
