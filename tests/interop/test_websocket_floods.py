"""Floods over loopback, in real time: others are served, and memory stays bounded."""

from __future__ import annotations

import contextlib
import resource
import time
from pathlib import Path

import pytest
import trio

from trio_http import Request, Response, Server, open_websocket
from trio_http.websocket import WebSocket, WebSocketResponse

KEY = b"\x37\xfa\x21\x3d"
OPENING = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
FLOODS = {
    "pings": b"\x89\x80" + KEY,
    "empty fragments": b"\x00\x80" + KEY,
    "empty messages": b"\x81\x80" + KEY,
    "giant header": b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + KEY,
    "unmasked": b"\x81\x01x",
    "bad text": b"\x81\x81" + KEY + b"\xff",
    "final blocks": b"\xc2\xfd\x00\x00",
    "asks and never reads": b"\x81\x84" + KEY + bytes(a ^ b for a, b in zip(b"more", KEY, strict=True)),
}


MUCH = bytes(500_000)


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("flood", FLOODS)
async def test_others_are_served_during_a_flood(flood: str) -> None:
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(MUCH if message == "more" else message)

    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo)

    data = (b"\x01\x80" + KEY if flood == "empty fragments" else b"") + FLOODS[flood] * (65536 // len(FLOODS[flood]))

    async def attack(port: int) -> None:
        """Send without reading, again and again."""
        while True:
            with contextlib.suppress(OSError, trio.BrokenResourceError):
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    await stream.send_all(OPENING)
                    with trio.move_on_after(0.5):
                        while True:
                            await stream.send_all(data)
            await trio.sleep(0.01)

    took = []
    async with trio.open_nursery() as nursery:
        server = Server(handler)
        await nursery.start(server.listen)
        async with open_websocket(f"ws://127.0.0.1:{server.port}/") as ws:
            await ws.send("warm")
            await ws.receive()
            before = memory()
            async with trio.open_nursery() as attackers:
                for _ in range(5):
                    attackers.start_soon(attack, server.port)
                end = time.perf_counter() + 1.5
                while (began := time.perf_counter()) < end:
                    await ws.send("still there?")
                    assert await ws.receive() == "still there?"
                    took.append(time.perf_counter() - began)
                    await trio.sleep(0.002)
                attackers.cancel_scope.cancel()
            grown = memory() - before
        nursery.cancel_scope.cancel()

    took.sort()
    assert took[int(len(took) * 0.99)] < 0.25
    assert grown < 64 << 20
