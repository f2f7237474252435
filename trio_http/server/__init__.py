"""Serving HTTP: a handler on listeners."""

from ._access_log import AccessLog
from ._connection import ServerConnection
from ._draft import Draft
from ._entrance import Listener
from ._instruments import Connection, Disconnect, Instrument, Reply, ServerStats
from ._proxy_headers import ProxyHeaders
from ._pushing import PushedResponse
from ._serve import serve, serve_connection
from ._server import Lifespan, Server
from ._status import serve_status, status_of, status_page
from ._tls import make_context
from ._under_way import ShutdownReport

__all__ = [
    "AccessLog",
    "Connection",
    "Disconnect",
    "Draft",
    "Instrument",
    "Lifespan",
    "Listener",
    "ProxyHeaders",
    "PushedResponse",
    "Reply",
    "Server",
    "ServerConnection",
    "ServerStats",
    "ShutdownReport",
    "make_context",
    "serve",
    "serve_connection",
    "serve_status",
    "status_of",
    "status_page",
]
