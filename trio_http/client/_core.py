"""What clients share that were made from one another: the nursery, the pool, the ways to servers."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from typing import final

import trio

from .._errors import HTTPError, PoolError, PoolTimeout, TotalTimeout
from ..messages import Timings
from ..semantics import URL
from ..transport import (
    DirectRoute,
    Network,
    Origin,
    Route,
    SocketTransport,
    Sweeper,
    UnixRoute,
    leave_nursery,
    route_through,
)
from ..wire import HTTP1Stream
from ._app import AppAttempt
from ._attempt import Attempt, Head
from ._call import Call, Destination
from ._exchange import Exchange
from ._options import Settings
from ._pool import ClientConnection, Pool
from ._proxies import ProxyChoice
from ._retry import Budget
from ._trace import Trace

__all__ = ["Core"]


@final
class Core:
    """One nursery and one pool.

    Args:
        settings: What belongs to connections counts.
    """

    __slots__ = (
        "_app",
        "_direct",
        "_instruments",
        "_left",
        "_limits",
        "_local",
        "_manager",
        "_mounts",
        "_network",
        "_nursery",
        "_proxies",
        "_routes",
        "_settings",
        "_sweeper",
        "budget",
        "hedge_budget",
        "pool",
    )

    def __init__(self, settings: Settings) -> None:
        self._limits = limits = settings.limits
        self._network = network = Network(settings.network)
        self._direct: Route = _direct_route(settings, network)
        self._settings = settings
        self._proxies = ProxyChoice(settings.proxy, os.environ if settings.trust_env else {})
        self._routes: dict[tuple[str, bool], Route] = {}
        self._instruments = tuple(settings.instruments)
        self._app = settings.app
        self._mounts = {URL(url).origin: app for url, app in settings.mounts.items()}
        self.budget = Budget()
        self.hedge_budget = Budget()
        self._sweeper = Sweeper()
        self.pool = Pool(limits, idle=settings.timeouts.idle, sweeper=self._sweeper, dispose=self._dispose)
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None
        self._left = False
        self._local: dict[AppAttempt, None] = {}  # in order: the same seed, the same steps

    # ---------------------------------------------------------------- life

    async def enter(self) -> None:
        """Open the nursery."""
        if self._manager is not None:
            raise PoolError("this client has been entered already; make another one, or use with_() inside the block")
        if not trio.lowlevel.in_trio_task():
            raise RuntimeError(
                "a trio_http client needs trio: start the program with trio.run(main), not with asyncio.run(main()). "
                "Without an event loop there is trio_http.blocking.Client"
            )
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._sweeper.run, name="trio_http client: idle connections")

    def close(self) -> None:
        """End what is under way and close all connections."""
        self.pool.close()
        for attempt in self._local:
            attempt.close_now()

    async def leave(self, error: BaseException | None) -> None:
        """Close everything, and the nursery; for an ``__aexit__``."""
        assert self._manager is not None
        assert self._nursery is not None
        self.close()
        self._nursery.cancel_scope.cancel()
        try:
            await leave_nursery(self._manager, error)
        finally:
            self._left = True

    def _dispose(self, stream: HTTP1Stream) -> None:
        """Close a connection that the pool gives up: a socket at once, others politely."""
        transport = stream.transport
        if type(transport) is SocketTransport or self._nursery is None or self._left:
            transport.close_now()
        else:
            self._nursery.start_soon(stream.aclose)  # bounded, raises nothing, and goes on when we are cancelled

    # ---------------------------------------------------------------- requests

    def destination(self, url: URL, *, switches: bool = False) -> Destination:
        """Return the way to a URL.

        Args:
            url: The URL.
            switches: The connection is to leave HTTP behind, so no proxy may read it (RFC 6455 section 4.1).
        """
        port = url.port
        assert port is not None  # http and https have one
        app = self._mounts.get(url.origin, self._app)
        origin = Origin(url.scheme, url.raw_host, port)
        return Destination(
            url,
            origin,
            self._direct if app is not None else self._route_to(origin, tunnel=origin.is_tls or switches),
            app,
        )

    def _route_to(self, origin: Origin, *, tunnel: bool) -> Route:
        settings = self._settings
        proxy = None if settings.uds is not None else self._proxies.choose(origin)
        if proxy is None:
            return self._direct
        tunnel = tunnel or proxy.always_tunnels
        key = (str(proxy), tunnel)
        route = self._routes.get(key)
        if route is None:
            route = route_through(proxy, self._network, settings.tls, tunnel=tunnel)
            self._routes[key] = route
        return route

    async def attempt(self, call: Call) -> tuple[Attempt, Head]:
        """Send a request once, or twice if the first connection turns out to have been closed before it arrived.

        Raises:
            HTTPError: Whatever went wrong.
            Exception: What the user's body raised.

        Cancellation:
            Nothing is sent if the caller is cancelled already.
        """
        # Hot: once per request.
        nursery = self._nursery
        if nursery is None:
            raise PoolError(f"{call}: this client is not open. Use it as a block: `async with Client() as client: ...`")
        # What is cancelled already is not sent: a kept connection would take it without any wait.
        await trio.lowlevel.checkpoint_if_cancelled()
        pool = self.pool
        if call.to.app is not None:
            if pool.closed:
                raise PoolError(f"{call}: the client is closed")
            local = AppAttempt(call, call.to.app, nursery, self._instruments, self._local.pop)
            self._local[local] = None
            return local, await local.perform()
        fresh = False
        trace = None
        while True:
            connection = pool.take(call.to.key, call, fresh=fresh)
            timings = Timings(call.began)
            if self._instruments:
                trace = Trace(self._instruments, call, timings)
            if connection is None:
                connection = await self._queue(call, trace)
            exchange = Exchange(
                call, connection, pool=pool, nursery=nursery, limits=self._limits, timings=timings, trace=trace
            )
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

    async def _queue(self, call: Call, trace: Trace | None) -> ClientConnection:
        if trace is None:
            return await self._wait(call)
        trace.phase_began("queue")
        try:
            connection = await self._wait(call)
        except BaseException as error:
            trace.ended(error, complete=False, received=0)
            raise
        trace.phase_ended("queue")
        return connection

    async def _wait(self, call: Call) -> ClientConnection:
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


def _direct_route(settings: Settings, network: Network) -> Route:
    if settings.uds is not None:
        return UnixRoute(settings.uds, network, settings.tls)
    return DirectRoute(network, settings.tls)
