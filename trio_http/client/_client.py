"""The client: what users call. It turns their words into calls, and follows those through redirects."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json as json_codec
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, Unpack, final

import trio

from .._config import ClientLimits, ClientTimeouts
from .._errors import BodyTooLarge, DecodingError, HTTPError, InvalidURL, LocalProtocolError
from ..messages import Body, Content, Handler, Request, Response
from ..semantics import (
    URL,
    ContentDecoder,
    CookieJar,
    Headers,
    Query,
    QueryInput,
    available_codings,
    encode_form,
    format_http_date,
    parse_content_encoding,
)
from ..semantics._grammar import is_host, is_token
from ..websocket import LiveWebSocket, OpenWebSocket, ReconnectingWebSocket, http_url
from ._attempt import Attempt
from ._auth import auth_of
from ._call import Call, Destination, Terms
from ._core import Core
from ._events import EventStream
from ._group import RequestGroup
from ._journey import Journey, head_response, store_cookies
from ._multipart import MultipartBody
from ._options import FIXED, ClientMiddleware, ClientOptions, RequestOptions, Settings
from ._pool import Pool
from ._retry import Retry
from ._stream import OpenResponse, ResponseStream, StreamedBody
from ._upgrade import Upgrade
from ._websocket import WebSocketRequestOptions, begin_websocket, request_options, websocket_options

__all__ = ["Client"]

ERROR_BODY = 1024 * 1024  # bytes of a streamed error that raise_for_status reads for the exception
_METHODS = frozenset(
    ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY")  # RFC 9110, RFC 5789
)
_DESTINATIONS_MAX = 256
_NO_CONTENT = Content()
# fields that make a request more than its bytes: they change what the connection does after it
_NOT_PLAIN = ("connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade")
# options that the straight way of a request cannot take
_JOURNEY = frozenset({"auth", "retry", "cookies", "follow_redirects", "max_redirects"})


@final
class Client:
    """Requests over connections that are kept.

    A client owns a nursery and a pool, so it is used as a block: ``async with Client() as client``. Leaving the block
    ends what is under way and closes everything. Making one costs next to nothing: no TLS context is made before it
    is needed, and equal ones are shared.

    Args:
        options: See :class:`ClientOptions`.

    Example:
        >>> async with Client(base_url="http://127.0.0.1:8000", timeout=10) as client:
        ...     response = await client.get("/")
        ...     print(response.status, response.text())
    """

    __slots__ = (
        "_base",
        "_core",
        "_destinations",
        "_headers",
        "_jar",
        "_light",
        "_may_have_cookies",
        "_plain",
        "_settings",
        "_terms",
    )

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._settings = settings = Settings(**options)
        self._core = Core(settings)
        self._prepare()

    def _prepare(self) -> None:
        settings = self._settings
        self._destinations: dict[object, Destination] = {}
        self._base = None if settings.base_url is None else _absolute(URL(settings.base_url))
        self._terms = Terms(settings.timeouts, settings.limits)
        cookies = settings.cookies
        self._jar = cookies if isinstance(cookies, CookieJar) else CookieJar()
        self._may_have_cookies = self._jar is cookies
        self._light = not (
            settings.auth or settings.retry or settings.middleware or settings.on_request or settings.on_response
        )
        self._headers = headers = Headers({"Accept": "*/*", "User-Agent": settings.user_agent})
        if settings.decompress:
            headers["Accept-Encoding"] = ", ".join(available_codings())
        if settings.referer is not None:
            headers["Referer"] = settings.referer
        if isinstance(cookies, Mapping) and cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if settings.headers is not None:
            headers.update(settings.headers)
            _check_framing(headers)
        self._plain = self._light and not any(name in headers for name in _NOT_PLAIN)

    def __repr__(self) -> str:
        where = f" {self._base.redacted}" if self._base is not None else ""
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
        self._core.pool.close()
        await trio.lowlevel.checkpoint()

    @property
    def pool(self) -> Pool:
        """The connections: ``client.pool.connections``, ``client.pool.waiters``."""
        return self._core.pool

    @property
    def headers(self) -> Headers:
        """The fields of every request; a copy."""
        return self._headers.copy()

    @property
    def cookies(self) -> CookieJar:
        """The jar: ``client.cookies.save()``, ``client.cookies.load(text)``."""
        self._may_have_cookies = True
        return self._jar

    @property
    def base_url(self) -> URL | None:
        """What relative URLs are appended to."""
        return self._base

    @property
    def timeouts(self) -> ClientTimeouts:
        """The deadlines."""
        return self._terms.timeouts

    def with_(self, **options: Unpack[ClientOptions]) -> Client:
        """Return a client that differs in some options and shares nursery, pool and connections with this one.

        Raises:
            TypeError: An option belongs to the connections, which are shared.
        """
        fixed = sorted(set(options) & FIXED)
        if fixed:
            raise TypeError(f"with_() shares the connections, so it cannot change {', '.join(fixed)}: make a Client")
        other = Client.__new__(Client)
        other._settings = dataclasses.replace(self._settings, **options)
        other._core = self._core
        other._prepare()
        if "cookies" not in options:
            other._jar = self.cookies
            other._may_have_cookies = True
        return other

    # ---------------------------------------------------------------- requests

    async def get(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a GET request; see :meth:`request`."""
        return await self._request("GET", url, options)

    async def head(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a HEAD request; see :meth:`request`."""
        return await self._request("HEAD", url, options)

    async def options(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make an OPTIONS request; see :meth:`request`."""
        return await self._request("OPTIONS", url, options)

    async def post(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a POST request; see :meth:`request`."""
        return await self._request("POST", url, options)

    async def put(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PUT request; see :meth:`request`."""
        return await self._request("PUT", url, options)

    async def patch(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PATCH request; see :meth:`request`."""
        return await self._request("PATCH", url, options)

    async def delete(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a DELETE request; see :meth:`request`."""
        return await self._request("DELETE", url, options)

    async def request(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a request and read the whole response.

        Args:
            method: The method.
            url: An absolute URL, or one relative to ``base_url``.
            options: See :class:`RequestOptions`.

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
        return await self._request(method, url, options)

    async def send(self, request: Request, **options: Unpack[RequestOptions]) -> Response:
        """Make a request that was built by hand; its target is an absolute URL or relative to ``base_url``.

        This is a :data:`~trio_http.messages.Handler`.

        Raises:
            HTTPError: As :meth:`request`.
        """
        return await self._request("", "", options, asked=request)

    def stream(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Make a request and read the response piece by piece: ``async with client.stream("GET", url) as response``.

        The body exists only inside the block. Leaving it early closes the connection; no cancel scope or nursery of
        ours is open around the block's code.

        Raises:
            HTTPError: When the block is entered, as :meth:`request`.
        """
        what = f"{method} {url.redacted if isinstance(url, URL) else _redacted(url)}"

        async def begin() -> OpenResponse:
            try:
                call = self._call(method, url, options)
            except Exception:
                await _close_unsent(options)
                raise
            return await self._open(call, options)

        return ResponseStream(begin, what)

    def gather(self, limit: int | None = None) -> RequestGroup:
        """Open a group of requests that run beside each other; see :class:`RequestGroup`.

        Args:
            limit: How many run at once; None for as many as there are. The pool's limits hold besides.
        """
        return RequestGroup(self._request, limit)

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
            opened = await self._open(self._call(method, url, options), options, check=False)
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
            call = self._call(method, url, options)
            if not is_token(protocol.partition("/")[0].encode()):
                raise LocalProtocolError(f"{protocol!r} names no protocol (RFC 9110 section 7.8)")
            call.upgrade = Headers({"Upgrade": protocol}).raw[0][1]
            opened = await self._open(call, options, check=False)
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
            options: See :class:`WebSocketRequestOptions`.

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
            call = self._call("GET", http_url(url), given)
            call.upgrade = b"websocket"
            return await self._open(call, given, check=False)

        return functools.partial(begin_websocket, send, websocket_options(options))

    # ---------------------------------------------------------------- what they have in common

    async def _request(
        self, method: str, url: str | URL, options: RequestOptions, *, asked: Request | None = None
    ) -> Response:
        # Hot: once per request. With nothing set up between the call and its attempt it takes the straight way.
        try:
            call = self._call(method, url, options) if asked is None else self._call_for(asked, options)
        except Exception:
            await _close_unsent(options)
            raise
        settings = self._settings
        limit = options.get("max_body", settings.limits.body)
        if not self._light or call.to.has_secret or not (not options or _JOURNEY.isdisjoint(options)):
            opened = await self._open(call, options, check=False)
            try:
                response = opened.response
                await response.read(limit)
            finally:
                await opened.aclose()
        else:
            jar = self._jar
            if self._may_have_cookies:
                call.cookie = jar.header_for(call.to.url)
            call.is_plain = not options and asked is None and call.cookie is None and self._plain
            history: tuple[Response, ...] = ()
            try:
                attempt, head = await self._core.attempt(call)
                if 301 <= head.status_code <= 308:
                    store_cookies(jar, call.to.url, head)
                    journey = self._journey(options)
                    self._may_have_cookies = True
                    attempt, head = await journey.go_on(call, attempt, head)
                    call = attempt.call
                    history = journey.history
            except BaseException:
                await call.content.aclose()
                raise
            data, trailers = await attempt.read_whole(limit)
            response = head_response(head, data)
            response.asked_by(call)
            response.url = call.to.url
            response.timings = attempt.timings
            response.history = history
            if trailers is not None:
                response.trailers_to_send = trailers
            for item in head.headers.triples:
                if item[1] == b"set-cookie":
                    self._may_have_cookies = True
                    jar.store(call.to.url, item[2].decode("latin-1"))
                elif item[1] == b"content-encoding" and data and self._decompresses(options):
                    decoder = _decoder_for(response.headers, settings.limits, limit)
                    if decoder is not None:
                        _decode_whole(response, decoder, data, call)
                    data = b""  # done, all of it
        if response.status >= 400 and options.get("raise_for_status", settings.raise_for_status):
            response.raise_for_status()
        return response

    async def _open(self, call: Call, options: RequestOptions, *, check: bool = True) -> OpenResponse:
        """Send a request through everything there is, and return the response with an open body."""
        attempts: list[Attempt] = []

        async def handle(request: Request) -> Response:
            following = call if request is asked else self._call_for(request, options)
            journey = self._journey(options)
            self._may_have_cookies = True
            try:
                attempt, head = await journey.run(following)
            except BaseException:
                await following.content.aclose()
                raise
            attempts.append(attempt)
            headers = Headers.from_items(head.headers.triples)
            decoder = None
            if attempt.has_body and self._decompresses(options):
                decoder = _decoder_for(headers, self._settings.limits, None)
            elif not attempt.has_body and head.status_code != 101 and not attempt.finish_nowait():
                await attempt.finish()
            response = Response.received(
                head.status_code, "", headers, "HTTP/1.1", Body(StreamedBody(attempt, decoder))
            )
            like = head_response(head)
            response.reason, response.http_version = like.reason, like.http_version
            self._finish(response, attempt, journey.history)
            return response

        asked = call.request()
        handler: Handler = handle
        for each in reversed(self._settings.middleware):
            handler = functools.partial(_through, each, handler)
        try:
            response = await handler(asked)
            if check and options.get("raise_for_status", self._settings.raise_for_status) and response.status >= 400:
                with contextlib.suppress(HTTPError):  # the status is what is to be told, with or without its body
                    await response.read(ERROR_BODY)
                response.raise_for_status()
        except BaseException:
            for attempt in attempts:
                await attempt.abandon()
            raise
        return OpenResponse(response, attempts)

    def _journey(self, options: RequestOptions) -> Journey:
        settings = self._settings
        most = options.get("max_redirects", settings.max_redirects)
        if most is None:
            most = settings.limits.redirects
        cookies = options.get("cookies")
        retry = options.get("retry", settings.retry)
        return Journey(
            self._core,
            jar=self._jar,
            auth=auth_of(options.get("auth", settings.auth)),
            retry=Retry(attempts=retry) if isinstance(retry, int) else retry,
            redirects=most,
            follow=options.get("follow_redirects", settings.follow_redirects),
            cookies="; ".join(f"{name}={value}" for name, value in cookies.items()) if cookies else None,
            on_request=tuple(settings.on_request),
            on_response=tuple(settings.on_response),
        )

    def _decompresses(self, options: RequestOptions) -> bool:
        return options.get("decompress", self._settings.decompress)

    def _finish(self, response: Response, attempt: Attempt, history: tuple[Response, ...]) -> None:
        call = attempt.call
        response.asked_by(call)
        response.url = call.to.url
        response.timings = attempt.timings
        response.history = history

    def _call_for(self, request: Request, options: RequestOptions) -> Call:
        """Return the call for a request that was built by hand, or made from another by middleware."""
        # one that was built by hand has its URL as the target, one that a client made has it apart
        target = str(request.url) if request.raw_target.startswith(b"/") and request.host else request.target
        merged: RequestOptions = {**options}
        headers = request.headers.copy()
        headers.update(options.get("headers") or ())
        merged["headers"] = headers
        for name in ("params", "content", "json", "data", "files"):
            merged.pop(name, None)  # type: ignore[misc]  # all are keys
        return self._call(request.method, target, merged, content=request.content)

    # ---------------------------------------------------------------- from words to calls

    def _call(self, method: str, url: str | URL, options: RequestOptions, *, content: Content | None = None) -> Call:
        # Hot: once per request. What follows from the URL is remembered; without options the rest is two look-ups.
        if method not in _METHODS:
            self._check_method(method, options)
        to = self._destinations.get(url)
        if to is None:
            to = self._destination(self._resolve(url))
            if len(self._destinations) >= _DESTINATIONS_MAX:
                self._destinations.clear()
            self._destinations[url] = to
        if not options and not self._settings.expect_continue:
            return Call(
                method, to, self._headers.copy(), _NO_CONTENT if content is None else content, terms=self._terms
            )
        params = options.get("params")
        if params is not None:
            to = self._destination(_with_params(to.url, params))
        headers = self._headers.copy()
        if content is None:
            content = _content_of(options, headers)
        given = options.get("headers")
        if given is not None:
            headers.update(given)
            _check_framing(headers)
            if "range" in headers and "accept-encoding" not in Headers(given):
                headers.pop("accept-encoding", None)  # a part of coded content could not be decoded
        _add_conditions(headers, options)
        terms = self._terms_for(options["timeout"]) if "timeout" in options else self._terms
        call = Call(method, to, headers, content, terms=terms)
        expect = options.get("expect_continue", self._settings.expect_continue)
        if expect:
            call.expect = 1.0 if expect is True else float(expect)
        call.progress = options.get("progress")
        call.on_informational = options.get("on_informational")
        return call

    def _check_method(self, method: str, options: RequestOptions) -> None:
        if not method.isascii() or not is_token(method.encode()):
            raise LocalProtocolError(f"{method!r} is no method: expected a token such as GET (RFC 9110 section 9.1)")
        if not options.get("allow_nonstandard_methods", self._settings.allow_nonstandard_methods):
            raise LocalProtocolError(
                f"{method!r} is none of the methods {', '.join(sorted(_METHODS))}. If it is meant, say "
                "allow_nonstandard_methods=True"
            )

    def _resolve(self, url: str | URL) -> URL:
        found = URL(url)
        base = self._base
        if not found.is_absolute and base is not None:
            text = str(found)
            if text.startswith("//"):
                found = base.join(text)
            else:
                # appended, not joined: a base of http://h/api is there to prefix every path
                stem = str(base.replace(query=None, fragment=None))
                found = URL(f"{stem.rstrip('/')}/{text.lstrip('/')}" if text[:1] not in "?#" else f"{stem}{text}")
        if self._settings.params is not None:
            found = _with_params(found, self._settings.params)
        return _absolute(found)

    def _destination(self, url: URL) -> Destination:
        return self._core.destination(url)

    def _terms_for(self, timeout: float | ClientTimeouts | None) -> Terms:
        if not isinstance(timeout, ClientTimeouts):
            if timeout == self._terms.timeouts.total:
                return self._terms
            timeout = self._terms.timeouts.replace(total=timeout)
        return Terms(timeout, self._settings.limits)


def _absolute(url: URL) -> URL:
    if url.scheme not in {"http", "https"}:
        raise InvalidURL(
            f"{url.redacted!r} is no URL to send a request to: expected http:// or https://"
            + ("" if url.is_absolute else ", or a base_url that it is relative to")
        )
    return url


def _with_params(url: URL, params: QueryInput) -> URL:
    added = str(Query(params))
    if not added:
        return url
    return url.with_query(f"{url.query_string}&{added}" if url.query_string else added)


def _content_of(options: RequestOptions, headers: Headers) -> Content:
    files = options.get("files")
    if files:
        if "content" in options or "json" in options:
            raise TypeError("a request has one body: give files with data, without content or json")
        body = MultipartBody(options.get("data") or (), files)
        headers["Content-Type"] = body.content_type
        return Content(body, length=body.length)
    given = [name for name in ("content", "json", "data") if options.get(name) is not None or name == "json" in options]
    if not given:
        return _NO_CONTENT
    if len(given) > 1:
        raise TypeError(f"a request has one body: give one of {', '.join(given)}")
    if "json" in options:
        headers.setdefault("Content-Type", "application/json")
        return Content(json_codec.dumps(options["json"], separators=(",", ":"), ensure_ascii=False))
    data = options.get("data")
    if data is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return Content(encode_form(data))
    content = options.get("content")
    if isinstance(content, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    return Content(content)


async def _close_unsent(options: RequestOptions) -> None:
    """Close a body that was given with something else that is wrong."""
    with contextlib.suppress(TypeError):
        await Content(options.get("content")).aclose()


def _check_framing(headers: Headers) -> None:
    """Refuse what would be sent as it is and misunderstood: the names and values themselves are fit for the wire."""
    for name, right in (("host", is_host), ("content-length", bytes.isdigit)):
        values = headers.get_list(name)
        if len(values) > 1 or not all(right(value.encode("latin-1")) for value in values):
            raise LocalProtocolError(
                f"{name}: {', '.join(map(ascii, values))} cannot be sent: expected one "
                + ("host, with a port if need be" if name == "host" else "number of bytes")
            )


def _add_conditions(headers: Headers, options: RequestOptions) -> None:
    since = options.get("if_modified_since")
    if since is not None:
        headers["If-Modified-Since"] = format_http_date(since)
    tag = options.get("if_none_match")
    if tag is not None:
        headers["If-None-Match"] = tag
    referer = options.get("referer")
    if referer is not None:
        headers["Referer"] = referer


async def _through(middleware: ClientMiddleware, handler: Handler, request: Request) -> Response:
    return await middleware(request, handler)


def _redacted(url: str) -> str:
    try:
        return URL(url).redacted
    except (InvalidURL, TypeError):
        return "an invalid URL"


def _decoder_for(headers: Headers, limits: ClientLimits, max_output: int | None) -> ContentDecoder | None:
    """Return what undoes the codings of a body, and take them, and its length, out of the headers.

    The headers then fit what is read: they can be passed on with it.
    """
    codings = parse_content_encoding(headers.get("content-encoding"))
    if not codings:
        return None
    decoder = ContentDecoder(codings, max_output=max_output, max_ratio=limits.ratio)
    del headers["content-encoding"]
    headers.pop("content-length", None)
    return decoder


def _decode_whole(response: Response, decoder: ContentDecoder, data: bytes, call: Call) -> None:
    try:
        decoder.feed(data)
        decoder.finish()
        response.replace_content(b"".join(iter(decoder.read, b"")))
    except DecodingError as error:
        raise DecodingError(f"{call}: {error}") from error
    except BodyTooLarge as error:
        raise BodyTooLarge(f"{call}: {error}", limit=error.limit) from error
