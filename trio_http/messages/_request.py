"""A request, as a handler receives it and as a client sends it.

On a server it is a view on what the core parsed: bytes become str only when somebody asks, and the body exists only
once it is wanted. It knows nothing of sockets; what needs the connection goes through its :class:`Exchange`.
"""

from __future__ import annotations

import json as json_codec
from collections.abc import Callable
from typing import Any, Self, final

from .._errors import DecodingError
from ..semantics import URL, HeaderItem, Headers, HeadersInput
from ._body import Body, BodySource, EmptySource, WholeSource
from ._content import Content, ContentLike
from ._exchange import Address, CancelReason, Exchange, NoExchange

__all__ = ["UNSET", "Request", "Unset"]


@final
class Unset:
    """The type of "not given", where None is a value of its own."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<not given>"


UNSET = Unset()

_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
}
_VERSIONS = {b"1.1": "HTTP/1.1", b"1.0": "HTTP/1.0"}
_NOWHERE: Exchange = NoExchange()
_new = object.__new__


@final
class Request:
    """One request.

    Args:
        method: The method, a token in upper case as a rule.
        target: What stands in the request line: a path with its query, an absolute URL, ``host:port`` or ``*``.
        headers: The header fields.
        content: The body to send: bytes, str, an async iterable of bytes, or ``async def producer(send)``.
        json: An object to send as JSON instead; sets the content type unless it is given.
        http_version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
        exchange: What carries the request; None for one built by hand.
    """

    __slots__ = (
        "_body",
        "_content",
        "_headers",
        "_items",
        "_path",
        "_read",
        "_state",
        "_url",
        "exchange",
        "http_version",
        "matches",
        "method",
        "raw_target",
    )

    method: str
    raw_target: bytes
    http_version: str
    exchange: Exchange
    matches: dict[str, str]

    def __init__(
        self,
        method: str,
        target: str | bytes,
        *,
        headers: HeadersInput | None = None,
        content: ContentLike = None,
        json: object = UNSET,
        http_version: str = "HTTP/1.1",
        exchange: Exchange | None = None,
    ) -> None:
        self.method = method
        self.raw_target = target.encode("ascii") if isinstance(target, str) else target
        self._items: list[HeaderItem] = []
        self._headers: Headers | None = Headers(headers)
        self.http_version = http_version
        self.exchange = _NOWHERE if exchange is None else exchange
        if json is not UNSET:
            if content is not None:
                raise TypeError("a request has one body: give content or json, not both")
            content = json_codec.dumps(json, separators=(",", ":"), ensure_ascii=False)
            self.headers.setdefault("content-type", "application/json")
        elif isinstance(content, str):
            self.headers.setdefault("content-type", "text/plain; charset=utf-8")
        self._content: Content | None = Content(content)
        self._body: Body | None = None
        self._path: str | None = None
        self._read: bytes | None = None
        self._state: dict[str, Any] | None = None
        self._url: URL | None = None
        self.matches = {}

    @classmethod
    def received(
        cls, method: bytes, target: bytes, items: list[HeaderItem], version: bytes, exchange: Exchange
    ) -> Self:
        """Wrap what the core has parsed and checked; for those who own connections. Copies nothing."""
        # Hot: once per request. Plain stores; the decoded method and version come from small tables.
        self: Self = _new(cls)
        self.method = _METHODS.get(method) or method.decode("ascii")
        self.raw_target = target
        self._items = items
        self.http_version = _VERSIONS.get(version) or "HTTP/" + version.decode("ascii")
        self.exchange = exchange
        self._headers = self._content = self._body = self._path = self._read = self._state = self._url = None
        return self

    @classmethod
    def outgoing(cls, method: str, url: URL, headers: Headers, content: Content) -> Self:
        """Wrap what a client has checked and is about to send. Copies nothing."""
        self = cls.__new__(cls)
        self.method = method
        self.raw_target = url.target
        self._items = []
        self._headers = headers
        self.http_version = "HTTP/1.1"
        self.exchange = _NOWHERE
        self._content = content
        self._url = url
        self._body = self._path = self._read = self._state = None
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "matches":  # set by routers only; a slot that was never filled reads as empty
            self.matches = {}
            return self.matches
        raise AttributeError(f"a request has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"

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
            target = _path_of_absolute(target)
        return (target.partition(b"?")[0] if b"?" in target else target).decode("latin-1")

    @property
    def query_string(self) -> str:
        """What follows the first ``?`` of the target, as sent; ``""`` if there is none."""
        return self.raw_target.partition(b"?")[2].decode("latin-1")

    @property
    def host(self) -> str:
        """The host and port the request is meant for, as in the Host field; ``""`` if it has none."""
        return self.headers.get("host") or ""

    @property
    def url(self) -> URL:
        """The absolute URL: of a client's request the one given, of a received one made of scheme, host and target.

        Raises:
            InvalidURL: There is none, as for ``OPTIONS *`` and CONNECT.
        """
        url = self._url
        if url is None:
            target = self.raw_target.decode("latin-1")
            url = self._url = URL(f"{self.scheme}://{self.host}{target}" if target.startswith("/") else target)
        return url

    # ---------------------------------------------------------------- where it came from

    @property
    def peer(self) -> Address:
        """The address of the other end of the connection."""
        return self.exchange.peer

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        return self.exchange.scheme

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the server cancelled the handler (client gone, timeout, shutdown); None while it has not."""
        return self.exchange.cancel_reason

    @property
    def state(self) -> dict[str, Any]:
        """A place for what middleware wants to pass on to handlers."""
        if self._state is None:
            self._state = {}
        return self._state

    async def inform(self, status: int, headers: HeadersInput | None = None) -> None:
        """Send an informational response, such as 103 Early Hints, before the final one (RFC 9110 section 15.2)."""
        await self.exchange.inform(status, Headers(headers))

    # ---------------------------------------------------------------- the body

    @property
    def content(self) -> Content:
        """The body as something to send; a received body can be sent on."""
        if self._content is None:
            self._content = Content(self.body)
        return self._content

    @property
    def body(self) -> Body:
        """The body as something to read."""
        body = self._body
        if body is None:
            body = self._body = Body(self._source())
        return body

    def _source(self) -> BodySource:
        content = self._content
        if content is None:
            return self.exchange.open_body()
        if content.data is None:
            raise TypeError("the body of this request is produced by a function or iterator: it can be sent, not read")
        return WholeSource(content.data) if content.data else EmptySource()

    async def read(self, limit: int | None = None) -> bytes:
        """Read the whole body; a second call returns the same bytes.

        Args:
            limit: At most so many bytes; None leaves it to the server's ``ServerLimits.body``.

        Raises:
            BodyTooLarge: It has more bytes than allowed.
            BodyConsumed: Part of it has been read by other means.
            ReadTimeout, IncompleteBody, RemoteProtocolError, ReadError: As the connection finds.
        """
        if self._read is None:
            self._read = await self.body.read(limit)
        return self._read

    async def text(self, encoding: str = "utf-8") -> str:
        """Read the whole body as text.

        Raises:
            DecodingError: It is not text in that encoding.
        """
        data = await self.read()
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise DecodingError(f"the body of {self!r} is not {encoding}: byte {error.start} is wrong") from error

    async def json(self, loads: Callable[[bytes], Any] = json_codec.loads) -> Any:
        """Read the whole body as JSON.

        Raises:
            DecodingError: It is not JSON; the text says where.
        """
        data = await self.read()
        try:
            return loads(data)
        except ValueError as error:
            raise DecodingError(f"the body of {self!r} is not JSON: {error}") from error

    def end(self) -> None:
        """Mark the exchange as over: a body that somebody kept cannot be read any more. For owners of connections."""
        if self._body is not None:
            self._body.end_scope(f"{self!r} has been answered: its body ended with it")

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields, once the body has been read to its end; None where none came."""
        return None if self._body is None else self._body.trailers


def unquote_path(raw: str) -> str:
    """Percent-decode a path; a ``%`` that is no escape stays as it is."""
    head, *rest = raw.encode("latin-1").split(b"%")
    out = [head]
    for piece in rest:
        byte = _HEX.get(piece[:2])
        if byte is None:
            out += (b"%", piece)
        else:
            out += (byte, piece[2:])
    return b"".join(out).decode("utf-8", "replace")


_HEX = {
    f"{a}{b}".encode(): bytes([int(f"{a}{b}", 16)]) for a in "0123456789abcdefABCDEF" for b in "0123456789abcdefABCDEF"
}


def _path_of_absolute(target: bytes) -> bytes:
    """Return path and query of an absolute-form target (RFC 9112 section 3.2.2); ``b""`` for the other forms."""
    scheme, colon, rest = target.partition(b"://")
    if not colon or not scheme.isalnum():
        return b""
    slash = rest.find(b"/")
    query = rest.find(b"?")
    if slash < 0 or 0 <= query < slash:
        return b"/" + rest[query:] if query >= 0 else b"/"
    return rest[slash:]
