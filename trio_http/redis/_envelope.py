"""A message on its way through Redis: who sent it, the how manieth it is, and whether it is text."""

from __future__ import annotations

import struct
from typing import NamedTuple, final

__all__ = ["NODE_SIZE", "Envelope", "Seen", "open_envelope", "seal"]

_HEAD = struct.Struct("!4s8sQ?")
_MAGIC = b"TH1\0"
NODE_SIZE = 8
MAX_NODES = 1024


class Envelope(NamedTuple):
    """What came with a message."""

    node: bytes
    number: int
    message: str | bytes


def seal(node: bytes, number: int, message: str | bytes) -> bytes:
    """Return the bytes of a message."""
    is_text = isinstance(message, str)
    return _HEAD.pack(_MAGIC, node, number, is_text) + (message.encode() if isinstance(message, str) else message)


def open_envelope(data: bytes) -> Envelope | None:
    """Return the message of these bytes; None if something else has been published there."""
    if len(data) < _HEAD.size:
        return None
    magic, node, number, is_text = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        return None
    payload = data[_HEAD.size :]
    try:
        return Envelope(node, number, payload.decode() if is_text else payload)
    except UnicodeDecodeError:
        return None


@final
class Seen:
    """Which message of each node came last, so that one that is sent again after an error is not told twice."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}  # the node that has been silent for longest first

    def is_new(self, envelope: Envelope) -> bool:
        """Tell whether a message comes for the first time, and remember that it came."""
        last = self._last.pop(envelope.node, 0)
        self._last[envelope.node] = max(last, envelope.number)
        if len(self._last) > MAX_NODES:
            del self._last[next(iter(self._last))]
        return envelope.number > last
