"""The client: requests over pooled connections, each of which can be cancelled at any point."""

from ..transport import Proxy
from ._auth import Auth, AuthInput, BasicAuth, BearerAuth, DigestAuth, NetrcAuth
from ._client import Client
from ._options import ClientMiddleware, ClientOptions, RequestOptions, Settings
from ._pool import ConnectionInfo, Pool, WaiterInfo
from ._retry import Retry
from ._stream import ResponseStream

__all__ = [
    "Auth",
    "AuthInput",
    "BasicAuth",
    "BearerAuth",
    "Client",
    "ClientMiddleware",
    "ClientOptions",
    "ConnectionInfo",
    "DigestAuth",
    "NetrcAuth",
    "Pool",
    "Proxy",
    "RequestOptions",
    "ResponseStream",
    "Retry",
    "Settings",
    "WaiterInfo",
]
