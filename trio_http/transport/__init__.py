"""Connections below HTTP: bytes in and out, listening and connecting, deadlines."""

from ._accept import PlainAcceptor
from ._adopt import adopt
from ._alert import secure_stream
from ._bare import leave_nursery
from ._connect import Network, NetworkOptions, SocketOption
from ._dial import Dial, PhaseObserver
from ._linger import linger
from ._listen import listener_address, listener_from_fd, open_listeners, open_unix_listener
from ._names import Resolver
from ._pace import Pace
from ._plain import is_plain
from ._protocol import READ_SIZE, WRITE_SLICE, Transport, format_address
from ._proxy import Proxy, route_through
from ._readiness import Readiness
from ._route import DirectRoute, Origin, Route, UnixRoute
from ._secure import TLSTransport
from ._socket import FileNotSendable, SocketTransport
from ._stream import StreamTransport
from ._sweeper import Sweeper, Watched
from ._tls import TLSOptions, start_tls

__all__ = [
    "READ_SIZE",
    "WRITE_SLICE",
    "Dial",
    "DirectRoute",
    "FileNotSendable",
    "Network",
    "NetworkOptions",
    "Origin",
    "Pace",
    "PhaseObserver",
    "PlainAcceptor",
    "Proxy",
    "Readiness",
    "Resolver",
    "Route",
    "SocketOption",
    "SocketTransport",
    "StreamTransport",
    "Sweeper",
    "TLSOptions",
    "TLSTransport",
    "Transport",
    "UnixRoute",
    "Watched",
    "adopt",
    "format_address",
    "is_plain",
    "leave_nursery",
    "linger",
    "listener_address",
    "listener_from_fd",
    "open_listeners",
    "open_unix_listener",
    "route_through",
    "secure_stream",
    "start_tls",
]
