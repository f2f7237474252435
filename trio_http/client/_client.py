"""The client: what users call."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, Unpack, final

import trio

from .._config import ClientTimeouts
from .._errors import InvalidURL, LocalProtocolError
from .._grammar import is_token
from ..messages import Request, Response
from ..semantics import (
    URL,
    CookieJar,
    Headers,
)
from ..websocket import LiveWebSocket, OpenWebSocket, ReconnectingWebSocket, http_url
from ._compose import BUILT_IN, Composer
from ._core import Core
from ._events import EventStream
from ._group import RequestGroup
from ._options import FIXED, ClientOptions, RequestOptions, Settings, check_client_options
from ._pool import Pool
from ._send import Sender
from ._stream import OpenResponse, ResponseStream
from ._upgrade import Upgrade
from ._websocket import WebSocketRequestOptions, begin_websocket, request_options, websocket_options

__all__ = ["Client"]


@final
class Client:
    """Requests over connections that are kept.

    A client owns a nursery and a pool, so it is used as a block: ``async with Client() as client``. Leaving the block
    ends what is under way and closes everything. Making one costs next to nothing: no TLS context is made before it
    is needed, and equal ones are shared.

    Args:
        options: See :class:`~trio_http.client.Settings`.

    Example:
        >>> async with Client(base_url="http://127.0.0.1:8000", timeout=10) as client:
        ...     response = await client.get("/")
        ...     print(response.status, response.text())
    """

    __slots__ = ("_composer", "_core", "_sender", "_settings")

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        check_client_options(options)
        self._settings = settings = Settings(**options)
        self._core = Core(settings)
        self._prepare()

    def _prepare(self) -> None:
        settings = self._settings
        self._composer = Composer(settings, self._core)
        self._sender = Sender(settings, self._core, self._composer)

    def __repr__(self) -> str:
        where = f" {self._composer.base.redacted}" if self._composer.base is not None else ""
        return f"<Client{where}: {self._core.pool!r}>"

    # ---------------------------------------------------------------- life

    async def __aenter__(self) -> Self:
        await self._core.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._core.leave(error)

    async def aclose(self) -> None:
        """Close all connections and end what is under way; requests made after this raise PoolError.

        The block goes on: leaving it does the rest.
        """
        self._core.close()
        await trio.lowlevel.checkpoint()

    @property
    def pool(self) -> Pool:
        """The connections: ``client.pool.connections``, ``client.pool.waiters``."""
        return self._core.pool

    @property
    def headers(self) -> Headers:
        """The fields of every request; a copy."""
        return self._composer.headers.copy()

    @property
    def cookies(self) -> CookieJar:
        """The jar: ``client.cookies.save()``, ``client.cookies.load(text)``.

        Raises:
            RuntimeError: This client was made with ``cookies=False``.
        """
        jar = self._sender.jar
        if jar is None:
            raise RuntimeError("this client keeps no cookies: it was made with cookies=False")
        self._sender.expect_cookies()
        return jar

    @property
    def base_url(self) -> URL | None:
        """What relative URLs are appended to."""
        return self._composer.base

    @property
    def timeouts(self) -> ClientTimeouts:
        """The deadlines."""
        return self._composer.terms.timeouts

    def with_(self, **options: Unpack[ClientOptions]) -> Client:
        """Return a client that differs in some options and shares nursery, pool and connections with this one.

        Raises:
            TypeError: An option belongs to the connections, which are shared.
        """
        fixed = sorted(set(options) & FIXED)
        if fixed:
            raise TypeError(f"with_() shares the connections, so it cannot change {', '.join(fixed)}: make a Client")
        check_client_options(options)
        other = Client.__new__(Client)
        other._settings = dataclasses.replace(self._settings, **options)
        other._core = self._core
        other._prepare()
        if "cookies" not in options and self._sender.jar is not None:
            other._sender.jar = self.cookies
            other._sender.expect_cookies()
        return other

    # ---------------------------------------------------------------- requests

    async def get(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a GET request; see :meth:`request`."""
        return await self._sender.request("GET", url, options)

    async def head(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a HEAD request; see :meth:`request`."""
        return await self._sender.request("HEAD", url, options)

    async def options(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make an OPTIONS request; see :meth:`request`."""
        return await self._sender.request("OPTIONS", url, options)

    async def post(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a POST request; see :meth:`request`."""
        return await self._sender.request("POST", url, options)

    async def put(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PUT request; see :meth:`request`."""
        return await self._sender.request("PUT", url, options)

    async def patch(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PATCH request; see :meth:`request`."""
        return await self._sender.request("PATCH", url, options)

    async def delete(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a DELETE request; see :meth:`request`."""
        return await self._sender.request("DELETE", url, options)

    async def request(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a request and read the whole response.

        Args:
            method: The method.
            url: An absolute URL, or one relative to ``base_url``.
            options: See :class:`~trio_http.client.RequestOptions`.

        Returns:
            The response, its body in memory.

        Raises:
            InvalidURL, LocalProtocolError: What was given cannot be sent; nothing was.
            ConnectError, TLSError, ProxyError, ReadError, WriteError: The connection failed.
            ConnectTimeout, HandshakeTimeout, PoolTimeout, WriteTimeout, ReadTimeout, TotalTimeout: It took too long.
            RemoteProtocolError, IncompleteBody: The server broke HTTP.
            BodyTooLarge: The body is larger than ``ClientLimits.body``.
            StatusError: With ``raise_for_status``.
            TooManyRedirects: It went on for too long.
            PoolError: The client is closed, or was closed meanwhile.

        Cancellation:
            Ends the request; its connection is closed, its place in the pool is free at once.
        """
        return await self._sender.request(method, url, options)

    async def send(self, request: Request, **options: Unpack[RequestOptions]) -> Response:
        """Make a request that was built by hand; its target is an absolute URL or relative to ``base_url``.

        This is a :data:`~trio_http.messages.Handler`; but do not serve it to strangers as it is: a request that was
        received goes to the Host that it names, so they would say whom we ask. ``examples/web_proxy.py`` shows how to
        pass requests on.

        Raises:
            HTTPError: As :meth:`request`.
            TypeError: An option would change the URL or the body, which are the request's own.
        """
        wrong = sorted(BUILT_IN & options.keys())
        if wrong:
            await request.content.aclose()
            raise TypeError(f"send() has no option {wrong[0]}=: a request that was built has it in itself")
        return await self._sender.request("", "", options, asked=request)

    def stream(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Make a request and read the response piece by piece: ``async with client.stream("GET", url) as response``.

        The body exists only inside the block. Leaving it early closes the connection; no cancel scope or nursery of
        ours is open around the block's code.

        Raises:
            HTTPError: When the block is entered, as :meth:`request`.
        """
        what = f"{method} {url.redacted if isinstance(url, URL) else _redacted(url)}"

        async def begin() -> OpenResponse:
            return await self._sender.open(await self._sender.compose(method, url, options), options)

        return ResponseStream(begin, what)

    def gather(self, limit: int | None = None) -> RequestGroup:
        """Open a group of requests that run beside each other; see :class:`RequestGroup`.

        Args:
            limit: How many run at once; None for as many as there are. The pool's limits hold besides.
        """
        return RequestGroup(self._sender.request, limit)

    def sse(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        attempts: int | None = 10,
        backoff: float = 1.0,
        last_event_id: str = "",
        **options: Unpack[RequestOptions],
    ) -> EventStream:
        """Read server-sent events: ``async with client.sse(url) as events: async for event in events``.

        The time in all stops counting when the head of the answer is there; between two events there is no deadline
        but what ``timeout=ClientTimeouts(read=...)`` says here.

        Args:
            url: The URL.
            method: The method.
            attempts: How often in a row connecting may fail; 1 for never connecting again, None for without end.
            backoff: Seconds before connecting again, unless the server says otherwise.
            last_event_id: Resume after this event.
            options: As of any request.
        """
        options.setdefault("timeout", self.timeouts.replace(read=None))
        headers = Headers({"Accept": "text/event-stream", "Cache-Control": "no-store"})
        headers.update(options.get("headers") or ())

        async def begin(event_id: str | None) -> OpenResponse:
            if event_id is not None:
                headers["Last-Event-ID"] = event_id
            options["headers"] = headers
            opened = await self._sender.open(await self._sender.compose(method, url, options), options, check=False)
            opened.stop_the_clock()
            return opened

        events = EventStream(begin, f"{method} {_redacted(str(url))}", attempts=attempts, backoff=backoff)
        events.last_event_id = last_event_id
        return events

    def upgrade(
        self, url: str | URL, protocol: str, *, method: str = "GET", **options: Unpack[RequestOptions]
    ) -> Upgrade:
        """Switch to another protocol: ``async with client.upgrade(url, "echo") as stream`` gives a trio stream.

        The time in all stops counting when the server has agreed. Leaving the block closes the connection.

        Raises:
            StatusError: When the block is entered: the server has not agreed; ``error.response`` is its answer.
            HTTPError: Likewise, as :meth:`request`.
        """

        async def begin() -> OpenResponse:
            call = await self._sender.compose(method, url, options)
            if not is_token(protocol.partition("/")[0].encode()):
                await call.content.aclose()
                raise LocalProtocolError(f"{protocol!r} names no protocol (RFC 9110 section 7.8)")
            call.switch_to(Headers({"Upgrade": protocol}).raw[0][1], self._core.destination(call.to.url, switches=True))
            opened = await self._sender.open(call, options, check=False)
            if opened.response.status == 101:
                opened.stop_the_clock()
            return opened

        return Upgrade(begin, f"{method} {_redacted(str(url))} (upgrade to {protocol})")

    def websocket(self, url: str | URL, **options: Unpack[WebSocketRequestOptions]) -> OpenWebSocket:
        """Open a WebSocket: ``async with client.websocket("ws://host/path") as ws``.

        The handshake is a request like any other: with the client's TLS, proxies, cookies, authentication and
        timeouts. The time in all stops counting when the server has agreed. Leaving the block closes the WebSocket.

        Args:
            url: ``ws://``, ``wss://`` (or ``http://``, ``https://``), or relative to ``base_url``.
            options: See :class:`~trio_http.client.WebSocketRequestOptions`.

        Raises:
            HandshakeRejected: When the block is entered: the server has not agreed; ``error.response`` is its answer.
            HTTPError: Likewise, as :meth:`request`.
        """
        return OpenWebSocket(self._websocket_beginning(url, options))

    def websockets(
        self,
        url: str | URL,
        *,
        attempts: int | None = None,
        backoff: float = 1.0,
        **options: Unpack[WebSocketRequestOptions],
    ) -> ReconnectingWebSocket:
        """Open a WebSocket again and again: ``async with client.websockets(url) as all: async for ws in all: ...``.

        Args:
            url: As of :meth:`websocket`.
            attempts: How often in a row connecting may fail before the error comes out; None for any number.
            backoff: Seconds before the second try, doubled with each failure.
            options: As of :meth:`websocket`.
        """
        begin = self._websocket_beginning(url, options)
        return ReconnectingWebSocket(begin, attempts=attempts, backoff=backoff)

    def _websocket_beginning(
        self, url: str | URL, options: WebSocketRequestOptions
    ) -> Callable[[], Awaitable[LiveWebSocket]]:
        async def send(fields: Headers) -> OpenResponse:
            headers = Headers(options.get("headers"))
            headers.update(fields)
            given = request_options(options)
            given["headers"] = headers
            call = await self._sender.compose("GET", http_url(url), given)
            call.switch_to(b"websocket", self._core.destination(call.to.url, switches=True))
            return await self._sender.open(call, given, check=False)

        return functools.partial(begin_websocket, send, websocket_options(options))


def _redacted(url: str) -> str:
    try:
        return URL(url).redacted
    except (InvalidURL, TypeError):
        return "an invalid URL"
