"""What clients share that were made from one another: the nursery, the pool, the ways to servers."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import final

import trio

from .. import h1
from .._errors import HTTPError, PoolError, PoolTimeout, TotalTimeout
from ..semantics import URL
from ..transport import DirectRoute, Origin, Route, SocketTransport, Sweeper, UnixRoute, leave_nursery
from ..wire import HTTP1Stream
from ._call import Call, Destination
from ._exchange import Exchange
from ._options import Settings
from ._pool import ClientConnection, Pool

__all__ = ["Core"]


@final
class Core:
    """One nursery and one pool.

    Args:
        settings: What belongs to connections counts.
    """

    __slots__ = ("_limits", "_manager", "_nursery", "_route", "_sweeper", "pool")

    def __init__(self, settings: Settings) -> None:
        self._limits = limits = settings.limits
        self._route = _route_of(settings)
        self._sweeper = Sweeper()
        self.pool = Pool(limits, idle=settings.timeouts.idle, sweeper=self._sweeper, dispose=self._dispose)
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None

    # ---------------------------------------------------------------- life

    async def enter(self) -> None:
        """Open the nursery."""
        if self._manager is not None:
            raise PoolError("this client has been entered already; make another one, or use with_() inside the block")
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._sweeper.run, name="trio_http client: idle connections")

    async def leave(self, error: BaseException | None) -> bool:
        """Close everything, and the nursery; for an ``__aexit__``."""
        assert self._manager is not None
        assert self._nursery is not None
        self.pool.close()
        self._nursery.cancel_scope.cancel()
        return await leave_nursery(self._manager, error)

    def _dispose(self, stream: HTTP1Stream) -> None:
        """Close a connection that the pool gives up: a socket at once, others politely."""
        transport = stream.transport
        if type(transport) is SocketTransport or self._nursery is None:
            transport.close_now()
        else:
            self._nursery.start_soon(stream.aclose)  # bounded, raises nothing, and goes on when we are cancelled

    # ---------------------------------------------------------------- requests

    def destination(self, url: URL) -> Destination:
        """Return the way to a URL."""
        port = url.port
        assert port is not None  # http and https have one
        return Destination(url, Origin(url.scheme, url.raw_host, port), self._route)

    async def attempt(self, call: Call) -> tuple[Exchange, h1.Response | h1.InformationalResponse]:
        """Send a request once, or twice if the first connection turns out to have been closed before it arrived.

        Raises:
            HTTPError: Whatever went wrong.
            Exception: What the user's body raised.
        """
        # Hot: once per request.
        nursery = self._nursery
        if nursery is None:
            raise PoolError(f"{call}: this client is not open. Use it as a block: `async with Client() as client: ...`")
        pool = self.pool
        fresh = False
        while True:
            connection = pool.take(call.to.key, call, fresh=fresh)
            if connection is None:
                connection = await self._queue(call)
            exchange = Exchange(call, connection, pool=pool, nursery=nursery, limits=self._limits)
            try:
                return exchange, await exchange.perform()
            except HTTPError as error:
                if (
                    fresh
                    or not exchange.is_stale(error)
                    or not call.content.replayable
                    or not (exchange.is_unsent or call.may_be_repeated)
                ):
                    raise
                fresh = True

    async def _queue(self, call: Call) -> ClientConnection:
        limit = call.terms.timeouts.pool
        begun = trio.current_time()
        deadline = call.latest if limit is None else min(call.latest, begun + limit)
        with trio.CancelScope(deadline=deadline):
            return await self.pool.wait(call.to.key, call)
        if limit is None or call.latest < begun + limit:
            raise TotalTimeout(
                f"{call}: not over after {call.total:g} s in all (timeout={call.total:g}); it still waited for a "
                f"connection of the pool ({self.pool.explain()})",
                limit=call.total,
            )
        raise PoolTimeout(
            f"{call}: no connection of the pool came free within {limit:g} s (ClientTimeouts.pool={limit:g}; "
            f"{self.pool.explain()})",
            limit=limit,
        )


def _route_of(settings: Settings) -> Route:
    if settings.uds is not None:
        return UnixRoute(settings.uds, settings.network, settings.tls)
    return DirectRoute(settings.network, settings.tls)
