"""WebSockets on both sides (RFC 6455, RFC 7692), over any stream."""

from ._codes import WebSocketOpCode
from ._deflate import Deflate
from ._options import Keepalive, WebSocketLimits, WebSocketTimeouts
from ._response import WebSocketHandler, WebSocketResponse
from ._websocket import WebSocket, WebSocketReceiveChannel, WebSocketSendChannel

__all__ = [
    "Deflate",
    "Keepalive",
    "WebSocket",
    "WebSocketHandler",
    "WebSocketLimits",
    "WebSocketOpCode",
    "WebSocketReceiveChannel",
    "WebSocketResponse",
    "WebSocketSendChannel",
    "WebSocketTimeouts",
]
