"""The client's side of a WebSocket, over any connection: what to ask, and what comes of the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import final

from .._errors import HandshakeRejected
from ..messages import Request, Response
from ..semantics import URL, Headers
from ..transport import Transport
from ._deflate import DEFLATE, Deflate
from ._handshake import ClientHandshake
from ._open import LiveWebSocket
from ._options import KEEPALIVE, LIMITS, TIMEOUTS, Keepalive, WebSocketLimits, WebSocketTimeouts
from ._session import Session
from ._websocket import WebSocket

__all__ = ["Opening", "WebSocketOptions", "http_url"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketOptions:
    """What a client asks for and offers; see :meth:`trio_http.Client.websocket`."""

    subprotocols: Sequence[str] = ()
    compression: Deflate | None = DEFLATE
    limits: WebSocketLimits = LIMITS
    timeouts: WebSocketTimeouts = TIMEOUTS
    keepalive: Keepalive | None = KEEPALIVE


@final
class Opening:
    """One handshake of a client; it makes the fields, judges the answer, and makes the WebSocket.

    Args:
        options: What is asked for.

    Attributes:
        headers: The fields for the request, but for Connection and Upgrade.

    Raises:
        LocalProtocolError: A subprotocol is no token.
    """

    __slots__ = ("_handshake", "_options")

    def __init__(self, options: WebSocketOptions) -> None:
        self._options = options
        self._handshake = ClientHandshake(subprotocols=options.subprotocols, compression=options.compression)

    @property
    def headers(self) -> Headers:
        """The fields for the request, but for Connection and Upgrade."""
        return self._handshake.headers

    def rejected(self, response: Response, url: URL) -> HandshakeRejected:
        """Return what to raise for any answer but 101."""
        return HandshakeRejected(
            f"{url.redacted}: the server answered the WebSocket handshake with {response.status} {response.phrase}; "
            "101 was expected. error.response is its answer",
            response,
        )

    def succeeded(
        self,
        request: Request,
        headers: Headers,
        transport: Transport,
        *,
        trailing: bytes,
        release: Callable[[], Awaitable[None]],
    ) -> LiveWebSocket:
        """Judge a 101, and return the WebSocket.

        Args:
            request: What was asked.
            headers: The fields of the answer.
            transport: The connection.
            trailing: What came right behind the answer.
            release: Gives the connection back.

        Raises:
            RemoteProtocolError: The server agreed to something else.
        """
        subprotocol, deflate = self._handshake.check(headers)
        options = self._options
        session = Session(
            transport,
            trailing,
            client=True,
            deflate=deflate,
            limits=options.limits,
            timeouts=options.timeouts,
            keepalive=options.keepalive,
        )
        return LiveWebSocket(WebSocket(session, request=request, subprotocol=subprotocol), session, release=release)


def http_url(url: str | URL) -> URL:
    """Return the URL with ``ws`` as ``http`` and ``wss`` as ``https`` (RFC 6455 section 3); any other as it is."""
    found = URL(url)
    scheme = {"ws": "http", "wss": "https"}.get(found.scheme)
    return found if scheme is None else found.replace(scheme=scheme)
