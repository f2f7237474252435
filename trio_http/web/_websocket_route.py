"""From a function that talks on a WebSocket to a handler; its form is told by its parameters, when it is registered."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from ..messages import Handler, Request, Response
from ..websocket import PerMessage, WebSocketHandler, WebSocketResponse

__all__ = ["websocket_handler"]


def websocket_handler(
    fn: Callable[..., Awaitable[Any]], *, subprotocols: Sequence[str] = (), origins: Iterable[str] | None = None
) -> Handler:
    """Return a handler that answers with an open WebSocket on which ``fn`` talks.

    Args:
        fn: ``async def fn(ws)``, or the form that is called for each event: ``async def fn(request, opcode, payload)``.
        subprotocols: Those understood, the best first.
        origins: Origins that browsers may come from; None for any.

    Raises:
        TypeError: ``fn`` takes neither one nor three positional arguments.
    """
    count = _positional(fn)
    if count not in {1, 3}:
        raise TypeError(
            f"{fn!r} takes {count} arguments: a function for a WebSocket is async def fn(ws), "
            "or async def fn(request, opcode, payload), which is called for each event"
        )
    talk: WebSocketHandler = fn if count == 1 else PerMessage(fn)
    allowed = None if origins is None else tuple(origins)

    async def handler(request: Request) -> Response:
        return WebSocketResponse(talk, subprotocols=subprotocols, origins=allowed)

    handler.__doc__ = fn.__doc__
    handler.__name__ = getattr(fn, "__name__", "websocket")
    return handler


def _positional(fn: Callable[..., object]) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        parameter.kind in kinds and parameter.default is parameter.empty
        for parameter in inspect.signature(fn).parameters.values()
    )
