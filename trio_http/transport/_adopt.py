"""The choice of the transport: a plain socket where that is possible, the trio stream as it is elsewhere."""

from __future__ import annotations

import socket

import trio

from ._protocol import Transport
from ._socket import SocketTransport
from ._stream import StreamTransport

__all__ = ["adopt", "is_plain"]


def is_plain(sock: trio.socket.SocketType) -> bool:
    """Tell whether a trio socket is trio's own, above a real one: not one of a virtual network, not a subclass."""
    return type(sock) is _trio_socket_type()


def adopt(stream: trio.abc.Stream) -> Transport:
    """Take a connected stream over.

    A plain ``SocketStream`` gives up its socket (the trio object is dead afterwards); any other stream is kept.
    """
    if type(stream) is trio.SocketStream and is_plain(stream.socket):
        old = stream.socket
        family, kind, proto = old.family, old.type, old.proto
        return SocketTransport(socket.socket(family, kind, proto, fileno=old.detach()))
    return StreamTransport(stream)


_cached: type[trio.socket.SocketType] | None = None


def _trio_socket_type() -> type[trio.socket.SocketType]:
    # trio's concrete class has no public name: ask for one of its making, once per process
    global _cached  # noqa: PLW0603 - a cache
    if _cached is None:
        with socket.socket() as probe:
            _cached = type(trio.socket.from_stdlib_socket(probe))
    return _cached
