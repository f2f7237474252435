"""Structured-concurrency HTTP for trio: server, client, sans-I/O core and deterministic network tests.

Names are fetched from the floors when they are first asked for. So ``import trio_http.h1`` loads the core and nothing
else (no trio, no third party), a server does not load the client, and whoever has a pytest plugin of ours installed
does not pay for all the rest.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ._version import __version__

if _TYPE_CHECKING:  # what type checkers and readers see; tests/test_exports.py compares it with the table below
    from ._config import ClientLimits, ClientTimeouts, MinRate, ServerLimits, ServerTimeouts
    from ._errors import (
        BodyConsumed,
        BodyError,
        BodyScopeEnded,
        BodyTooLarge,
        CircuitOpen,
        ConnectError,
        ConnectionClosed,
        ConnectTimeout,
        DecodingError,
        HandshakeRejected,
        HandshakeTimeout,
        HTTPError,
        HTTPTimeout,
        IdleTimeout,
        IncompleteBody,
        InvalidURL,
        LocalProtocolError,
        PoolError,
        PoolTimeout,
        ProtocolError,
        ProxyError,
        ReadError,
        ReadTimeout,
        RemoteProtocolError,
        StatusError,
        TLSError,
        TooManyRedirects,
        TotalTimeout,
        TransportError,
        WebSocketError,
        WriteError,
        WriteTimeout,
    )
    from ._run import run
    from .asgi import serve_asgi
    from .client import (
        AnyAuth,
        BasicAuth,
        BearerAuth,
        CircuitBreaker,
        Client,
        ClientInstrument,
        DigestAuth,
        HeaderHook,
        NetrcAuth,
        RateLimit,
        ResponseHook,
        Retry,
        delete,
        get,
        head,
        open_websocket,
        options,
        patch,
        post,
        put,
        request,
        set_default_client_options,
        stream,
    )
    from .messages import Body, ChunkSink, Handler, Middleware, Request, Response, UpgradeResponse, parse_request
    from .semantics import (
        URL,
        CookieJar,
        Headers,
        HeadersLike,
        Method,
        Status,
        encode_basic_auth,
        format_http_date,
        parse_http_date,
        parse_request_start_line,
        parse_response_start_line,
        split_host_port,
        url_concat,
    )
    from .server import AccessLog, Instrument, ProxyHeaders, Server, ShutdownReport, serve, serve_connection
    from .transport import open_listeners, open_unix_listener
    from .web import parse_form, parse_multipart

__all__ = [
    "URL",
    "AccessLog",
    "AnyAuth",
    "BasicAuth",
    "BearerAuth",
    "Body",
    "BodyConsumed",
    "BodyError",
    "BodyScopeEnded",
    "BodyTooLarge",
    "ChunkSink",
    "CircuitBreaker",
    "CircuitOpen",
    "Client",
    "ClientInstrument",
    "ClientLimits",
    "ClientTimeouts",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "CookieJar",
    "DecodingError",
    "DigestAuth",
    "HTTPError",
    "HTTPTimeout",
    "Handler",
    "HandshakeRejected",
    "HandshakeTimeout",
    "HeaderHook",
    "Headers",
    "HeadersLike",
    "IdleTimeout",
    "IncompleteBody",
    "Instrument",
    "InvalidURL",
    "LocalProtocolError",
    "Method",
    "Middleware",
    "MinRate",
    "NetrcAuth",
    "PoolError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ProxyHeaders",
    "RateLimit",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "ResponseHook",
    "Retry",
    "Server",
    "ServerLimits",
    "ServerTimeouts",
    "ShutdownReport",
    "Status",
    "StatusError",
    "TLSError",
    "TooManyRedirects",
    "TotalTimeout",
    "TransportError",
    "UpgradeResponse",
    "WebSocketError",
    "WriteError",
    "WriteTimeout",
    "__version__",
    "delete",
    "encode_basic_auth",
    "format_http_date",
    "get",
    "head",
    "open_listeners",
    "open_unix_listener",
    "open_websocket",
    "options",
    "parse_form",
    "parse_http_date",
    "parse_multipart",
    "parse_request",
    "parse_request_start_line",
    "parse_response_start_line",
    "patch",
    "post",
    "put",
    "request",
    "run",
    "serve",
    "serve_asgi",
    "serve_connection",
    "set_default_client_options",
    "split_host_port",
    "stream",
    "url_concat",
]

# where each name lives
_HOMES = {
    "_config": "ClientLimits ClientTimeouts MinRate ServerLimits ServerTimeouts",
    "_errors": (
        "BodyConsumed BodyError BodyScopeEnded BodyTooLarge CircuitOpen ConnectError ConnectionClosed "
        "ConnectTimeout DecodingError HandshakeRejected HandshakeTimeout HTTPError HTTPTimeout IdleTimeout "
        "IncompleteBody InvalidURL LocalProtocolError PoolError PoolTimeout ProtocolError ProxyError ReadError "
        "ReadTimeout RemoteProtocolError StatusError TLSError TooManyRedirects TotalTimeout TransportError "
        "WebSocketError WriteError WriteTimeout"
    ),
    "_run": "run",
    "asgi": "serve_asgi",
    "client": (
        "AnyAuth BasicAuth BearerAuth CircuitBreaker Client ClientInstrument DigestAuth HeaderHook NetrcAuth RateLimit "
        "ResponseHook Retry delete get head open_websocket options patch post put request set_default_client_options "
        "stream"
    ),
    "messages": "Body ChunkSink Handler Middleware Request Response UpgradeResponse parse_request",
    "semantics": (
        "URL CookieJar Headers HeadersLike Method Status encode_basic_auth format_http_date parse_http_date "
        "parse_request_start_line parse_response_start_line split_host_port url_concat"
    ),
    "server": "AccessLog Instrument ProxyHeaders Server ShutdownReport serve serve_connection",
    "transport": "open_listeners open_unix_listener",
    "web": "parse_form parse_multipart",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_FACES = frozenset(
    {
        "asgi",
        "blocking",
        "client",
        "h1",
        "messages",
        "metrics",
        "redis",
        "semantics",
        "server",
        "telemetry",
        "transport",
        "web",
        "websocket",
        "wire",
    }
)


def __getattr__(name: str) -> object:
    if name in _FACES:
        return _importlib.import_module(f"{__name__}.{name}")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(_importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # from now on as fast as any other name
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_FACES})
