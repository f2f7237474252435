"""Opening a WebSocket through a client: its handshake is a request, and its connection leaves the pool for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..semantics import Headers
from ..websocket import (
    Deflate,
    Keepalive,
    LiveWebSocket,
    Opening,
    WebSocketLimits,
    WebSocketOptions,
    WebSocketTimeouts,
)
from ._options import RequestOptions
from ._stream import OpenResponse

__all__ = ["WebSocketRequestOptions", "begin_websocket", "request_options", "websocket_options"]


class WebSocketRequestOptions(RequestOptions, total=False):
    """The keywords that open a WebSocket: those of any request, and these.

    Attributes:
        subprotocols: Those understood, the best first; ``ws.subprotocol`` is what the server chose.
        compression: How to compress, if the server can; None for not at all.
        limits: What is taken from the server.
        timeouts: How long it is waited for, once the WebSocket is open.
        keepalive: When a silent server is asked for a sign of life; None for never.
    """

    subprotocols: Sequence[str]
    compression: Deflate | None
    limits: WebSocketLimits
    timeouts: WebSocketTimeouts
    keepalive: Keepalive | None


_OURS = frozenset(WebSocketRequestOptions.__annotations__) - frozenset(RequestOptions.__annotations__)


def websocket_options(options: WebSocketRequestOptions) -> WebSocketOptions:
    """Return those that concern the WebSocket."""
    return WebSocketOptions(**{name: value for name, value in options.items() if name in _OURS})  # type: ignore[arg-type]  # checked by the dictionary's type


def request_options(options: WebSocketRequestOptions) -> RequestOptions:
    """Return those that concern the handshake, as a request."""
    return {name: value for name, value in options.items() if name not in _OURS}  # type: ignore[return-value]  # as above


async def begin_websocket(
    send: Callable[[Headers], Awaitable[OpenResponse]], options: WebSocketOptions
) -> LiveWebSocket:
    """Do the handshake.

    Args:
        send: Sends the request, with these fields besides its own.
        options: What is asked for.

    Raises:
        HandshakeRejected: The server has not agreed.
        HTTPError: Whatever else went wrong.

    Cancellation:
        The connection is closed.
    """
    opening = Opening(options)
    opened = await send(opening.headers)
    try:
        response = opened.response
        if response.status != 101:
            await opened.read_refusal()
            assert response.url is not None  # it was received, or has been told
            raise opening.rejected(response, response.url)
        opened.stop_the_clock()
        attempt = opened.attempts[-1]
        transport, trailing = attempt.switched().detach()
        return opening.succeeded(
            attempt.call.request(),
            response.headers,
            transport,
            trailing=trailing,
            release=opened.aclose,
        )
    except BaseException:
        await opened.aclose()
        raise
