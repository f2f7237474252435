"""From a function that talks on a WebSocket to a handler; its form is told by its parameters, when it is registered."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypedDict

from ..messages import Handler, Request, Response
from ..websocket import (
    Deflate,
    Keepalive,
    PerMessage,
    WebSocket,
    WebSocketHandler,
    WebSocketLimits,
    WebSocketResponse,
    WebSocketTimeouts,
)

__all__ = ["WebSocketRouteOptions", "websocket_handler"]


class WebSocketRouteOptions(TypedDict, total=False):
    """What a route for WebSockets may say; see :class:`~trio_http.websocket.WebSocketResponse`.

    Attributes:
        subprotocols: Those understood, the best first.
        origins: Origins that browsers may come from; None for any. Give it where cookies say who somebody is.
        compression: How to compress, if the peer can; None for not at all.
        limits: What is taken from the peer.
        timeouts: How long it is waited for.
        keepalive: When a silent peer is asked for a sign of life; None for never.
    """

    subprotocols: Sequence[str]
    origins: Iterable[str] | None
    compression: Deflate | None
    limits: WebSocketLimits
    timeouts: WebSocketTimeouts
    keepalive: Keepalive | None


def websocket_handler(fn: Callable[..., Awaitable[Any]], options: WebSocketRouteOptions) -> Handler:
    """Return a handler that answers with an open WebSocket on which ``fn`` talks.

    Args:
        fn: ``async def fn(ws)`` or ``async def fn(request, ws)``, which has the WebSocket for its life; or ``async def
            fn(request, opcode, payload)``, which is called for each event.
        options: What goes with it.

    Raises:
        TypeError: ``fn`` has none of these forms; or an option has the wrong type.
        LocalProtocolError: A subprotocol is no name of one.
    """
    talk = _talk(fn)
    options = options.copy()
    origins = options.get("origins")
    if origins is not None and not isinstance(origins, str):
        options["origins"] = tuple(origins)  # it is gone through once for each handshake
    WebSocketResponse(talk, **options)  # what is wrong with the options is told here, not to the first peer

    @functools.wraps(fn)  # its name, its text, and what decorators have noted on it
    async def handler(request: Request) -> Response:
        return WebSocketResponse(talk, **options)

    handler.__annotations__ = {"request": Request, "return": WebSocketResponse}  # not those of fn: others read them
    if not hasattr(fn, "__name__"):
        handler.__name__ = type(fn).__name__
    return handler


def _talk(fn: Callable[..., Awaitable[Any]]) -> WebSocketHandler:
    signature = inspect.signature(fn)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in signature.parameters.values() if each.default is each.empty]
    count = len([each for each in needed if each.kind in kinds])
    named = [each.name for each in needed if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if count == 1 and not named:
        return fn
    if count == 2 and not named:

        async def talk(ws: WebSocket) -> None:
            await fn(ws.request, ws)

        return talk
    if count == 3 and not named:
        return PerMessage(fn)
    raise TypeError(
        f"{getattr(fn, '__qualname__', fn)}{signature} is no function for a WebSocket: expected async def fn(ws) or "
        "async def fn(request, ws), which has it for its life, or async def fn(request, opcode, payload), which is "
        "called for each event"
    )
