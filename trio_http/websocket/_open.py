"""Holding a WebSocket open for the length of a block, and ending it in the right way; both sides.

A session needs tasks, and tasks need a nursery that somebody sees: that of the block. Nothing runs before the block
is entered, and nothing after it. What cancels the block does not reach them: who says good-bye needs somebody who reads
the answer. They end when the WebSocket has been closed, which takes a moment at most for a block that is cancelled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

import trio

from .._errors import ConnectionClosed
from ..transport import leave_nursery
from ._session import Session
from ._websocket import WebSocket

__all__ = ["LiveWebSocket", "OpenWebSocket", "is_only_the_end", "leave_block"]

GOODBYE = 1.0  # seconds to say why, for a block that is being cancelled


@final
class LiveWebSocket:
    """A WebSocket with what it lives on: the tasks of its session, and what it gives back at its end.

    Args:
        ws: The WebSocket.
        session: Its session; nothing of it runs yet.
        leave: When this is set it is closed with 1001, while its user goes on.
        release: Awaited at the end.
    """

    __slots__ = ("_leave", "_release", "_scopes", "_session", "ws")

    def __init__(
        self,
        ws: WebSocket,
        session: Session,
        *,
        leave: trio.Event | None = None,
        release: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.ws: WebSocket = ws
        self._session = session
        self._leave = leave
        self._release = release
        self._scopes: list[trio.CancelScope] = []

    def start(self, nursery: trio.Nursery) -> None:
        """Start its tasks; they end with :meth:`end`, and with nothing else."""
        tasks = [self._session.run] if self._leave is None else [self._session.run, self._close_when_told]
        for task in tasks:
            scope = trio.CancelScope(shield=True)
            self._scopes.append(scope)
            nursery.start_soon(self._run, scope, task)

    async def _run(self, scope: trio.CancelScope, task: Callable[[], Awaitable[None]]) -> None:
        with scope:
            await task()

    async def _close_when_told(self) -> None:
        assert self._leave is not None
        await self._leave.wait()
        await self._session.close(1001, "the server is shutting down")

    async def end(self, error: BaseException | None) -> None:
        """Close it: with 1000, with 1001 if its user was cancelled, with 1011 if he failed; then end its tasks.

        Cancellation:
            Everything is closed all the same, without waiting for the peer.
        """
        session = self._session
        try:
            if error is None or is_only_the_end(error):
                await session.close(1000, "")
            elif isinstance(error, Exception):
                await session.close(1011, "internal error")
            else:
                for scope in self._scopes:  # what shields them from the cancellation has a deadline from now on
                    scope.deadline = trio.current_time() + GOODBYE + 1
                try:
                    with self.ws.request.shielded(GOODBYE + 1), trio.move_on_after(GOODBYE):
                        await session.close(1001, "going away")
                except trio.Cancelled:
                    await session.fail(1001, "going away")  # the grace of a shutdown is over: nobody is waited for
                    raise
        finally:
            try:
                await session.aclose()
            finally:
                for scope in self._scopes:
                    scope.cancel()
                if self._release is not None:
                    await self._release()


@final
class OpenWebSocket:
    """``async with client.websocket(url) as ws``: open for the length of the block; enter it once.

    At the end of the block the WebSocket is closed: with 1000, with 1001 if the block was cancelled, and with 1011 if
    it failed. The block's exception comes out as it is.

    Args:
        begin: Opens it.
    """

    __slots__ = ("_begin", "_live", "_manager", "_nursery")

    def __init__(self, begin: Callable[[], Awaitable[LiveWebSocket]]) -> None:
        self._begin = begin
        self._live: LiveWebSocket | None = None
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> WebSocket:
        """Open it.

        Raises:
            HandshakeRejected: The server answered with an ordinary response; ``error.response`` is that.
            RemoteProtocolError: The server agreed to what was not offered.
            HTTPError: As any request.
        """
        if self._manager is not None:
            raise RuntimeError("this WebSocket has been entered already: ask for another one")
        self._live = live = await self._begin()
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        live.start(self._nursery)
        return live.ws

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._manager is not None
        assert self._nursery is not None
        assert self._live is not None
        await leave_block(self._live, self._manager, self._nursery, error)


async def leave_block(
    live: LiveWebSocket | None,
    manager: AbstractAsyncContextManager[trio.Nursery],
    nursery: trio.Nursery,
    error: BaseException | None,
) -> None:
    """End the WebSocket of a block that is left, and the nursery of its tasks; see :func:`leave_nursery`."""
    interrupted: trio.Cancelled | None = None
    try:
        if live is not None:
            await live.end(error)
    except trio.Cancelled as cancelled:
        interrupted = cancelled  # raised again below, once everything is closed
    finally:
        nursery.cancel_scope.cancel()
    await leave_nursery(manager, error)
    if interrupted is not None and not isinstance(error, trio.Cancelled):
        if error is None:
            raise interrupted
        raise BaseExceptionGroup("Exceptions from Trio nursery", [error, interrupted])


def is_only_the_end(error: BaseException) -> bool:
    """Tell whether an error says no more than that the WebSocket is closed; also in the group of a user's nursery."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(ConnectionClosed)[1] is None
    return isinstance(error, ConnectionClosed)
