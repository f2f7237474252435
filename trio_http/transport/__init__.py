"""Connections below HTTP: bytes in and out, listening and connecting, deadlines."""

from ._adopt import adopt, is_plain
from ._listen import listener_address, open_listeners
from ._pace import Pace
from ._protocol import READ_SIZE, WRITE_SLICE, Transport, format_address
from ._socket import SocketTransport
from ._stream import StreamTransport
from ._sweeper import Sweeper, Watched

__all__ = [
    "READ_SIZE",
    "WRITE_SLICE",
    "Pace",
    "SocketTransport",
    "StreamTransport",
    "Sweeper",
    "Transport",
    "Watched",
    "adopt",
    "format_address",
    "is_plain",
    "listener_address",
    "open_listeners",
]
