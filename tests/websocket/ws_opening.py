"""Opening a WebSocket by hand on a server under test."""

from __future__ import annotations

from ws_pairs import Hand

from tests.wires import Peer

KEY_FIELD = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3


def opening(fields: dict[str, str | None] | None = None, *, line: str = "GET /ws HTTP/1.1") -> bytes:
    """A handshake with some fields changed, added, or (None) left out."""
    all_fields: dict[str, str | None] = {
        "Host": "a",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY_FIELD,
        "Sec-WebSocket-Version": "13",
        **(fields or {}),
    }
    lines = [f"{name}: {value}" for name, value in all_fields.items() if value is not None]
    return "\r\n".join([line, *lines, "", ""]).encode()


async def shake(peer: Peer, fields: dict[str, str | None] | None = None, trailing: bytes = b"") -> dict[bytes, bytes]:
    """Open a WebSocket by hand; the fields of the 101."""
    await peer.send(opening(fields) + trailing)
    head = await peer.receive_until(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    assert first.startswith(b"HTTP/1.1 101 "), head
    return {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}


def hand(peer: Peer) -> Hand:
    made = Hand(peer.stream)
    made.buffer = peer.buffer
    return made
