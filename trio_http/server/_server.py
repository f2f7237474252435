"""A server's life: listen, accept, serve, stop accepting, drain, cut, report."""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

import trio

from .. import _clock, h1
from .._config import ServerLimits, ServerTimeouts
from ..messages import Address, Handler
from ..semantics import current_date
from ..transport import StreamTransport, Sweeper, Transport, adopt, format_address, listener_address, open_listeners
from ..wire import Timing
from ._connection import ServerConnection

__all__ = ["Server", "ServerStats", "ShutdownReport", "serve"]

log = logging.getLogger("trio_http.server")

FORCE = 0.25  # seconds for cancelled connections to end by themselves; then their sockets are closed under them
ACCEPT_PAUSE = 0.1  # seconds to wait when the process has no file descriptor left; as trio.serve_listeners does
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}


@final
@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """How a shutdown went.

    Attributes:
        drained: Connections that ended by themselves within the grace.
        cut: What was cut off when the grace was over, one line each.
        stuck: Of these, what did not even end when cancelled: shielded or blocking user code. Its socket is closed.
        seconds: How long it took.
    """

    drained: int
    cut: Sequence[str]
    stuck: Sequence[str]
    seconds: float


@final
@dataclass(slots=True)
class ServerStats:
    """Counters of a server since it began.

    Attributes:
        connections: Connections accepted.
    """

    connections: int = field(default=0)


@final
class Server:
    """A server of one handler on any number of listeners.

    Most programs say ``server = await nursery.start(trio_http.serve, handler, port)``. The object form is for those
    who want to set it up first: ``server = Server(handler, 8000); await nursery.start(server.listen)``.

    Args:
        handler: ``async (Request) -> Response``.
        port: The TCP port; 0 for any free one.
        host: An address or a name; None for all addresses.
        listeners: Listeners to use instead of ``port`` and ``host``; closed by us.
        ssl_context: Serve over TLS with this context.
        timeouts: How long to wait for peers.
        limits: What to take from peers.
        date_header: Send a Date field (RFC 9110 section 6.6.1 wants one from servers with a clock).
    """

    def __init__(
        self,
        handler: Handler,
        port: int = 0,
        *,
        host: str | None = "127.0.0.1",
        listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timeouts: ServerTimeouts | None = None,
        limits: ServerLimits | None = None,
        date_header: bool = True,
    ) -> None:
        self.handler = handler
        self.timeouts: Final = ServerTimeouts() if timeouts is None else timeouts
        self.limits: Final = ServerLimits() if limits is None else limits
        self.stats: Final = ServerStats()
        self.shutting_down: Final = trio.Event()
        self.active = 0
        self.draining = False
        self.sweeper: Final = Sweeper()
        self.timing: Final = Timing(
            "ServerTimeouts",
            head=self.timeouts.head,
            idle=self.timeouts.idle,
            read=self.timeouts.read,
            write=self.timeouts.write,
            min_rate=self.limits.min_rate,
        )
        self.h1_limits: Final = h1.Limits(
            target=self.limits.target,
            head=self.limits.head,
            header_count=self.limits.header_count,
            chunk_line=self.limits.chunk_line,
            trailers=self.limits.trailers,
        )
        self._wanted = (port, host)
        self._listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] = listeners or ()
        self._addresses: Sequence[Address] = ()
        self._ssl_context = ssl_context
        self._date_header = date_header
        self._date_until = 0.0
        self._date_line = b""
        self._connections: set[ServerConnection] = set()
        self._accepting = trio.CancelScope()
        self._open = 0  # accepted and not yet closed
        self._room = trio.Event()  # set and renewed whenever a connection ends while accepting is paused
        self._empty = trio.Event()  # renewed by shutdown(), set when the last connection ends

    def __repr__(self) -> str:
        where = ", ".join(map(format_address, self.addresses)) or "not listening"
        return f"<Server {where}: {len(self._connections)} connections>"

    # ---------------------------------------------------------------- facts

    @property
    def addresses(self) -> Sequence[Address]:
        """Where it listens: (host, port) or the path of a unix socket, one for each listener that has an address."""
        return list(self._addresses)

    @property
    def port(self) -> int:
        """The TCP port of the first listener that has one.

        Raises:
            RuntimeError: It does not listen on TCP (yet).
        """
        for address in self.addresses:
            if isinstance(address, tuple):
                return address[1]
        raise RuntimeError("this server does not listen on a TCP port; it does once nursery.start() has returned")

    @property
    def url(self) -> str:
        """The URL of its root: scheme, address (a loopback one where it listens on all) and port."""
        for address in self.addresses:
            if isinstance(address, tuple):
                host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104 - a comparison
                return f"{'https' if self.is_secure else 'http'}://{format_address((host, address[1]))}"
        raise RuntimeError("this server does not listen on a TCP port; it does once nursery.start() has returned")

    @property
    def is_secure(self) -> bool:
        """True if it serves over TLS."""
        return self._ssl_context is not None

    @property
    def connections(self) -> Sequence[ServerConnection]:
        """The connections that are open now, in no order."""
        return list(self._connections)

    def date_line(self) -> bytes:
        """The Date field of answers with its CRLF, made once a second; ``b""`` for none."""
        # Hot: once per request.
        if (now := _clock.wall()) < self._date_until:
            return self._date_line
        if self._date_header:
            self._date_line = b"Date: " + current_date() + b"\r\n"
            self._date_until = int(now) + 1
        return self._date_line

    # ---------------------------------------------------------------- serving

    async def listen(self, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and serve until :meth:`shutdown` or cancellation; for ``nursery.start``.

        Raises:
            ConnectError: The address cannot be bound.

        Cancellation:
            Cancels all handlers and closes everything at once; :meth:`shutdown` is the graceful way.
        """
        if not self._listeners:
            port, host = self._wanted
            self._listeners = await open_listeners(port, host=host)
        found = (listener_address(listener) for listener in self._listeners)
        self._addresses = [address for address in found if address is not None]
        try:
            await self._serve(task_status)
        finally:
            for listener in self._listeners:
                await trio.aclose_forcefully(listener)

    async def _serve(self, task_status: trio.TaskStatus[Server]) -> None:
        # Three nurseries, outermost first: what serves the connections, the connections, and who accepts them.
        # Ending the last leaves the connections running: that is a drain.
        async with trio.open_nursery() as services:
            services.start_soon(self.sweeper.run)
            async with trio.open_nursery() as connections:
                with self._accepting:
                    async with trio.open_nursery() as acceptors:
                        for listener in self._listeners:
                            acceptors.start_soon(self._accept, listener, connections)
                        task_status.started(self)
                        await trio.sleep_forever()
                for listener in self._listeners:
                    await listener.aclose()
            services.cancel_scope.cancel()

    async def _accept(self, listener: trio.abc.Listener[trio.abc.Stream], connections: trio.Nursery) -> None:
        most = self.limits.connections
        while True:
            while most is not None and self._open >= most:
                self._room = trio.Event()
                await self._room.wait()
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    raise
                log.error("accepting paused for %g s: %s", ACCEPT_PAUSE, error)
                await trio.sleep(ACCEPT_PAUSE)
                continue
            self.stats.connections += 1
            self._open += 1  # here and not in the new task, which runs only later
            connections.start_soon(self._serve_stream, stream)

    async def _serve_stream(self, stream: trio.abc.Stream) -> None:
        try:
            transport = await self._transport_over(stream)
            if transport is not None:
                await self._serve_transport(transport)
        finally:
            self._open -= 1
            self._room.set()

    async def _transport_over(self, stream: trio.abc.Stream) -> Transport | None:
        if self._ssl_context is None:
            return adopt(stream)
        return await self._handshake(stream, self._ssl_context)

    async def _serve_transport(self, transport: Transport) -> None:
        connection = ServerConnection(self, transport)
        self._connections.add(connection)
        try:
            if self.draining:
                connection.drain()
            await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._empty.set()

    async def _handshake(self, stream: trio.abc.Stream, context: ssl.SSLContext) -> Transport | None:
        secure = trio.SSLStream(stream, context, server_side=True, https_compatible=False)
        limit = self.timeouts.handshake
        peer = format_address(StreamTransport(secure).peer)
        with trio.move_on_after(limit if limit is not None else float("inf")):
            try:
                await secure.do_handshake()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                log.info("%s: TLS handshake failed: %s", peer, error.__cause__ or error)
                await trio.aclose_forcefully(stream)
                return None
            return StreamTransport(secure)
        log.info("%s: TLS handshake not done after %s s (ServerTimeouts.handshake)", peer, limit)
        await trio.aclose_forcefully(stream)
        return None

    # ---------------------------------------------------------------- stopping

    def stop_accepting(self) -> None:
        """Accept no more connections; those that are open go on. The listening sockets are closed."""
        self._accepting.cancel()

    async def shutdown(self, grace: float = 30.0) -> ShutdownReport:
        """Stop: no new connections, idle ones closed, active ones answered with ``Connection: close``, then cut.

        Args:
            grace: Seconds for requests under way; 0 cuts them at once.

        Returns:
            What happened, within ``grace`` and half a second, whatever peers and handlers do.

        Cancellation:
            Cuts at once what is left; the server ends by itself then.
        """
        began = trio.current_time()
        self.draining = True
        self.shutting_down.set()
        self.stop_accepting()
        before = len(self._connections)
        for connection in self.connections:
            connection.drain()
        cut: list[str] = []
        stuck: list[str] = []
        try:
            await self._wait_until_empty(grace)
        finally:
            left = self.connections
            cut = [repr(connection) for connection in left]
            for connection in left:
                connection.cut("shutdown")
        await self._wait_until_empty(FORCE)
        for connection in self.connections:
            stuck.append(repr(connection))
            connection.force()
        if stuck:
            log.error("shutdown: user code does not end when cancelled (a shield, or blocking code): %s", stuck)
        return ShutdownReport(before - len(cut), cut, stuck, trio.current_time() - began)

    async def _wait_until_empty(self, seconds: float) -> None:
        if self._connections:
            self._empty = trio.Event()
            with trio.move_on_after(seconds):
                await self._empty.wait()
        else:
            await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Shut down without grace."""
        await self.shutdown(grace=0)


async def serve(
    handler: Handler,
    port: int = 0,
    *,
    host: str | None = "127.0.0.1",
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] | None = None,
    ssl_context: ssl.SSLContext | None = None,
    timeouts: ServerTimeouts | None = None,
    limits: ServerLimits | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve HTTP until shut down or cancelled: ``server = await nursery.start(trio_http.serve, handler, 8000)``.

    The :class:`Server` that ``nursery.start`` returns listens already; it knows its ``port``, ``url`` and
    ``connections``, and ``await server.shutdown(grace=5)`` ends it in good order.

    Args:
        handler: ``async (Request) -> Response``, called for each request; a Router is one.
        port: The TCP port; 0 for any free one.
        host: An address or a name; None for all addresses, IPv4 and IPv6.
        listeners: trio listeners to use instead of ``port`` and ``host``; closed by us.
        ssl_context: Serve over TLS with this context.
        timeouts: How long to wait for peers; all on by default, see :class:`ServerTimeouts`.
        limits: What to take from peers; see :class:`ServerLimits`.
        task_status: For ``nursery.start``.

    Raises:
        ConnectError: The address cannot be bound.

    Cancellation:
        Cancels all handlers and closes everything at once.
    """
    server = Server(
        handler, port, host=host, listeners=listeners, ssl_context=ssl_context, timeouts=timeouts, limits=limits
    )
    await server.listen(task_status=task_status)
