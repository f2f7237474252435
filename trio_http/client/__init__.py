"""The client: requests over pooled connections, each of which can be cancelled at any point."""

from ..transport import Proxy
from ._auth import AnyAuth, Auth, AuthInput, BasicAuth, BearerAuth, DigestAuth, NetrcAuth
from ._breaker import CircuitBreaker
from ._client import Client
from ._events import EventStream, ServerSentEvent
from ._group import RequestGroup, RequestHandle
from ._idna import use_idna as _use_idna
from ._oneshot import (
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
from ._options import ClientMiddleware, ClientOptions, HeaderHook, RequestHook, RequestOptions, ResponseHook, Settings
from ._pool import ConnectionInfo, Pool, WaiterInfo
from ._rate_limit import RateLimit
from ._retry import Retry
from ._stream import ResponseStream
from ._trace import AttemptInfo, ClientInstrument, Phase
from ._upgrade import Upgrade
from ._websocket import WebSocketRequestOptions

__all__ = [
    "AnyAuth",
    "AttemptInfo",
    "Auth",
    "AuthInput",
    "BasicAuth",
    "BearerAuth",
    "CircuitBreaker",
    "Client",
    "ClientInstrument",
    "ClientMiddleware",
    "ClientOptions",
    "ConnectionInfo",
    "DigestAuth",
    "EventStream",
    "HeaderHook",
    "NetrcAuth",
    "Phase",
    "Pool",
    "Proxy",
    "RateLimit",
    "RequestGroup",
    "RequestHandle",
    "RequestHook",
    "RequestOptions",
    "ResponseHook",
    "ResponseStream",
    "Retry",
    "ServerSentEvent",
    "Settings",
    "Upgrade",
    "WaiterInfo",
    "WebSocketRequestOptions",
    "delete",
    "get",
    "head",
    "open_websocket",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "set_default_client_options",
    "stream",
]

_use_idna()
