"""The head of a request: its line and its fields, and what they say.

On a server it is a view on what the core parsed: bytes become str only when somebody asks. It knows nothing of bodies
and connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from ..semantics import (
    ByteRange,
    Cookies,
    ETag,
    HeaderItem,
    Headers,
    MediaType,
    Query,
    RequestStartLine,
    choose_language,
    choose_media_type,
    parse_etags,
    parse_http_date,
    parse_range,
)
from ._target import path_of_absolute, unquote_path

__all__ = ["RequestHead"]


class RequestHead:
    """What a request says before its body; the base of :class:`Request`, which makes and fills it."""

    __slots__ = ("_cookies", "_headers", "_items", "_path", "_query", "http_version", "method", "raw_target")

    method: str
    raw_target: bytes
    http_version: str
    _items: list[HeaderItem]
    _headers: Headers | None
    _path: str | None
    _query: Query | None
    _cookies: Cookies | None

    # ---------------------------------------------------------------- the request line

    @property
    def target(self) -> str:
        """The request target as sent, percent-encoding and all."""
        return self.raw_target.decode("latin-1")

    @property
    def headers(self) -> Headers:
        """The header fields; yours to change, and to replace."""
        if self._headers is None:
            self._headers = Headers.from_items(self._items)
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    @property
    def path(self) -> str:
        """The path of the target, percent-decoded as UTF-8 (bytes that are none become U+FFFD)."""
        path = self._path
        if path is None:
            raw = self.raw_path
            path = self._path = unquote_path(raw) if "%" in raw else raw
        return path

    @property
    def raw_path(self) -> str:
        """The path of the target as sent; ``""`` for CONNECT and for ``OPTIONS *``."""
        target = self.raw_target
        if not target.startswith(b"/"):
            target = path_of_absolute(target)
        if b"#" in target:
            target = target.partition(b"#")[0]
        return (target.partition(b"?")[0] if b"?" in target else target).decode("latin-1")

    @property
    def query_string(self) -> str:
        """What follows the first ``?`` of the target, as sent; ``""`` if there is none."""
        target = self.raw_target
        if b"#" in target:
            target = target.partition(b"#")[0]
        return target.partition(b"?")[2].decode("latin-1")

    @property
    def fragment(self) -> str:
        """What follows the first ``#`` of the target, as sent; ``""`` as a rule, because it is not for servers."""
        return self.raw_target.partition(b"#")[2].decode("latin-1")

    @property
    def query(self) -> Query:
        """The fields of the query string, decoded: a mapping, with all values of a name by ``get_list``."""
        query: Query | None = self._query
        if query is None:
            query = self._query = Query(self.query_string)
        return query

    @property
    def params(self) -> dict[str, list[str]]:
        """All values of each name in the query string; :attr:`query` has more to offer."""
        params: dict[str, list[str]] = {}
        for name, value in self.query.get_all():
            params.setdefault(name, []).append(value)
        return params

    @property
    def start_line(self) -> RequestStartLine:
        """Method, target and version as one tuple."""
        return RequestStartLine(self.method, self.target, self.http_version)

    @property
    def supports_http_1_1(self) -> bool:
        """Whether the peer speaks HTTP/1.1, so that chunks, 100 Continue and other 1xx answers may be sent."""
        return self.http_version == "HTTP/1.1"

    # ---------------------------------------------------------------- what clients say about representations

    @property
    def cookies(self) -> Cookies:
        """The cookies sent: a mapping from name to value."""
        cookies: Cookies | None = self._cookies
        if cookies is None:
            cookies = self._cookies = Cookies(self.headers.get("cookie"))
        return cookies

    @property
    def content_type(self) -> MediaType | None:
        """The media type of the body; None where none is given, or something that is none."""
        value = self.headers.get("content-type")
        try:
            return None if value is None else MediaType.parse(value)
        except ValueError:
            return None

    def accepts(self, *offers: str) -> str | None:
        """Return the media type among ``offers`` that the client likes best, None if it accepts none of them."""
        return choose_media_type(self.headers.get("accept"), offers)

    def accepts_language(self, *offers: str) -> str | None:
        """Return the language among ``offers`` that the client likes best, None if it accepts none of them."""
        return choose_language(self.headers.get("accept-language"), offers)

    @property
    def if_match(self) -> Sequence[ETag] | Literal["*"]:
        """The entity tags of ``If-Match``; empty where there is no such field."""
        return parse_etags(self.headers.get("if-match") or "")

    @property
    def if_none_match(self) -> Sequence[ETag] | Literal["*"]:
        """The entity tags of ``If-None-Match``; empty where there is no such field."""
        return parse_etags(self.headers.get("if-none-match") or "")

    @property
    def if_modified_since(self) -> datetime | None:
        """The date of ``If-Modified-Since``; None where there is none, or nothing that is a date."""
        return self._date("if-modified-since")

    @property
    def if_unmodified_since(self) -> datetime | None:
        """The date of ``If-Unmodified-Since``; None where there is none, or nothing that is a date."""
        return self._date("if-unmodified-since")

    def _date(self, name: str) -> datetime | None:
        value = self.headers.get(name)
        try:
            return None if value is None else parse_http_date(value)
        except ValueError:
            return None

    def range(self, size: int) -> list[ByteRange] | None:
        """Return the parts of ``size`` bytes that are asked for; None: all of them, empty: answer 416."""
        return parse_range(self.headers.get("range"), size)
