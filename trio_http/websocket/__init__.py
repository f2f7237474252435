"""WebSockets on both sides (RFC 6455, RFC 7692), over any stream."""

from ._broadcast import Broadcast, Policy
from ._codes import WebSocketOpCode
from ._deflate import Deflate
from ._open import LiveWebSocket, OpenWebSocket
from ._opening import Opening, WebSocketOptions, http_url
from ._options import Keepalive, WebSocketLimits, WebSocketTimeouts
from ._per_message import MessageFunction, PerMessage
from ._reconnecting import ReconnectingWebSocket
from ._response import WebSocketHandler, WebSocketResponse
from ._streams import IncomingMessage, OutgoingMessage
from ._websocket import WebSocket, WebSocketReceiveChannel, WebSocketSendChannel

__all__ = [
    "Broadcast",
    "Deflate",
    "IncomingMessage",
    "Keepalive",
    "LiveWebSocket",
    "MessageFunction",
    "OpenWebSocket",
    "Opening",
    "OutgoingMessage",
    "PerMessage",
    "Policy",
    "ReconnectingWebSocket",
    "WebSocket",
    "WebSocketHandler",
    "WebSocketLimits",
    "WebSocketOpCode",
    "WebSocketOptions",
    "WebSocketReceiveChannel",
    "WebSocketResponse",
    "WebSocketSendChannel",
    "WebSocketTimeouts",
    "http_url",
]
