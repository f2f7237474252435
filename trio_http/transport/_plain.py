"""Telling trio's own sockets from others: virtual networks, subclasses."""

from __future__ import annotations

import socket

import trio

__all__ = ["is_plain"]


def is_plain(sock: trio.socket.SocketType) -> bool:
    """Tell whether a trio socket is trio's own, above a real one: not one of a virtual network, not a subclass."""
    return type(sock) is _trio_socket_type()


_cached: type[trio.socket.SocketType] | None = None


def _trio_socket_type() -> type[trio.socket.SocketType]:
    # trio's concrete class has no public name: ask for one of its making, once per process
    global _cached  # noqa: PLW0603 - a cache
    if _cached is None:
        with socket.socket() as probe:
            _cached = type(trio.socket.from_stdlib_socket(probe))
    return _cached
