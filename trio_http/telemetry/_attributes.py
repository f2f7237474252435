"""Attributes of spans as OpenTelemetry's semantic conventions for HTTP spell them (the stable ones, 1.23 and later).

Spelled out here, so that the package of the conventions is not needed: only their API is a dependency.
"""

from __future__ import annotations

from ..messages import Address
from ..semantics import URL

__all__ = [
    "Attributes",
    "attributes_of_host",
    "attributes_of_method",
    "attributes_of_peer",
    "name_of_error",
    "name_of_method",
    "protocol_version",
    "without_secrets",
]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"})

_PORTS = {"http": 80, "https": 443}

Attributes = dict[str, str | int]


def name_of_method(method: str) -> str:
    """What a span is called by: names have to be few, and a method may be anything."""
    return method if method in _METHODS else "HTTP"


def attributes_of_method(method: str) -> Attributes:
    """The method; one that nobody has registered goes under a name of its own, because it may be anything."""
    if method in _METHODS:
        return {"http.request.method": method}
    return {"http.request.method": "_OTHER", "http.request.method_original": method}


def attributes_of_host(host: str, port: int | None, scheme: str) -> Attributes:
    """The server, as the client calls it."""
    if not host:
        return {}
    return {"server.address": host, "server.port": _PORTS[scheme] if port is None else port}


def attributes_of_peer(peer: Address) -> Attributes:
    """Whom the connection is with."""
    if isinstance(peer, tuple):
        return {"network.peer.address": peer[0], "network.peer.port": peer[1]}
    return {"network.transport": "unix"} if peer is not None else {}


def protocol_version(http_version: str) -> str:
    """``"1.1"`` of ``"HTTP/1.1"``."""
    return http_version.removeprefix("HTTP/")


def name_of_error(error: BaseException) -> str:
    """What ``error.type`` says: a name of which there are few."""
    kind = type(error)
    module = kind.__module__
    if module == "builtins":
        return kind.__qualname__
    return f"{'trio_http' if module.startswith('trio_http.') else module}.{kind.__qualname__}"


def without_secrets(url: URL, *, query: bool) -> str:
    """Return a URL without user, password and fragment, and without its query unless that is wanted."""
    text = f"{url.scheme}://{url.authority}{url.raw_path}"
    return f"{text}?{url.query_string}" if query and url.query_string else text
