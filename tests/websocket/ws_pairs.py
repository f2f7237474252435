"""Two ends of a WebSocket in memory, without a handshake; and one end against bytes written by hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import trio
import trio.testing
from ws_kit import frame, parse

from trio_http import Request
from trio_http.transport import StreamTransport
from trio_http.websocket import Keepalive, WebSocket, WebSocketLimits, WebSocketTimeouts
from trio_http.websocket._deflate import Agreement, Deflate
from trio_http.websocket._open import LiveWebSocket, OpenWebSocket
from trio_http.websocket._session import Session

AGREED = Agreement(Deflate(threshold=0), 12, True, 12, True)


def end(
    stream: trio.abc.Stream,
    *,
    client: bool = False,
    deflate: Agreement | None = None,
    limits: WebSocketLimits | None = None,
    timeouts: WebSocketTimeouts | None = None,
    keepalive: Keepalive | None = None,
    trailing: bytes = b"",
) -> OpenWebSocket:
    """One end over a trio stream."""
    session = Session(
        StreamTransport(stream),
        trailing,
        client=client,
        deflate=deflate,
        limits=limits or WebSocketLimits(),
        timeouts=timeouts or WebSocketTimeouts(),
        keepalive=keepalive,
    )
    live = LiveWebSocket(WebSocket(session, request=Request("GET", "/ws"), subprotocol=None), session)

    async def begin() -> LiveWebSocket:
        return live

    return OpenWebSocket(begin)


@contextlib.asynccontextmanager
async def pair(**options: Any) -> AsyncIterator[tuple[WebSocket, WebSocket]]:
    """A client and a server; the block leaves the client first."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with end(theirs, **options) as server, end(ours, client=True, **options) as client:
        yield client, server


async def drain(ws: WebSocket) -> None:
    """Receive until it is closed; raises what tells of that."""
    while True:
        await ws.receive()


class Hand:
    """The peer of a WebSocket, who writes and reads frames by hand."""

    def __init__(self, stream: trio.abc.Stream, *, masked: bool = True) -> None:
        self.stream = stream
        self.masked = masked
        self.buffer = b""

    async def send(self, opcode: int, payload: bytes = b"", **options: Any) -> None:
        await self.stream.send_all(frame(opcode, payload, masked=self.masked, **options))

    async def receive(self) -> tuple[int, bytes] | None:
        """The next frame as (first byte, payload); None at the end of the stream."""
        while True:
            size = self.complete()
            if size:
                data, self.buffer = self.buffer[:size], self.buffer[size:]
                return parse(data)[0]
            data = bytes(await self.stream.receive_some(65536))
            if not data:
                assert not self.buffer, "the stream ended within a frame"
                return None
            self.buffer += data

    def complete(self) -> int:
        """The size of the first frame in the buffer, 0 if it is not complete."""
        data = self.buffer
        if len(data) < 2:
            return 0
        size, start = data[1] & 127, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        size += start + (4 if data[1] & 128 else 0)
        return size if len(data) >= size else 0

    async def close_frame(self) -> tuple[int, str]:
        """Code and reason of the next frame, which has to be a close frame."""
        found = await self.receive()
        assert found is not None, "the stream ended without a close frame"
        assert found[0] == 0x88, found
        return int.from_bytes(found[1][:2], "big"), found[1][2:].decode()


def by_hand(*, client: bool = False, **options: Any) -> tuple[OpenWebSocket, Hand]:
    """One end, and its peer by hand."""
    ours, theirs = trio.testing.memory_stream_pair()
    return end(ours, client=client, **options), Hand(theirs, masked=not client)
