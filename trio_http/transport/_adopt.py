"""The choice of the transport: a plain socket where that is possible, the trio stream as it is elsewhere."""

from __future__ import annotations

import socket

import trio

from ._plain import is_plain
from ._protocol import READ_SIZE, Transport
from ._socket import SocketTransport
from ._stream import StreamTransport

__all__ = ["adopt"]


def adopt(stream: trio.abc.Stream, *, read_ahead: int | None = READ_SIZE) -> Transport:
    """Take a connected stream over.

    A plain ``SocketStream`` gives up its socket (the trio object is dead afterwards); any other stream is kept.

    Args:
        stream: The stream.
        read_ahead: See :class:`StreamTransport`.
    """
    if type(stream) is trio.SocketStream and is_plain(stream.socket):
        old = stream.socket
        family, kind, proto = old.family, old.type, old.proto
        return SocketTransport(socket.socket(family, kind, proto, fileno=old.detach()))
    return StreamTransport(stream, read_ahead=read_ahead)
