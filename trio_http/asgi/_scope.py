"""From a request to the scope that an application is told (ASGI HTTP and WebSocket specifications, version 2.5)."""

from __future__ import annotations

from typing import Any

from ..messages import Address, Request
from ._tls import tls_extension

__all__ = ["ASGI_HTTP", "ASGI_LIFESPAN", "connect_scope", "http_scope", "websocket_scope"]

ASGI_HTTP = {"version": "3.0", "spec_version": "2.5"}
ASGI_LIFESPAN = {"version": "3.0", "spec_version": "2.0"}

_VERSIONS = {"HTTP/1.1": "1.1", "HTTP/1.0": "1.0"}
_HTTP_EXTENSIONS: dict[str, dict[str, Any]] = {
    "http.response.trailers": {},
    "http.response.early_hint": {},
    "http.response.pathsend": {},
}


def http_scope(request: Request, root_path: str) -> dict[str, Any]:
    """Return the scope of an ordinary request."""
    # Hot: once per request.
    exchange = request.exchange
    tls = exchange.tls
    peer = exchange.peer
    server = exchange.local
    raw_path = request.raw_path
    extensions = _HTTP_EXTENSIONS.copy()
    if tls is not None:
        extensions["tls"] = tls_extension(tls)
    scheme = exchange.scheme
    if getattr(exchange.server, "proxy_headers", None) is not None:
        via = request.via
        scheme = via.scheme
        if not isinstance(peer, tuple) or via.ip != peer[0]:
            peer = (via.ip, 0) if via.ip else None
    return {
        "type": "http",
        "asgi": ASGI_HTTP,
        "http_version": _VERSIONS.get(request.http_version) or request.http_version.removeprefix("HTTP/"),
        "method": request.method,
        "scheme": scheme,
        "path": _below(root_path, request.path) if root_path else request.path,
        "raw_path": (_below(root_path, raw_path) if root_path else raw_path).encode("latin-1"),
        "query_string": request.raw_target.partition(b"?")[2],
        "root_path": root_path,
        "headers": [(lower, value) for _, lower, value in request.headers.items_list],
        "client": _client(peer),
        "server": _server(server),
        "state": request.state,
        "extensions": extensions,
    }


def websocket_scope(request: Request, root_path: str, subprotocols: list[str]) -> dict[str, Any]:
    """Return the scope of a request to open a WebSocket."""
    scope = http_scope(request, root_path)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = subprotocols
    tls = scope["extensions"].get("tls")
    scope["extensions"] = {"websocket.http.response": {}}
    if tls is not None:
        scope["extensions"]["tls"] = tls
    return scope


def connect_scope(request: Request, stream: object) -> dict[str, Any]:
    """Return the scope of a CONNECT request: the path is ``host:port``, and no root path stands before it.

    Args:
        request: The request.
        stream: The raw stream, for the extension ``trio_http.transport``.
    """
    scope = http_scope(request, "")
    scope["path"] = request.target
    scope["raw_path"] = request.raw_target
    scope["query_string"] = b""
    tls = scope["extensions"].get("tls")
    scope["extensions"] = {"trio_http.transport": stream}
    if tls is not None:
        scope["extensions"]["tls"] = tls
    return scope


def _below(root_path: str, path: str) -> str:
    # A proxy may have taken the root path away, or left it (a router of ours does): applications want it there.
    return path if path == root_path or path.startswith(root_path + "/") else root_path + path


def _client(address: Address) -> tuple[str, int] | None:
    return address if isinstance(address, tuple) else None


def _server(address: Address) -> tuple[str, int | None] | None:
    return (address, None) if isinstance(address, str) and address else _client(address)
