"""Holding a WebSocket open for the length of a block, with its nursery; both sides."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

import trio

from .._errors import ConnectionClosed
from ..transport import leave_nursery
from ._session import Session
from ._websocket import WebSocket

__all__ = ["OpenWebSocket"]

GOODBYE = 1.0  # seconds to say why, for a block that is being cancelled


@final
class OpenWebSocket:
    """``async with OpenWebSocket(ws, session) as ws``: the nursery of the session, and the right end for it.

    At the end of the block the WebSocket is closed: with 1000, with 1001 if the block was cancelled, and with 1011 if
    it failed. The block's exception comes out as it is.

    Args:
        ws: The WebSocket.
        session: What it stands on.
        leave: When this is set the WebSocket is closed with 1001, while the block goes on.
    """

    __slots__ = ("_leave", "_manager", "_nursery", "_session", "_ws")

    def __init__(self, ws: WebSocket, session: Session, *, leave: trio.Event | None = None) -> None:
        self._ws = ws
        self._leave = leave
        self._session = session
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> WebSocket:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._session.run)
        if self._leave is not None:
            self._nursery.start_soon(self._close_at, self._leave)
        return self._ws

    async def _close_at(self, event: trio.Event) -> None:
        await event.wait()
        await self._session.close(1001, "the server is shutting down")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._manager is not None
        assert self._nursery is not None
        session = self._session
        interrupted: trio.Cancelled | None = None
        try:
            await self._say_goodbye(error)
        except trio.Cancelled as cancelled:
            interrupted = cancelled  # raised again below, once everything is closed
        finally:
            await session.aclose()
            self._nursery.cancel_scope.cancel()
        await leave_nursery(self._manager, error)
        if interrupted is not None:
            if error is None:
                raise interrupted
            raise BaseExceptionGroup("Exceptions from Trio nursery", [error, interrupted])

    async def _say_goodbye(self, error: BaseException | None) -> None:
        session = self._session
        if error is None or isinstance(error, ConnectionClosed):
            await session.close(1000, "")
        elif isinstance(error, Exception):
            await session.close(1011, "internal error")
        else:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE):
                await session.close(1001, "going away")
