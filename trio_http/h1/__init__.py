"""A sans-I/O HTTP/1.1 core (RFC 9112) with the public API of h11, its own implementation and a strict profile.

Events go in and bytes come out, bytes go in and events come out; where the bytes travel is not known here.
"""

from __future__ import annotations

from .._errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from .._version import __version__
from ._connection import Connection
from ._events import ConnectionClosed, Data, EndOfMessage, Event, InformationalResponse, Request, Response
from ._h11 import H11_VERSION, install_as_h11
from ._headers import Headers
from ._profile import QUIRKS, Limits
from ._sentinels import (
    CLIENT,
    CLOSED,
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    NEED_DATA,
    PAUSED,
    SEND_BODY,
    SEND_RESPONSE,
    SERVER,
    SWITCHED_PROTOCOL,
)

__all__ = [
    "CLIENT",
    "CLOSED",
    "DONE",
    "ERROR",
    "H11_VERSION",
    "IDLE",
    "MIGHT_SWITCH_PROTOCOL",
    "MUST_CLOSE",
    "NEED_DATA",
    "PAUSED",
    "PRODUCT_ID",
    "QUIRKS",
    "SEND_BODY",
    "SEND_RESPONSE",
    "SERVER",
    "SWITCHED_PROTOCOL",
    "Connection",
    "ConnectionClosed",
    "Data",
    "EndOfMessage",
    "Event",
    "Headers",
    "InformationalResponse",
    "Limits",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "__version__",
    "install_as_h11",
]

PRODUCT_ID = "trio-http-h1/" + __version__
