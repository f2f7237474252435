"""The client: what users call. It turns their words into calls, and follows those through redirects."""

from __future__ import annotations

import contextlib
import dataclasses
import json as json_codec
from types import TracebackType
from typing import Self, Unpack, final

import trio

from .. import h1
from .._config import ClientTimeouts
from .._errors import BodyTooLarge, InvalidURL, LocalProtocolError
from ..messages import Body, Content, Request, Response
from ..semantics import URL, Headers, Query, QueryInput, encode_form, format_http_date, reason_bytes
from ..semantics._grammar import is_host, is_token
from ._call import Call, Destination, Terms
from ._core import Core
from ._exchange import Exchange
from ._options import FIXED, ClientOptions, RequestOptions, Settings
from ._pool import Pool
from ._redirect import is_redirect, next_headers, next_method, next_url, replayed, too_many
from ._stream import ResponseStream, StreamedBody

__all__ = ["Client"]

REDIRECT_BODY = 64 * 1024  # bytes of a redirect's body read over, to keep the connection; Go 2 KiB, curl all
_METHODS = frozenset(
    ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY")  # RFC 9110, RFC 5789
)
_VERSIONS = {b"1.1": "HTTP/1.1", b"1.0": "HTTP/1.0"}
_DESTINATIONS_MAX = 256
_NO_CONTENT = Content()
_reasons = {reason_bytes(code): reason_bytes(code).decode() for code in range(100, 600)}


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

    __slots__ = ("_base", "_core", "_destinations", "_headers", "_settings", "_terms")

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._settings = settings = Settings(**options)
        self._core = Core(settings)
        self._prepare()

    def _prepare(self) -> None:
        settings = self._settings
        self._destinations: dict[object, Destination] = {}
        self._base = None if settings.base_url is None else _absolute(URL(settings.base_url))
        self._terms = Terms(settings.timeouts, settings.limits)
        self._headers = headers = Headers({"Accept": "*/*", "User-Agent": settings.user_agent})
        if settings.referer is not None:
            headers["Referer"] = settings.referer
        if settings.headers is not None:
            headers.update(settings.headers)

    def __repr__(self) -> str:
        where = f" {self._base.redacted}" if self._base is not None else ""
        return f"<Client{where}: {self._core.pool!r}>"

    # ---------------------------------------------------------------- life

    async def __aenter__(self) -> Self:
        await self._core.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return await self._core.leave(error)

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
        return other

    # ---------------------------------------------------------------- requests

    async def get(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a GET request; see :meth:`request`."""
        return await self.request("GET", url, **options)

    async def head(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a HEAD request; see :meth:`request`."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make an OPTIONS request; see :meth:`request`."""
        return await self.request("OPTIONS", url, **options)

    async def post(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a POST request; see :meth:`request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PUT request; see :meth:`request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PATCH request; see :meth:`request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a DELETE request; see :meth:`request`."""
        return await self.request("DELETE", url, **options)

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
        try:
            call = self._call(method, url, options)
        except Exception:
            await _close_unsent(options)
            raise
        return await self._whole(call, options)

    async def send(self, request: Request, **options: Unpack[RequestOptions]) -> Response:
        """Make a request that was built by hand; its target is an absolute URL or relative to ``base_url``.

        This is a :data:`~trio_http.messages.Handler`.

        Raises:
            HTTPError: As :meth:`request`.
        """
        headers = request.headers.copy()
        headers.update(options.get("headers") or ())
        options["headers"] = headers
        # one that was built by hand has its URL as the target, one that a client made has it apart
        target = str(request.url) if request.raw_target.startswith(b"/") and request.host else request.target
        return await self._whole(self._call(request.method, target, options, content=request.content), options)

    def stream(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> ResponseStream:
        """Make a request and read the response piece by piece: ``async with client.stream("GET", url) as response``.

        The body exists only inside the block. Leaving it early closes the connection; no cancel scope or nursery of
        ours is open around the block's code.

        Raises:
            HTTPError: When the block is entered, as :meth:`request`.
        """

        async def begin() -> tuple[Exchange, Response]:
            try:
                call = self._call(method, url, options)
            except Exception:
                await _close_unsent(options)
                raise
            return await self._open_stream(call, options)

        return ResponseStream(begin)

    # ---------------------------------------------------------------- what they have in common

    async def _whole(self, call: Call, options: RequestOptions) -> Response:
        exchange, head, history = await self._follow(call, options)
        data, trailers = await exchange.read_whole(options.get("max_body", self._settings.limits.body))
        response = Response.whole(
            head.status_code, _reason_of(head), Headers.from_items(head.headers.triples), _version_of(head), data
        )
        self._finish(response, exchange, history)
        if trailers is not None:
            response.trailers_to_send = trailers
        if options.get("raise_for_status", self._settings.raise_for_status):
            response.raise_for_status()
        return response

    async def _open_stream(self, call: Call, options: RequestOptions) -> tuple[Exchange, Response]:
        exchange, head, history = await self._follow(call, options)
        body = Body(StreamedBody(exchange))
        if exchange.stream.core.their_state is not h1.SEND_BODY and not exchange.finish_nowait():
            await exchange.finish()
        response = Response.received(
            head.status_code, _reason_of(head), Headers.from_items(head.headers.triples), _version_of(head), body
        )
        self._finish(response, exchange, history)
        if options.get("raise_for_status", self._settings.raise_for_status) and response.status >= 400:
            await exchange.abandon()
            response.raise_for_status()
        return exchange, response

    def _finish(self, response: Response, exchange: Exchange, history: tuple[Response, ...]) -> None:
        call = exchange.call
        response.request = call.request()
        response.url = call.to.url
        response.timings = exchange.timings
        response.history = history

    async def _follow(
        self, call: Call, options: RequestOptions
    ) -> tuple[Exchange, h1.Response | h1.InformationalResponse, tuple[Response, ...]]:
        """Send a request, and what its redirects ask for; return the exchange that brought the final head."""
        try:
            exchange, head = await self._core.attempt(call)
        except BaseException:
            await call.content.aclose()
            raise
        status = head.status_code
        if status < 301 or status > 308 or not options.get("follow_redirects", self._settings.follow_redirects):
            return exchange, head, ()
        first = str(call)
        history: list[Response] = []
        most = options.get("max_redirects", self._settings.max_redirects)
        if most is None:
            most = self._settings.limits.redirects
        while is_redirect(head.status_code, headers := Headers.from_items(head.headers.triples)):
            try:
                data, _ = await exchange.read_whole(REDIRECT_BODY)
            except BodyTooLarge:
                data = b""
            response = Response.whole(head.status_code, _reason_of(head), headers, _version_of(head), data)
            self._finish(response, exchange, tuple(history))
            history.append(response)
            url = next_url(call.to.url, headers)
            if most is not None and len(history) > most:
                raise too_many(first, most, url)
            call = self._redirected(call, url, response.status)
            exchange, head = await self._core.attempt(call)
        return exchange, head, tuple(history)

    def _redirected(self, call: Call, url: URL, status: int) -> Call:
        method = next_method(call.method, status)
        drops = method != call.method
        content = _NO_CONTENT if drops else replayed(call.content, call.to.url, status)
        headers = next_headers(call.headers, drops_content=drops, crosses=url.origin != call.to.url.origin)
        return call.redirected(method, self._destination(url), headers, content)

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


def _reason_of(head: h1.Response | h1.InformationalResponse) -> str:
    return _reasons.get(head.reason) or head.reason.decode("latin-1")


def _version_of(head: h1.Response | h1.InformationalResponse) -> str:
    return _VERSIONS.get(head.http_version) or "HTTP/" + head.http_version.decode("ascii")
