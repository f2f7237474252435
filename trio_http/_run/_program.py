"""A program that is one process: a server with the signals of the process, and systemd."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Sequence
from typing import final

import trio

from .._config import ServerLimits, ServerTimeouts
from .._version import __version__
from ..messages import Handler
from ..server import Lifespan, Server, status_page
from ..transport import format_address, open_unix_listener
from ._served import Order, ServedProcess, WhenListening
from ._signals import follow_signals
from ._systemd import Notifier

__all__ = ["Program", "run", "where"]

log = logging.getLogger("trio_http.run")


def run(
    handler: Handler | Server,
    port: int = 8000,
    *,
    host: str | Sequence[str] | None = "127.0.0.1",
    path: str | None = None,
    ssl_context: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None,
    timeouts: ServerTimeouts | None = None,
    limits: ServerLimits | None = None,
    lifespan: Lifespan | None = None,
    grace: float = 30.0,
    lame_duck: float = 0.0,
    status: str | None = None,
    beside: Sequence[Server] = (),
) -> None:
    """Serve until told to end: the whole of a program, ``trio_http.run(handler, 8000)``.

    SIGTERM or SIGINT (Ctrl-C) drains the server, a second one forces its end, SIGHUP reads certificates again. systemd
    is told when it is ready and when it ends (``Type=notify``). Where the program has not set logging up, what
    happens goes to standard error.

    Args:
        handler: ``async (Request) -> Response``; or a :class:`Server`, which then says itself where it listens.
        port: The TCP port; 0 for any free one.
        host: An address or a name, or several; None for all addresses, IPv4 and IPv6.
        path: Listen on this unix socket instead.
        ssl_context: Serve over TLS with this context; or with what this function returns, called again for SIGHUP.
        timeouts: How long to wait for peers.
        limits: What to take from peers.
        lifespan: An async context manager around everything.
        grace: Seconds for requests under way when told to end.
        lame_duck: Seconds before that in which all goes on, but answers say ``Connection: close``.
        status: A unix socket on which ``trio-http top`` sees what the server does; for this user alone.
        beside: Further servers that run as long, on addresses of their own, for what is not for everybody: one with
            the page of :class:`trio_http.metrics.Metrics`, say. They begin before the server and end after it.

    Raises:
        ConnectError: An address cannot be bound.
        ValueError: A server is given, and what only a handler needs.
    """
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    fixed, make_context = (ssl_context, None) if isinstance(ssl_context, ssl.SSLContext) else (None, ssl_context)
    if isinstance(handler, Server):
        own = {"path": path, "ssl_context": fixed, "timeouts": timeouts, "limits": limits, "lifespan": lifespan}
        if given := [name for name, value in own.items() if value is not None]:
            raise ValueError(f"run(Server(...), {given[0]}=...): the server says this itself, so give it to Server()")
        server = handler
    else:
        server = Server(
            handler,
            port,
            host=host,
            path=path,
            ssl_context=fixed if make_context is None else make_context(),
            timeouts=timeouts,
            limits=limits,
            lifespan=lifespan,
        )

    async def program() -> None:
        more = list(beside)
        if status is not None:
            listener = await open_unix_listener(status, mode=0o600)
            more.append(Server(status_page(server), listeners=[listener]))
        served = ServedProcess(server, grace=grace, lame_duck=lame_duck, make_context=make_context, beside=more)
        await Program(served, Notifier(os.environ)).run()

    trio.run(program)


def where(server: Server) -> str:
    """Say where a server listens, in words for people."""
    scheme = "https" if server.is_secure else "http"
    return ", ".join(
        f"{scheme}://{format_address(address)}" if isinstance(address, tuple) else f"unix:{address}"
        for address in server.addresses
    )


@final
class Program:
    """One process that serves, with its signals.

    Args:
        served: What to run.
        notifier: Who tells systemd.
        announce: Called once it listens; None for a line in the log.
    """

    def __init__(
        self, served: ServedProcess, notifier: Notifier, announce: Callable[[Server], None] | None = None
    ) -> None:
        self._served = served
        self._notifier = notifier
        self._announce = announce

    async def run(self) -> None:
        """Serve until told to end.

        Raises:
            ConnectError: An address cannot be bound.

        Cancellation:
            Ends it at once.
        """
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            await nursery.start(follow_signals, self._obey)
            nursery.start_soon(self._notifier.keep_watchdog_quiet)
            try:
                await self._served.run(task_status=WhenListening(self._listens))
            except Exception as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def _listens(self, server: Server) -> None:
        if self._announce is not None:
            self._announce(server)
        else:
            log.info("trio_http %s listens on %s; Ctrl-C ends it", __version__, where(server))
        self._notifier.ready(f"listens on {where(server)}")

    def _obey(self, order: Order) -> None:
        if order is Order.RELOAD:
            self._notifier.reloading()
        else:
            self._notifier.stopping()
        self._served.obey(order)
        if order is Order.RELOAD:
            self._notifier.ready(f"listens on {where(self._served.server)}")
