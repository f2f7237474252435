"""What the tests of WebSockets share: frames written by hand, and connections fed with them.

The frames here are written anew from RFC 6455 section 5.2, byte by byte, so that they can disagree with the code
under test.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from trio_http.websocket._frames import FrameConnection

KEY = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True, key: bytes = KEY
) -> bytes:
    """One frame; masked, as a client sends it, unless said otherwise."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(payload)
    if size < 126:
        head = bytes([first, size])
    elif size < 1 << 16:
        head = bytes([first, 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    body = bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))
    return bytes([head[0], head[1] | 0x80]) + head[2:] + key + body


def text(payload: str | bytes, **options: object) -> bytes:
    return frame(1, payload.encode() if isinstance(payload, str) else payload, **options)  # type: ignore[arg-type]


def binary(payload: bytes, **options: object) -> bytes:
    return frame(2, payload, **options)  # type: ignore[arg-type]


def close(code: int | None = None, reason: bytes = b"", **options: object) -> bytes:
    payload = b"" if code is None else code.to_bytes(2, "big") + reason
    return frame(8, payload, **options)  # type: ignore[arg-type]


def deflated(payload: bytes, bits: int = 15) -> bytes:
    """The payload of one message, compressed as RFC 7692 section 7.2.1 says."""
    made = zlib.compressobj(wbits=-bits)
    return (made.compress(payload) + made.flush(zlib.Z_SYNC_FLUSH))[:-4]


def parse(data: bytes) -> list[tuple[int, bytes]]:
    """Take frames apart: (first byte, payload unmasked) of each."""
    found = []
    while data:
        first, size = data[0], data[1] & 127
        start = 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        key = bytes(4)
        if data[1] & 128:
            key = data[start : start + 4]
            start += 4
        payload = data[start : start + size]
        assert len(payload) == size, "the last frame is cut off"
        found.append((first, bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))))
        data = data[start + size :]
    return found


def words(event: Event) -> tuple[object, ...]:
    """An event as a tuple, to compare and to read."""
    if isinstance(event, TextMessage | BytesMessage):
        return ("text" if isinstance(event, TextMessage) else "binary", event.data)
    if isinstance(event, CloseConnection):
        return ("close", int(event.code), event.reason or "")
    assert isinstance(event, Ping | Pong)
    return (type(event).__name__.lower(), bytes(event.payload))


def feed(connection: FrameConnection, pieces: Iterable[bytes]) -> list[tuple[object, ...]]:
    """What a connection makes of bytes that come in pieces."""
    found = []
    for piece in pieces:
        connection.receive_data(piece)
        found += [words(event) for event in connection.events()]
    return found


def chopped(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]
