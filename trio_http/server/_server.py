"""The server: listeners, the connections they bring, the programs' hooks, and how all of it ends.

How it works
------------
Four things stand inside one another, outermost first: the lifespan, the background work, the services (deadlines and
watches), the connections; and in the middle of it all those who accept. Each ends only when what is inside has ended,
so a drain is nothing but the end of accepting, and nothing that a request may use is gone before it.
"""

from __future__ import annotations

import inspect
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Final, final

import trio

from .. import h1
from .._config import ServerLimits, ServerTimeouts, chosen
from .._errors import LocalProtocolError
from ..messages import Address, Handler, Request, check_handler
from ..transport import READ_SIZE, PlainAcceptor, Readiness, SocketTransport, Sweeper, format_address
from ..wire import HTTP1Stream, Timing
from ._admission import Admission
from ._arrival import arrive
from ._connection import ServerConnection
from ._entrance import ACCEPT_BATCH, Entrance, Listener
from ._fixed_fields import FixedFields
from ._hooks import Hooked, Hooks
from ._instruments import Instrument, ServerStats
from ._listening import Listening
from ._monitor import Monitor
from ._proxy_headers import ProxyHeaders
from ._routed import Routed, nothing_here
from ._tls import make_context, note_names
from ._under_way import FORCE, ShutdownReport, UnderWay

__all__ = ["Lifespan", "Server"]

log = logging.getLogger("trio_http.server")

Lifespan = Callable[["Server"], AbstractAsyncContextManager[Mapping[str, Any] | None]]
"""``@asynccontextmanager async def lifespan(server)``: what it yields, a mapping or None, is ``request.state``."""


@final
class Server(Hooked, Routed):
    """A server of one handler on any number of listeners.

    Most programs say ``server = await nursery.start(trio_http.serve, handler, port)``. The object form is for those
    who want to set it up first: ``server = Server(handler, 8000); await nursery.start(server.listen)``.

    Args:
        handler: ``async (Request) -> Response``; None if ``on_receive`` hooks answer everything.
        port: The TCP port; 0 for any free one.
        host: An address or a name, or several; None for all addresses, IPv4 and IPv6.
        path: Listen on this unix socket instead.
        fd: Listen on this inherited file descriptor instead.
        listeners: Listeners to use instead; closed by us.
        ssl_context: Serve over TLS with this context.
        is_secure: Serve over TLS, with the certificate that :meth:`load_certs` is given before :meth:`listen`.
        timeouts: How long to wait for peers.
        limits: What to take from peers.
        lifespan: An async context manager around everything; see :data:`Lifespan`.
        backlog: Connections the kernel queues for us; None for as many as it allows.
        reuse_port: Let several processes listen on one port.
        reuse_address: Bind although connections of an earlier process linger.
        accept_batch: Connections taken before those that are open get a turn. Processes that share a listening socket
            want few, so that they share the work too.
        cancel_on_disconnect: Cancel a handler within 0.1 s when its client leaves.
        half_close: An end sent by a client only means that no more requests come; its handler goes on.
        keep_alive: False to end each connection with its first answer.
        decompress_request: Undo content codings of request bodies, up to ``ServerLimits.decompressed``.
        proxy_headers: Which proxies are believed about the client's address.
        proxy_protocol: Every connection begins with a header of the PROXY protocol, which says whom it comes from.
        scheme: ``"http"`` or ``"https"``: what requests are told instead of the truth.
        read_size: Bytes asked of a socket at once; a piece of a request body is no longer than that.
        server_header: The Server field of answers; None for none.
        date_header: Send a Date field (RFC 9110 section 6.6.1 wants one from servers with a clock).
        instruments: Observers, such as an :class:`AccessLog`.

    Attributes:
        stats: Counters.
        shutting_down: Set when the shutdown begins.
        state: What the lifespan provides.
    """

    def __init__(
        self,
        handler: Handler | None = None,
        port: int = 0,
        *,
        host: str | Sequence[str] | None = "127.0.0.1",
        path: str | None = None,
        fd: int | None = None,
        listeners: Sequence[Listener] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        is_secure: bool = False,
        timeouts: ServerTimeouts | None = None,
        limits: ServerLimits | None = None,
        lifespan: Lifespan | None = None,
        backlog: int | None = None,
        reuse_port: bool = False,
        reuse_address: bool = True,
        accept_batch: int = ACCEPT_BATCH,
        cancel_on_disconnect: bool = True,
        half_close: bool = False,
        keep_alive: bool = True,
        decompress_request: bool = False,
        proxy_headers: ProxyHeaders | None = None,
        proxy_protocol: bool = False,
        scheme: str | None = None,
        read_size: int = READ_SIZE,
        server_header: str | None = None,
        date_header: bool = True,
        instruments: Sequence[Instrument] = (),
    ) -> None:
        if handler is not None:
            check_handler(handler, "the handler")
        self.handler: Handler = nothing_here if handler is None else handler
        self.timeouts: Final = chosen(ServerTimeouts, timeouts, "timeouts")
        self.limits: Final = chosen(ServerLimits, limits, "limits")
        self.cancel_on_disconnect = cancel_on_disconnect
        self.half_close = half_close
        self.keep_alive = keep_alive
        self.decompress_request = decompress_request
        self.proxy_headers = proxy_headers
        self._proxy_protocol = proxy_protocol
        self.scheme = scheme
        for name, value in (("read_size", read_size), ("accept_batch", accept_batch)):
            if value < 1:
                raise ValueError(f"Server({name}={value}) makes no sense: give at least 1")
        buffer = self.limits.buffer
        self.read_size: int = read_size if buffer is None else min(read_size, max(1, buffer))
        self.instruments: list[Instrument] = list(instruments)
        self.hooks: Hooks = Hooks()
        self.stats: Final = ServerStats()
        self.state: Mapping[str, Any] = {}
        self.shutting_down: Final = trio.Event()
        self.draining: bool = False
        self.plain: bool = True
        self.sweeper: Final = Sweeper()
        self.monitor: Final = Monitor()
        places = self.limits
        self.admission: Final = Admission(places.concurrency, places.queue, places.queue_timeout)
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
        self._listening: Final = Listening(
            port, host, path, fd, listeners, backlog=backlog, reuse_port=reuse_port, reuse_address=reuse_address
        )
        if ssl_context is not None:
            note_names(ssl_context)
        self._ssl_context = ssl_context
        self._is_secure = is_secure or ssl_context is not None
        if inspect.iscoroutinefunction(lifespan) or inspect.isasyncgenfunction(lifespan):
            raise TypeError(f"lifespan={lifespan.__name__}: put @contextlib.asynccontextmanager above its async def")
        self._lifespan = lifespan
        fields = FixedFields(server_header, date=date_header)
        self.fixed_lines: Final = fields.lines
        self.fixed_items: Final = fields.items
        self._under_way: Final = UnderWay(self.stats)
        self._entrance: Final = Entrance(self.limits.connections, accept_batch)
        self._readiness: Readiness | None = None
        self._accepting = trio.CancelScope()
        self._connections: trio.Nursery | None = None

    def __repr__(self) -> str:
        return f"<Server {self._listening}: {len(self._under_way.connections)} connections>"

    # ---------------------------------------------------------------- facts

    @property
    def addresses(self) -> Sequence[Address]:
        """Where it listens: (host, port) or the path of a unix socket, one for each listener that has an address."""
        return list(self._listening.addresses)

    @property
    def listeners(self) -> Sequence[Listener]:
        """The listeners."""
        return list(self._listening.listeners)

    @property
    def sockets(self) -> Sequence[trio.socket.SocketType]:
        """The sockets that listen."""
        return [listener.socket for listener in self._listening.listeners if isinstance(listener, trio.SocketListener)]

    @property
    def port(self) -> int:
        """The TCP port of the first listener that has one.

        Raises:
            RuntimeError: It does not listen on TCP (yet).
        """
        return self._listening.tcp()[1]

    @property
    def url(self) -> str:
        """The URL of its root: scheme, address (a loopback one where it listens on all) and port."""
        return f"{'https' if self.is_secure else 'http'}://{format_address(self._listening.tcp())}"

    @property
    def is_secure(self) -> bool:
        """True if it serves over TLS."""
        return self._is_secure

    @property
    def connections(self) -> Sequence[ServerConnection]:
        """The connections that are open now, in the order in which they came."""
        return list(self._under_way.connections)

    @property
    def active(self) -> int:
        """How many handlers run now."""
        return len(self.monitor.running)

    def closing(self, wire: HTTP1Stream) -> bool:
        """Tell whether a connection ends with the answer to its current request."""
        if self.draining or not self.keep_alive:
            return True
        most = self.limits.requests_per_connection
        return most is not None and wire.exchanges >= most

    # ---------------------------------------------------------------- hooks and observers

    def see_whether_plain(self) -> None:
        """Find out whether a request needs anything besides its handler."""
        special = self.instruments or self.hooks.around_requests or self.limits.concurrency is not None
        self.plain = not special and self.timeouts.handler is None

    # ---------------------------------------------------------------- TLS

    def load_certs(
        self,
        cert: str,
        key: str | None = None,
        *,
        password: str | None = None,
        verify_client: bool | str = False,
        ca_certs: str | None = None,
    ) -> None:
        """Use this certificate from the next handshake on; also while serving.

        Args:
            cert: A file with the certificate and its chain.
            key: A file with the private key; None if it is in the same file.
            password: The password of the key.
            verify_client: True to demand a certificate of clients, ``"optional"`` to take one if it is shown.
            ca_certs: A file of certificates that vouch for clients.

        Raises:
            LocalProtocolError: This server does not serve over TLS.
            TLSError: A file cannot be read, or does not hold what it should; the one before stays in use.
        """
        self.reload_tls(make_context(cert, key, password=password, verify_client=verify_client, ca_certs=ca_certs))

    def reload_tls(self, ssl_context: ssl.SSLContext) -> None:
        """Use this context from the next handshake on; connections that are open keep theirs.

        Raises:
            LocalProtocolError: This server does not serve over TLS.
        """
        if not self._is_secure:
            raise LocalProtocolError("this server does not serve over TLS: make it with ssl_context= or is_secure=True")
        note_names(ssl_context)
        self._ssl_context = ssl_context

    # ---------------------------------------------------------------- serving

    async def listen(self, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and serve until :meth:`shutdown` or cancellation; for ``nursery.start``.

        Raises:
            ConnectError: The address cannot be bound.

        Cancellation:
            Cancels all handlers and closes everything at once; :meth:`shutdown` is the graceful way.
        """
        if self._connections is not None:
            raise RuntimeError(f"{self!r} has been told to listen before: a Server serves once, so make another one")
        if self._is_secure and self._ssl_context is None:
            raise LocalProtocolError("a secure server needs a certificate: call load_certs() before listen()")
        try:
            async with self._lifespan(self) if self._lifespan is not None else nullcontext() as state:
                self.state = {} if state is None else state
                await self._listening.open()
                await self._serve(task_status)
        finally:
            self._under_way.background = None
            await self._listening.close()

    def run(self) -> None:
        """Listen and serve in a run of trio of its own: the blocking form of :meth:`listen`, for whole programs.

        It returns when somebody has called :meth:`shutdown`.

        Raises:
            ConnectError: The address cannot be bound.
            KeyboardInterrupt: Somebody pressed Ctrl-C, which ends everything at once.
        """
        try:
            trio.run(self.listen)
        except BaseExceptionGroup as group:
            # each nursery of the server has wrapped it once
            if group.split(KeyboardInterrupt)[1] is None:
                raise KeyboardInterrupt from None
            raise

    async def _serve(self, task_status: trio.TaskStatus[Server]) -> None:
        with Readiness() if self._may_wait_together() else nullcontext() as self._readiness:
            async with trio.open_nursery() as self._under_way.background, trio.open_nursery() as services:
                self._start_services(services)
                async with trio.open_nursery() as self._connections:
                    take = partial(self._took, self._connections)
                    with self._accepting:
                        async with trio.open_nursery() as acceptors:
                            for listener in self._listening.listeners:
                                acceptors.start_soon(self._entrance.accept, listener, self._readiness, take)
                            task_status.started(self)
                            await trio.sleep_forever()
                    await self._listening.close()
                services.cancel_scope.cancel()

    def _may_wait_together(self) -> bool:
        return Readiness.available() and any(map(PlainAcceptor.fits, self._listening.listeners))

    def _start_services(self, services: trio.Nursery) -> None:
        self.see_whether_plain()
        services.start_soon(self.sweeper.run)
        if self._readiness is not None:
            services.start_soon(self._readiness.run)
        services.start_soon(self.monitor.run, services)  # also where it is off: a request may want to be told

    def _took(self, connections: trio.Nursery, accepted: SocketTransport | trio.abc.Stream) -> None:
        self.stats.connections += 1
        self._under_way.opened()
        connections.start_soon(self._serve_stream, accepted)

    async def _serve_stream(self, stream: SocketTransport | trio.abc.Stream, peer: Address = None) -> None:
        arrived = None
        try:
            arrived = await arrive(
                stream,
                self._ssl_context,
                proxied=self._proxy_protocol,
                # accepted in the moment the shutdown began, it has asked for nothing yet: a drain does not see it
                limit=0 if self.shutting_down.is_set() else self.timeouts.handshake,
                scopes=self._under_way.handshakes,
                read_ahead=self.limits.buffer,
            )
        finally:
            if arrived is None:
                self._gone()
        if arrived is not None:
            # No coroutine more than these: each is passed through whenever the connection wakes.
            await ServerConnection(self, arrived[0], peer=arrived[1] or peer).run()

    def take_over(self, connection: ServerConnection) -> bool:
        """Serve a connection that moves; for connections."""
        if self._connections is None:
            return False  # this serves one stream only, in its caller's task
        self._entrance.came()
        self._under_way.opened()
        self._connections.start_soon(connection.run)
        return True

    def came(self, connection: ServerConnection) -> None:
        """Know a connection that begins; for connections."""
        self._under_way.came(connection)
        if self.shutting_down.is_set():
            connection.drain()

    def left(self, connection: ServerConnection) -> None:
        """Know it no more; for connections."""
        self._under_way.left(connection)
        self._gone()

    def _gone(self) -> None:
        self._entrance.left()
        self._under_way.closed()

    async def serve_stream(self, stream: trio.abc.Stream, *, peer: Address = None) -> None:
        """Serve one connection that was accepted elsewhere, until it ends; without listening.

        Args:
            stream: The connection; TLS is done on it if the server is secure.
            peer: Who it is with, where the stream cannot tell.

        Raises:
            RuntimeError: This server serves already: one such connection at a time, and none beside :meth:`listen`.

        Cancellation:
            Cancels the handler and closes the connection.
        """
        if self._under_way.background is not None:
            raise RuntimeError(
                f"{self!r} serves already, and serve_stream() serves one connection by itself: make a server for each "
                "(trio_http.serve_connection), or give one server a listener that brings them"
            )
        self.stats.connections += 1
        self._under_way.opened()
        self._entrance.came()
        try:
            async with trio.open_nursery() as self._under_way.background, trio.open_nursery() as services:
                self._start_services(services)
                await self._serve_stream(stream, peer)
                services.cancel_scope.cancel()
        finally:
            self._under_way.background = None

    # ---------------------------------------------------------------- background work

    def start_background(
        self, fn: Callable[..., Awaitable[object]], args: tuple[object, ...], request: Request | None
    ) -> None:
        """Run ``await fn(*args)`` beside the connections; see :meth:`Request.background`.

        Raises:
            RuntimeError: The server does not run, or is shutting down.
        """
        if self.shutting_down.is_set():
            raise RuntimeError(f"{fn!r} cannot run in the background: the server is shutting down")
        self._under_way.start_background(fn, args, request)

    # ---------------------------------------------------------------- stopping

    def stop_accepting(self) -> None:
        """Accept no more connections; those that are open go on. The listening sockets are closed."""
        self._accepting.cancel()

    async def shutdown(self, grace: float = 30.0, *, lame_duck: float = 0.0, linger: float = 0.0) -> ShutdownReport:
        """Stop: no new connections, idle ones closed, active ones answered with ``Connection: close``, then cut.

        Args:
            grace: Seconds for requests and background work under way; 0 cuts them at once.
            lame_duck: Seconds before that in which all goes on, but answers say ``Connection: close``, so that load
                balancers look elsewhere.
            linger: Seconds after that in which no new connection is accepted, but each that is open may send one more
                request, answered with ``Connection: close``. For a process that another one succeeds: no client finds
                its connection closed while its request is on the way. (nginx has ``keepalive_min_timeout`` for this.)

        Returns:
            What happened, within ``lame_duck``, ``linger``, ``grace`` and half a second, whatever peers and handlers
            do.

        Cancellation:
            Cuts at once what is left; the server ends by itself then.
        """
        began = trio.current_time()
        under_way = self._under_way
        before = len(under_way.connections)
        try:
            if lame_duck > 0:
                self.draining = True
                await trio.sleep(lame_duck)
            before = len(under_way.connections)
            if linger > 0:
                self.draining = True
                self.stop_accepting()
                with trio.move_on_after(linger):
                    await self._entrance.wait_until_empty()
            self._stop()
            under_way.drain()
            await under_way.wait_until_empty(grace)
        finally:
            self._stop()
            left = len(under_way.connections)
            cut = under_way.cut()
        await under_way.wait_until_empty(FORCE)
        stuck = under_way.force()
        return ShutdownReport(max(0, before - left), cut, stuck, trio.current_time() - began)

    def _stop(self) -> None:
        self.draining = True
        self.shutting_down.set()
        self.stop_accepting()

    async def aclose(self) -> None:
        """Shut down without grace."""
        await self.shutdown(grace=0)
