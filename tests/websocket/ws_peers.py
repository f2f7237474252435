"""The other sides of WebSockets of clients: an application that echoes, scripted peers that agree to a handshake."""

from __future__ import annotations

import base64
import hashlib

from tests.client.client_peers import Peer
from trio_http import Request, Response
from trio_http.websocket import WebSocket, WebSocketResponse


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def echoing(request: Request) -> Response:
    return WebSocketResponse(echo, subprotocols=["chat"])


def accept_of(head: bytes) -> bytes:
    """What the server has to say to the key in a request, worked out anew."""
    key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")).split(b": ")[1]
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


async def agree(peer: Peer, fields: bytes = b"", trailing: bytes = b"") -> bytes:
    head = await peer.head()
    await peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept_of(head)
        + b"\r\n"
        + fields
        + b"\r\n"
        + trailing
    )
    return head
