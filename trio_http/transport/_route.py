"""Ways to a server: straight there, or to a unix socket; those through proxies stand in files of their own.

A route opens a connection for an origin and says which origins may share one. It knows nothing of pools.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, Protocol, final

from ._adopt import adopt
from ._connect import Network
from ._dial import Dial
from ._protocol import Transport, format_address
from ._tls import TLSOptions, start_tls

__all__ = ["DirectRoute", "Origin", "Route", "UnixRoute"]


class Origin(NamedTuple):
    """Whom a request is for: scheme, host and port (RFC 9110 section 4.3.1)."""

    scheme: str
    host: str
    port: int

    @property
    def is_tls(self) -> bool:
        """True if the server is to be spoken to over TLS."""
        return self.scheme in {"https", "wss"}

    def __str__(self) -> str:
        return f"{self.scheme}://{format_address((self.host, self.port))}"


class Route(Protocol):
    """A way to servers."""

    @property
    def absolute_form(self) -> bool:
        """True if requests name the whole URL, because a proxy reads them (RFC 9112 section 3.2.2)."""
        ...

    @property
    def proxy_fields(self) -> tuple[tuple[bytes, bytes, bytes], ...]:
        """Fields that each request on such a connection must have for the proxy; credentials as a rule."""
        ...

    def key(self, origin: Origin) -> Hashable:
        """Return what is equal for origins that may share connections."""
        ...

    async def open(self, origin: Origin, dial: Dial) -> Transport:
        """Open a connection on which requests for the origin can be sent.

        Raises:
            ConnectError, TLSError, ProxyError: It failed.
            ConnectTimeout, HandshakeTimeout, TotalTimeout: It took too long.

        Cancellation:
            Leaves nothing open.
        """
        ...


@final
class DirectRoute:
    """Straight to the server.

    Args:
        network: How to connect.
        tls: How to verify, where the scheme asks for TLS.
    """

    __slots__ = ("_network", "_tls")

    absolute_form = False
    proxy_fields: tuple[tuple[bytes, bytes, bytes], ...] = ()

    def __init__(self, network: Network, tls: TLSOptions) -> None:
        self._network = network
        self._tls = tls

    def key(self, origin: Origin) -> Hashable:
        """Return the origin itself."""
        return origin

    async def open(self, origin: Origin, dial: Dial) -> Transport:
        """Connect, and shake hands if it is to be TLS."""
        where = format_address((origin.host, origin.port))
        stream = await dial.step(
            "connect", f"connection to {where}", self._network.open_tcp, origin.host, origin.port, dial
        )
        if not origin.is_tls:
            return adopt(stream)
        secure = await dial.step(
            "handshake", f"end of the TLS handshake with {where}", start_tls, stream, origin.host, self._tls
        )
        return adopt(secure)


@final
class UnixRoute:
    """To a unix socket, whatever the host.

    Args:
        path: The path of the socket.
        network: How to connect; only ``socket_options`` and ``prepare`` count.
        tls: How to verify, where the scheme asks for TLS.
    """

    __slots__ = ("_network", "_path", "_tls")

    absolute_form = False
    proxy_fields: tuple[tuple[bytes, bytes, bytes], ...] = ()

    def __init__(self, path: str, network: Network, tls: TLSOptions) -> None:
        self._path = path
        self._network = network
        self._tls = tls

    def key(self, origin: Origin) -> Hashable:
        """Return the path with the origin."""
        return (self._path, origin)

    async def open(self, origin: Origin, dial: Dial) -> Transport:
        """Connect, and shake hands if it is to be TLS."""
        stream = await dial.step(
            "connect", f"connection to the unix socket {self._path}", self._network.open_unix, self._path
        )
        if not origin.is_tls:
            return adopt(stream)
        secure = await dial.step(
            "handshake", f"end of the TLS handshake with {origin.host}", start_tls, stream, origin.host, self._tls
        )
        return adopt(secure)
