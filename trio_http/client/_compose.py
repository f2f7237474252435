"""From words to calls: what a user says of a request, together with what he said of its client."""

from __future__ import annotations

import json as json_codec
from collections.abc import Mapping
from typing import final

from .._config import ClientTimeouts
from .._errors import InvalidURL, LocalProtocolError
from .._grammar import is_host, is_token
from ..messages import Content, Request
from ..semantics import URL, Headers, Query, QueryInput, SetCookie, available_codings, encode_form, format_http_date
from ._call import Call, Destination, Terms
from ._core import Core
from ._multipart import MultipartBody
from ._options import REQUEST_OPTIONS, RequestOptions, Settings, check_seconds, unknown_request_option

__all__ = ["BUILT_IN", "Composer", "cookie_field"]

BUILT_IN = frozenset(("params", "content", "json", "data", "files"))  # a request that was built has these in itself
_METHODS = frozenset(
    ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY")  # RFC 9110, RFC 5789
)
_DESTINATIONS_MAX = 256
_NO_CONTENT = Content()
# fields that make a request more than its bytes: they change what the connection does after it
_NOT_PLAIN = ("connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade")


@final
class Composer:
    """What a client says of all its requests, ready to be joined with what is said of one.

    Args:
        settings: What the user said of the client.
        core: Knows the ways to servers.

    Attributes:
        base: What relative URLs are appended to.
        headers: The fields of every request.
        terms: The deadlines and limits of requests that have none of their own.
        is_plain: True if none of these fields is about the connection.
    """

    __slots__ = ("_core", "_destinations", "_settings", "base", "headers", "is_plain", "terms")

    def __init__(self, settings: Settings, core: Core) -> None:
        self._settings = settings
        self._core = core
        self._destinations: dict[object, Destination] = {}
        self.base = None if settings.base_url is None else _absolute(URL(settings.base_url))
        self.terms = Terms(settings.timeouts, settings.limits)
        self.headers = headers = Headers({"Accept": "*/*", "User-Agent": settings.user_agent})
        if settings.decompress:
            headers["Accept-Encoding"] = ", ".join(available_codings())
        if settings.referer is not None:
            headers["Referer"] = settings.referer
        cookies = settings.cookies
        if isinstance(cookies, Mapping) and cookies:
            headers["Cookie"] = cookie_field(cookies)
        if settings.headers is not None:
            headers.update(settings.headers)
            _check_framing(headers)
        self.is_plain = not any(name in headers for name in _NOT_PLAIN)

    def call_for(self, request: Request, options: RequestOptions) -> Call:
        """Return the call for a request that was built by hand, or made from another by middleware."""
        # one that was built by hand has its URL as the target, one that a client made has it apart
        target = str(request.url) if request.raw_target.startswith(b"/") and request.host else request.target
        merged: RequestOptions = {**options}
        headers = request.headers.copy()
        headers.update(options.get("headers") or ())
        merged["headers"] = headers
        for name in BUILT_IN:
            merged.pop(name, None)  # type: ignore[misc]  # all are keys
        return self.call(request.method, target, merged, content=request.content)

    def call(self, method: str, url: str | URL, options: RequestOptions, *, content: Content | None = None) -> Call:
        # Hot: once per request. What follows from the URL is remembered; without options the rest is two look-ups.
        if method not in _METHODS:
            self._check_method(method, options)
        to = self._destinations.get(url)
        if to is None:
            to = self._core.destination(self._resolve(url))
            if len(self._destinations) >= _DESTINATIONS_MAX:
                self._destinations.clear()
            self._destinations[url] = to
        if not options and not self._settings.expect_continue:
            return Call(method, to, self.headers.copy(), _NO_CONTENT if content is None else content, terms=self.terms)
        if not options.keys() <= REQUEST_OPTIONS:
            raise unknown_request_option(options)
        params = options.get("params")
        if params is not None:
            to = self._core.destination(_with_params(to.url, params))
        headers = self.headers.copy()
        if content is None:
            content = _content_of(options, headers)
        given = options.get("headers")
        if given is not None:
            headers.update(given)
            _check_framing(headers)
            if "range" in headers and "accept-encoding" not in Headers(given):
                headers.pop("accept-encoding", None)  # a part of coded content could not be decoded
        _add_conditions(headers, options)
        terms = self._terms_for(options["timeout"]) if "timeout" in options else self.terms
        call = Call(method, to, headers, content, terms=terms)
        expect = options.get("expect_continue", self._settings.expect_continue)
        if expect:
            call.expect = 1.0 if expect is True else check_seconds("expect_continue", expect)
        call.progress = options.get("progress")
        call.on_informational = options.get("on_informational")
        return call

    def _check_method(self, method: str, options: RequestOptions) -> None:
        if not method.isascii() or not is_token(method.encode()):
            raise LocalProtocolError(f"{method!r} is no method: expected a token such as GET (RFC 9110 section 9.1)")
        if not options.get("allow_nonstandard_methods", self._settings.allow_nonstandard_methods):
            raise LocalProtocolError(
                f"{method!r} is none of the methods {', '.join(sorted(_METHODS))}. "
                + (
                    f"They are written in upper case: {method.upper()!r}"
                    if method.upper() in _METHODS
                    else "If it is meant, say allow_nonstandard_methods=True"
                )
            )

    def _resolve(self, url: str | URL) -> URL:
        found = URL(url)
        base = self.base
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

    def _terms_for(self, timeout: float | ClientTimeouts | None) -> Terms:
        if not isinstance(timeout, ClientTimeouts):
            if timeout == self.terms.timeouts.total:
                return self.terms
            timeout = self.terms.timeouts.replace(total=timeout)
        return Terms(timeout, self._settings.limits)


def cookie_field(cookies: Mapping[str, str]) -> str:
    """Return cookies as they are sent.

    Raises:
        LocalProtocolError: A name or a value cannot be sent.
    """
    if not isinstance(cookies, Mapping):
        raise TypeError(f"cookies= takes a mapping of names to values, not {type(cookies).__name__}")
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in (SetCookie(*pair) for pair in cookies.items()))


def _absolute(url: URL) -> URL:
    if url.scheme not in {"http", "https"}:
        text = url.redacted
        meant = f"; perhaps {'http://' + text!r} was meant" if "://" not in text and text[:1] not in "/?#" else ""
        raise InvalidURL(
            f"{text!r} is no URL to send a request to: expected http:// or https://"
            + ("" if url.is_absolute else ", or a base_url that it is relative to")
            + meant
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
        if not isinstance(files, Mapping | list | tuple):
            raise TypeError(f"files= takes a mapping of field names to files, or pairs, not {type(files).__name__}")
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
    if isinstance(data, str | bytes):
        raise TypeError(f"data= takes the fields of a form; {type(data).__name__} to be sent as it is goes as content=")
    if data is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return Content(encode_form(data))
    content = options.get("content")
    if isinstance(content, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    return Content(content)


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
