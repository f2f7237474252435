"""A request, as a handler receives it and as a client sends it: its head, where it came from, and its body.

The body exists only once it is wanted. It knows nothing of sockets; what needs the connection goes through its
:class:`Exchange`.
"""

from __future__ import annotations

import inspect
import json as json_codec
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, TypeVar, final

from .._errors import DecodingError, StatusError
from ..semantics import URL, HeaderItem, Headers, HeadersInput, Query, QueryInput
from ._body import Body, BodySource, EmptySource, WholeSource
from ._codec import JSON, Codec
from ._content import Content, ContentLike, IteratedSource
from ._exchange import Address, CancelReason, Exchange, NoExchange, Serving, TLSInfo, Via
from ._foreign_names import REQUEST_NAMES, NoSuchAttribute
from ._message import check_content_type, decode_message
from ._record import body_record, field, fields_record, recorded_body, recorded_fields
from ._request_head import RequestHead
from ._spool import SPOOL_MEMORY, SpooledBody, spool

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
T = TypeVar("T")


@final
class _BadContent(DecodingError, StatusError):
    """A request's body is not what its handler asked for: the peer's fault, so if nobody catches it, it is answered."""

    def __init__(self, msg: str) -> None:
        StatusError.__init__(self, 400, msg)

    def __str__(self) -> str:
        return self.detail or ""


@final
class Request(RequestHead):
    """One request.

    Args:
        method: The method, a token in upper case as a rule.
        target: What stands in the request line: a path with its query, an absolute URL, ``host:port`` or ``*``.
        headers: The header fields.
        content: The body to send: bytes, str, an async iterable of bytes, or ``async def producer(send)``.
        json: An object to send as JSON instead; sets the content type unless it is given.
        params: Names and values that are added to the query of the target.
        fragment: Added to the target; peers have no reason to send one, and some do.
        client_address: Where a request built by hand pretends to come from.
        http_version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
        exchange: What carries the request; None for one built by hand.

    Example:
        >>> request = Request("POST", "/notes", params={"tag": ["a", "b"]}, json={"text": "hello"})
        >>> response = await router(request)  # a handler is tested by calling it
    """

    __slots__ = (
        "_body",
        "_content",
        "_read",
        "_state",
        "_url",
        "_via",
        "exchange",
        "matches",
        "route",
        "websocket",
    )

    raw_target: bytes
    exchange: Exchange
    matches: dict[str, Any]  # str, but for the typed parameters of a pattern
    route: str | None
    """The pattern of the route that answers, such as ``"/user/:name"``; None where no router has found one."""
    websocket: Any
    """The open WebSocket, in a function that is called for each of its messages; None elsewhere."""
    _via: Via | None

    def __init__(
        self,
        method: str,
        target: str | bytes,
        *,
        headers: HeadersInput | None = None,
        content: ContentLike = None,
        json: object = UNSET,
        params: QueryInput | None = None,
        fragment: str = "",
        client_address: Address = None,
        http_version: str = "HTTP/1.1",
        exchange: Exchange | None = None,
    ) -> None:
        self.method = method
        raw = target.encode("ascii") if isinstance(target, str) else target
        self.raw_target = raw if params is None and not fragment else _completed(raw, params, fragment)
        self._items = []
        self._headers = Headers(headers)
        self.http_version = http_version
        if exchange is None:
            exchange = _NOWHERE if client_address is None else NoExchange(client_address)
        elif client_address is not None:
            raise TypeError("the exchange knows where a request comes from: give exchange or client_address, not both")
        self.exchange = exchange
        if json is not UNSET:
            if content is not None:
                raise TypeError("a request has one body: give content or json, not both")
            content = json_codec.dumps(json, separators=(",", ":"), ensure_ascii=False)
            self.headers.setdefault("content-type", "application/json")
        elif isinstance(content, str):
            self.headers.setdefault("content-type", "text/plain; charset=utf-8")
        self._content: Content | None = Content(content)
        self._body: Body | None = None
        self._path = None
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

    if not TYPE_CHECKING:  # it would tell type checkers that there is every attribute

        def __getattr__(self, name):
            # Slots that few handlers ask for are not filled beforehand; the first look finds them empty.
            if name == "matches":
                self.matches = {}
                return self.matches
            if name in {"_query", "_cookies", "_via", "route", "websocket"}:
                setattr(self, name, None)
                return None
            raise NoSuchAttribute(type(self), "request", name, REQUEST_NAMES)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"

    def to_dict(self, *, redact: bool = False) -> dict[str, Any]:
        """Return the request as plain data that JSON can carry; see :meth:`from_dict`.

        A body that has been read, or was given whole, is part of it; one that is still to come is not.

        Args:
            redact: Leave out the values of fields that carry credentials or cookies, for logs.
        """
        content = self._content
        data = self._read if content is None else content.data
        headers = fields_record(self.headers, redact=redact)
        start = {"method": self.method, "target": self.target, "http_version": self.http_version}
        return {**start, "headers": headers, **body_record(data)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the request that :meth:`to_dict` has told of, without the connection that it came over.

        Raises:
            ValueError: An entry is missing or of the wrong type; the text says which.
            LocalProtocolError: A header field cannot be sent.
        """
        return cls(
            field(record, "method", str, "GET"),
            field(record, "target", str).encode("latin-1"),
            headers=recorded_fields(record),
            content=recorded_body(record),
            http_version=field(record, "http_version", str, "HTTP/1.1"),
        )

    # ---------------------------------------------------------------- the request line

    @property
    def host(self) -> str:
        """The host and port the request is meant for, as the client named them; ``""`` if it did not.

        That is the Host field, or what a trusted proxy says it was.
        """
        return self.via.host

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
    def client_address(self) -> Address:
        """The same by another name; what trusted proxies say of the client is :attr:`ip`."""
        return self.exchange.peer

    @property
    def via(self) -> Via:
        """Address, scheme and host as the client used them, by the word of trusted proxies where there are some."""
        via: Via | None = self._via
        if via is None:
            via = self._via = self.exchange.via(self.headers)
        return via

    @property
    def ip(self) -> str:
        """The address of the client: of the peer, or what a trusted proxy says; ``""`` where there is none."""
        return self.via.ip

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``, as the client used it."""
        return self.via.scheme

    @property
    def tls(self) -> TLSInfo | None:
        """What the TLS handshake came to, with the client's certificate; None without TLS."""
        return self.exchange.tls

    @property
    def server(self) -> Serving | None:
        """The server; None for a request that reached the handler without one."""
        return self.exchange.server

    @property
    def connection(self) -> Exchange:
        """What carries this request; :attr:`exchange` by another name."""
        return self.exchange

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the server cancelled the handler (client gone, timeout, shutdown); None while it has not."""
        return self.exchange.cancel_reason

    @property
    def state(self) -> dict[str, Any]:
        """What the lifespan provides, in a dictionary of this request: middleware adds what it wants to pass on."""
        if self._state is None:
            self._state = dict(self.exchange.state)
        return self._state

    # ---------------------------------------------------------------- what handlers may ask of the server

    async def inform(self, status: int, headers: HeadersInput | None = None) -> None:
        """Send an informational response, such as 103 Early Hints, before the final one (RFC 9110 section 15.2)."""
        await self.exchange.inform(status, Headers(headers))

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter an ``async with`` that ends when the answer has been sent, or cannot be.

        For what the answer's body is made of: ``upstream = await request.enter(client.stream("GET", url))``. It ends
        in this task. A context that holds a nursery or a cancel scope open must not be entered inside one of the
        handler's own, which ends before it.
        """
        return await self.exchange.enter(manager)

    def background(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run ``await fn(*args)`` in the server's background nursery, whatever becomes of this request.

        What it raises is logged with this request and touches nothing else. At shutdown it has the same grace as
        requests.

        Raises:
            RuntimeError: The server is shutting down, or there is none.
            TypeError: ``fn`` cannot be called; it may have been called already.
        """
        given: object = fn
        if inspect.iscoroutine(given):
            given.close()
            raise TypeError(f"say request.background({given.__name__}, ...), as trio does: not yet called")
        if not callable(given):
            raise TypeError(f"request.background({given!r}): expected an async function and its arguments")
        self.exchange.background(fn, *args)

    def shielded(self, seconds: float) -> AbstractContextManager[None]:
        """Protect the block from being cancelled because the client has left or time is up.

        For the part that must not stop half-way: ``with request.shielded(5): await database.commit()``. When the
        seconds are over, or the grace of a shutdown is, the protection ends; the block is then cancelled only if
        there is a reason to.
        """
        return self.exchange.shielded(seconds)

    def limit_body(self, limit: int | None) -> None:
        """Take so many bytes of body from this client, instead of ``ServerLimits.body``; say so before reading."""
        self.exchange.limit_body(limit)

    def set_read_timeout(self, seconds: float | None) -> None:
        """Let the body stand still for so long, instead of ``ServerTimeouts.read``; say so before reading."""
        self.exchange.set_read_timeout(seconds)

    def set_cancel_on_disconnect(self, cancel: bool) -> None:
        """Say whether this handler is cancelled when its client leaves, whatever the server's option says."""
        self.exchange.set_cancel_on_disconnect(cancel)

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
            if content.is_push:
                raise TypeError("the body of this request is produced by a function: it can be sent, not read")
            return IteratedSource(content)
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
            DecodingError: It is not text in that encoding; let out of a handler, it is answered with 400.
        """
        data = await self.read()
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise _BadContent(f"the body of {self!r} is not {encoding}: byte {error.start} is wrong") from error

    async def json(self, loads: Callable[[bytes], Any] = json_codec.loads) -> Any:
        """Read the whole body as JSON.

        Raises:
            DecodingError: It is not JSON; the text says where. Let out of a handler, it is answered with 400.
        """
        data = await self.read()
        try:
            return loads(data)
        except (ValueError, RecursionError) as error:  # the second: brackets nested more deeply than the parser goes
            raise _BadContent(f"the body of {self!r} is not JSON: {error}") from error

    async def message(self, cls: type[T], *, codec: Codec = JSON, limit: int | None = None) -> T:
        """Read the whole body as an object of that type.

        Args:
            cls: A dataclass, of fields that are such themselves, or numbers, texts, booleans, dates, UUIDs,
                enumerations, lists, dictionaries and unions of these; a class with ``from_dict(mapping)``; or one of
                those other types.
            codec: How to read the bytes.
            limit: At most so many bytes; None leaves it to the route and the server.

        Raises:
            StatusError: 400, the bytes are not what the codec reads; 415, the content type is another one; 422, the
                object does not fit. The text says what is wrong and where. Let out of a handler, it is the answer.
            BodyTooLarge: There is more than ``limit``.
        """
        check_content_type(self.headers.get("content-type"), codec)
        return decode_message(await self.read(limit), cls, codec)

    async def spool(self, *, memory: int = SPOOL_MEMORY, folder: str | None = None) -> SpooledBody:
        """Read the whole body into a file: in memory while it is small, then on disk without a name.

        Close it, best by ``async with await request.spool() as file``; what is not closed goes with the object.

        Args:
            memory: Up to so many bytes no disk is involved.
            folder: Where it goes otherwise; None for the system's folder for such files.

        Raises:
            BodyTooLarge: It has more bytes than ``ServerLimits.body`` or :meth:`limit_body` allows.
            BodyConsumed: Part of it has been read by other means.
            OSError: The disk is full.
            ReadTimeout, IncompleteBody, RemoteProtocolError, ReadError: As the connection finds.

        Cancellation:
            Whatever has been stored so far is gone.
        """
        return await spool(self.body, memory, folder)

    def end(self) -> None:
        """Mark the exchange as over: a body that somebody kept cannot be read any more. For owners of connections."""
        if self._body is not None:
            self._body.end_scope(f"{self!r} has been answered: its body ended with it")

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields, once the body has been read to its end; None where none came."""
        return None if self._body is None else self._body.trailers


def _completed(target: bytes, params: QueryInput | None, fragment: str) -> bytes:
    if params is not None and (query := str(Query(params))):
        target += (b"&" if b"?" in target else b"?") + query.encode("ascii")
    return target + b"#" + fragment.encode("ascii") if fragment else target
