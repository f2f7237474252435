"""The client: requests over pooled connections, each of which can be cancelled at any point."""

from ._client import Client
from ._options import ClientOptions, RequestOptions, Settings
from ._pool import ConnectionInfo, Pool, WaiterInfo
from ._stream import ResponseStream

__all__ = [
    "Client",
    "ClientOptions",
    "ConnectionInfo",
    "Pool",
    "RequestOptions",
    "ResponseStream",
    "Settings",
    "WaiterInfo",
]
