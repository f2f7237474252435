"""The form in which a function is called for each event of a WebSocket, instead of holding it for its whole life."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import final

import trio

from .._errors import ConnectionClosed
from ..messages import Request
from ._codes import WebSocketOpCode
from ._websocket import WebSocket

__all__ = ["MessageFunction", "PerMessage"]

log = logging.getLogger("trio_http.websocket")

CLOSE_TIME = 5.0  # seconds for the last call, which comes also when everything else is being cancelled

MessageFunction = Callable[[Request, WebSocketOpCode, str | bytes], Awaitable[str | bytes | None]]
"""``async def fn(request, opcode, payload)``: what it returns, str or bytes, is sent."""


@final
class PerMessage:
    """A handler made of a function that is called for each event: ``WebSocketResponse(PerMessage(fn))``.

    The calls come one after the other: with ``OPEN`` and an empty payload first, then with ``TEXT`` (a str),
    ``BINARY``, ``PING`` or ``PONG`` (bytes) and what came, and with ``CLOSE`` and an empty payload last. ``CLOSE``
    comes exactly once, however it ended, an error of the function among the reasons; it has five seconds of its own
    then, also when the rest is being cancelled, but not beyond the grace of a shutdown. Meanwhile ``request.websocket``
    is the WebSocket. Pings have been answered already.

    Args:
        fn: ``async def fn(request, opcode, payload)``; str or bytes that it returns are sent.
    """

    __slots__ = ("_fn",)

    def __init__(self, fn: MessageFunction) -> None:
        self._fn = fn

    def __repr__(self) -> str:
        return f"PerMessage({self._fn!r})"

    async def __call__(self, ws: WebSocket) -> None:
        """Call the function until the WebSocket is closed.

        Raises:
            Exception: What the function raised; the last call has been made then.
        """
        request = ws.request
        request.websocket = ws
        try:
            await self._call(ws, WebSocketOpCode.OPEN, b"")
            while True:
                opcode, payload = await ws._receive_any()
                await self._call(ws, opcode, payload)
        except ConnectionClosed as error:
            log.info("%r: %s", request, error)
        finally:
            await self._tell_of_the_end(request)

    async def _tell_of_the_end(self, request: Request) -> None:
        # the request's shield, because a shutdown lifts it when its grace is over; the other scope, which comes first,
        # because that shield only ends, where nothing else is the matter
        with request.shielded(CLOSE_TIME + 1), trio.move_on_after(CLOSE_TIME) as scope:
            try:
                await self._fn(request, WebSocketOpCode.CLOSE, b"")
            except ConnectionClosed:
                pass  # it tried to say something; nobody is there
            except Exception:
                log.exception("%r: the call that tells of the end failed", request)
        if scope.cancelled_caught:
            log.warning("%r: the call that tells of the end took more than %g s", request, CLOSE_TIME)

    async def _call(self, ws: WebSocket, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        answer = await self._fn(ws.request, opcode, payload)
        if answer is not None:
            await ws.send(answer)
