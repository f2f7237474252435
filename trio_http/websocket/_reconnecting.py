"""One WebSocket after another to the same place: a client that connects again when the connection ends.

It is a block around an iterator, not an iterator alone: the tasks of a WebSocket need a nursery, and what a loop leaves
behind at a ``break`` nobody would close.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self, final

import trio

from .._entropy import random_unit
from .._errors import HandshakeRejected, HTTPError, HTTPTimeout, RemoteProtocolError, TransportError
from ..messages import Response
from ._open import LiveWebSocket, leave_block
from ._websocket import WebSocket

__all__ = ["ReconnectingWebSocket"]

MAX_BACKOFF = 60.0  # seconds between two tries
HELD = 10.0  # seconds that a connection has to last, for the next failure to count as the first
_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))  # answers that may be another one next time


@final
class ReconnectingWebSocket:
    """``async with client.websockets(url) as connections: async for ws in connections: ...``.

    Each turn of the loop has an open WebSocket; the one before is closed. A WebSocket that ended, however it did, is
    followed by a new one, until the loop is left; what else the loop's body raises leaves it. So that a lost
    connection does not end the loop, catch :class:`~trio_http.ConnectionClosed` in it.

    Connecting again waits ``backoff`` seconds, twice as long after each failure in a row, a minute at most, and a
    random part less, so that a thousand clients of a server do not come back as one.

    Args:
        begin: Opens one.
        attempts: How often in a row it may fail before the error comes out; None for any number. The very first
            connection is tried once: what fails at once is better told at once.
        backoff: Seconds before the second try.
    """

    __slots__ = ("_attempts", "_backoff", "_begin", "_failures", "_first", "_live", "_manager", "_nursery", "_since")

    def __init__(
        self, begin: Callable[[], Awaitable[LiveWebSocket]], *, attempts: int | None = None, backoff: float = 1.0
    ) -> None:
        if not backoff > 0:
            raise ValueError(f"backoff={backoff!r} makes no sense: give seconds as a positive number")
        self._begin = begin
        self._attempts = math.inf if attempts is None else attempts
        self._backoff = backoff
        self._failures = 0
        self._first = True
        self._since = 0.0
        self._live: LiveWebSocket | None = None
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> Self:
        if self._manager is not None:
            raise RuntimeError("this block has been entered already: ask for another one")
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._manager is not None
        assert self._nursery is not None
        live, self._live = self._live, None
        nursery, self._nursery = self._nursery, None
        await leave_block(live, self._manager, nursery, error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WebSocket:
        """Close the WebSocket before, and open the next one.

        Raises:
            HTTPError: It failed too often in a row, or in a way that will not pass.

        Cancellation:
            Nothing is left open but what the end of the block closes.
        """
        if self._nursery is None:
            raise RuntimeError(
                "it is open for the length of its block only: `async with client.websockets(url) as connections: ...`"
            )
        if self._live is not None:
            live, self._live = self._live, None
            await live.end(None)
            if trio.current_time() - self._since < HELD:
                self._failures += 1
            else:
                self._failures = 0
            await trio.sleep(self._pause())
        live = await self._connect()
        self._first = False
        self._live = live
        self._since = trio.current_time()
        live.start(self._nursery)
        return live.ws

    async def _connect(self) -> LiveWebSocket:
        while True:
            try:
                return await self._begin()
            except (TransportError, HTTPTimeout, RemoteProtocolError, HandshakeRejected) as error:
                self._failures += 1
                if self._first or self._failures >= self._attempts or not _may_pass(error):
                    raise
            await trio.sleep(self._pause())

    def _pause(self) -> float:
        pause = min(MAX_BACKOFF, self._backoff * 2.0 ** min(64, max(0, self._failures - 1)))
        return pause * (1 - 0.2 * random_unit())


def _may_pass(error: HTTPError) -> bool:
    if not isinstance(error, HandshakeRejected):
        return True
    response = error.response
    return isinstance(response, Response) and response.status in _PASSING
