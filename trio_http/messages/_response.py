"""A response, as a handler returns it and as a client receives it."""

from __future__ import annotations

import json as json_codec
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from .._errors import BodyConsumed, DecodingError, InvalidURL, StatusError
from ..semantics import (
    URL,
    Headers,
    HeadersInput,
    SameSite,
    SetCookie,
    parse_links,
    parse_set_cookie,
    phrases,
    text_encoding,
)
from ._body import Body, EmptySource, WholeSource
from ._content import Content, ContentLike
from ._described import Described, read_described
from ._foreign_names import RESPONSE_NAMES, NoSuchAttribute
from ._lines import Lines
from ._record import body_record, field, fields_record, recorded_body, recorded_fields
from ._request import UNSET, Request
from ._timings import Timings

__all__ = ["Response"]

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


class RequestMaker(Protocol):
    """Something that knows a request, and makes it when somebody asks."""

    def request(self) -> Request:
        """Return the request."""
        ...


class Response:
    """One response.

    Its subclasses are kinds that differ in how they are made (JSON, files, events), and those that hand the connection
    over.

    Args:
        body: bytes, str (sent as UTF-8, ``text/plain`` unless said otherwise), an async iterable of bytes (a trio
            receive channel too), or a function ``async def producer(send)``. We close what is given here.
        status: The status code, 200 to 999.
        headers: The header fields. Names and values are checked here, so a mistake is told where it is made.
        json: An object to send as JSON instead of ``body``.
        reason: The reason phrase; None for the one that belongs to the status.
        trailers: Trailer fields to send after the body, which is sent in chunks then. Only HTTP/1.1 carries them, and
            peers may throw them away: put nothing there that they have to know.
        compress: Send it in a content coding that the client accepts, if there is one and the body is worth it.
        http_version: Only of interest for responses that are received.
    """

    __slots__ = (
        "_asked",
        "_body",
        "_content",
        "_data",
        "compress",
        "headers",
        "history",
        "http_version",
        "reason",
        "status",
        "timings",
        "trailers_to_send",
        "url",
    )

    def __init__(
        self,
        body: ContentLike = None,
        *,
        status: int = 200,
        headers: HeadersInput | None = None,
        json: object = UNSET,
        reason: str | None = None,
        trailers: HeadersInput | None = None,
        compress: bool = False,
        http_version: str = "HTTP/1.1",
    ) -> None:
        if not 200 <= status <= 999:
            raise ValueError(
                f"Response(status={status!r}): a final status code is 200 to 999; "
                "informational ones go through request.inform()"
            )
        # Hot: once per request of a server; the commonest kinds of body need no Content before somebody asks for it.
        self.status: int = int(status)
        self.headers: Headers = Headers(headers)
        self.reason: str | None = reason
        self.compress: bool = compress
        self.http_version: str = http_version
        self.trailers_to_send: Headers | None = None if trailers is None else Headers(trailers)
        if json is not UNSET:
            if body is not None:
                raise TypeError("a response has one body: give body or json, not both")
            body = json_codec.dumps(json, separators=(",", ":"), ensure_ascii=False)
            self.headers.setdefault("content-type", _JSON)
        elif isinstance(body, str):
            self.headers.setdefault("content-type", _TEXT)
        self._content: Content | None = None
        self._data: bytes | None
        if isinstance(body, bytes):
            self._data = body
        elif isinstance(body, str):
            self._data = body.encode()
        elif body is None:
            self._data = b""
        else:
            self._content = Content(body)
            self._data = self._content.data
        self._body: Body | None = None
        # what only a client's response has
        self._asked: Request | RequestMaker | None = None
        self.url: URL | None = None
        self.history: tuple[Response, ...] = ()
        self.timings: Timings | None = None

    @classmethod
    def received(
        cls, status: int, reason: str, headers: Headers, http_version: str, body: Body | None, data: bytes | None = None
    ) -> Self:
        """Wrap what the core has parsed and checked; for those who own connections. Copies nothing.

        Args:
            status: The status code.
            reason: The reason phrase.
            headers: The fields.
            http_version: Such as ``"HTTP/1.1"``.
            body: The body, where it is still to be read.
            data: The body, where it has been read already.
        """
        # Hot: once per request of a client.
        self = cls.__new__(cls)
        self.status = status
        self.reason = reason
        self.headers = headers
        self.http_version = http_version
        self.trailers_to_send = None
        self.compress = False
        self._content = None
        self._body = body
        self._data = data
        self._asked = None
        self.url = None
        self.history = ()
        self.timings = None
        return self

    if not TYPE_CHECKING:  # it would tell type checkers that there is every attribute

        def __getattr__(self, name):
            raise NoSuchAttribute(type(self), "response", name, RESPONSE_NAMES)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason or phrases.get(self.status, '')}>"

    def to_dict(self, *, redact: bool = False) -> dict[str, Any]:
        """Return the response as plain data that JSON can carry; see :meth:`from_dict`.

        A body that is in memory is part of it; one that is still to come is not.

        Args:
            redact: Leave out the values of fields that carry credentials or cookies, for logs.
        """
        start = {"status": self.status, "reason": self.phrase, "http_version": self.http_version}
        return {**start, "headers": fields_record(self.headers, redact=redact), **body_record(self._data)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Response:
        """Return the response that :meth:`to_dict` has told of.

        Raises:
            ValueError: An entry is missing or of the wrong type; the text says which.
            LocalProtocolError: A header field cannot be sent.
        """
        return Response(
            recorded_body(record),
            status=field(record, "status", int),
            headers=recorded_fields(record),
            reason=field(record, "reason", str, "") or None,
            http_version=field(record, "http_version", str, "HTTP/1.1"),
        )

    # ---------------------------------------------------------------- status

    @property
    def phrase(self) -> str:
        """The reason phrase given, or the one that belongs to the status."""
        return self.reason or phrases.get(self.status, "")

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status <= 299

    @property
    def request(self) -> Request | None:
        """The request that this answers; only a client's responses have one."""
        asked = self._asked
        if asked is not None and type(asked) is not Request:
            asked = self._asked = asked.request()
        return asked

    @request.setter
    def request(self, request: Request | None) -> None:
        self._asked = request

    def asked_by(self, maker: RequestMaker) -> None:
        """Set the request to what ``maker.request()`` gives when somebody asks; for clients."""
        self._asked = maker

    @property
    def redirects(self) -> int:
        """How many redirects led here."""
        return len(self.history)

    @property
    def elapsed(self) -> float | None:
        """Seconds from the beginning of the request to the end of this response; None before its end."""
        return None if self.timings is None else self.timings.total

    @property
    def error(self) -> StatusError | None:
        """What :meth:`raise_for_status` would raise, or None."""
        try:
            self.raise_for_status()
        except StatusError as error:
            return error
        return None

    @property
    def exception(self) -> Exception | None:
        """The exception that the server described, else :attr:`error`; None for an answer that is no error.

        Its type is a built-in one such as ``ValueError`` and its text the server's. For types of your own see
        :meth:`exception_of`.
        """
        return self.exception_of()

    def exception_of(self, *types: type[Exception]) -> Exception | None:
        """Return the exception that the server described, as :attr:`exception`, also of these types.

        An answer like ``web.ErrorResponse(error)`` describes one, by the name of its type and its text. What comes
        from the peer chooses among these types and some built-in ones by name, and its text is all they are made
        with: nothing is imported, and no type is found that is not named here.

        Args:
            types: Exceptions that can be made of one text.

        Example:
            >>> error = response.exception_of(NoSuchUser, QuotaExceeded)
        """
        if self.status < 400:
            return None
        described = self._described()
        found = None if described is None else described.exception(types)
        return self.error if found is None else found

    def _described(self) -> Described | None:
        data = self._data  # what has not been read tells nothing
        return None if data is None else read_described(self.headers.get("content-type"), data)

    def replace_body(self, body: ContentLike) -> None:
        """Send another body than the one given; the fields stay as they are.

        The one before is not closed: whoever replaces it has taken it over.
        """
        self._content = Content(body)
        self._data = self._content.data
        self._body = None

    def write(self, data: bytes | str) -> None:
        """Append to the body that will be sent. It stays in memory: what is large is better given as a producer.

        Raises:
            TypeError: The body comes from an iterator or a function.
        """
        if self._data is None:
            raise TypeError("only a body in memory can be added to; send the rest from the iterator or producer itself")
        self.replace_body(self._data + (data.encode() if isinstance(data, str) else bytes(data)))

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        expires: datetime | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = False,
        same_site: SameSite | None = None,
        partitioned: bool = False,
    ) -> None:
        """Add a ``Set-Cookie`` field; see :class:`~trio_http.semantics.SetCookie`.

        Raises:
            LocalProtocolError: A part cannot be written, or the parts contradict each other.
        """
        cookie = SetCookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
            partitioned=partitioned,
        )
        self.headers.add("set-cookie", str(cookie))

    def delete_cookie(
        self, name: str, *, path: str | None = "/", domain: str | None = None, secure: bool = False
    ) -> None:
        """Add a ``Set-Cookie`` field that removes a cookie; path and domain must be those it was set with."""
        self.headers.add("set-cookie", str(SetCookie.removal(name, path=path, domain=domain, secure=secure)))

    def _question(self) -> str:
        if self.request is None or self.url is None:
            return "the request"
        return f"{self.request.method} {self.url.redacted}"

    def raise_for_status(self) -> Self:
        """Return the response itself, unless it is an error.

        Raises:
            StatusError: The status is 400 or higher. Its text says what the server described in JSON, and its cause
                is the exception that was described, if it was (see :attr:`exception`).
        """
        if self.status < 400:
            return self
        detail = f"{self.reason or phrases.get(self.status, '')} in answer to {self._question()}"
        described = self._described()
        if described is None:
            raise StatusError(self.status, detail, response=self)
        error = StatusError(self.status, f"{detail}: {described.as_line()}", response=self)
        raise error from described.exception(())

    # ---------------------------------------------------------------- body

    @property
    def outgoing(self) -> Content:
        """The body as something to send; a received body can be sent on."""
        if self._content is None:
            self._content = Content(self.body if self._data is None else self._data)
        return self._content

    @property
    def in_memory(self) -> bytes | None:
        """The whole body if it is there, None if it comes piece by piece."""
        return self._data

    @property
    def body(self) -> Body:
        """The body as something to read, piece by piece."""
        if self._body is None:
            if self._data is None:
                raise TypeError("the body of this response is produced by a function or iterator: it can only be sent")
            trailers = self.trailers_to_send
            self._body = Body(WholeSource(self._data, trailers) if self._data or trailers else EmptySource())
        return self._body

    async def read(self, limit: int | None = None) -> bytes:
        """Read the whole body; a second call returns the same bytes.

        Args:
            limit: At most so many bytes; None for no cap.

        Raises:
            BodyTooLarge: It has more bytes than that.
            BodyConsumed: Part of it has been read by other means.
            ReadTimeout, TotalTimeout, IncompleteBody, RemoteProtocolError, ReadError: As the connection finds.
        """
        if self._data is None:
            self._data = await self.body.read(limit)
        return self._data

    def replace_content(self, data: bytes) -> None:
        """Put another body in the place of the one that was read: for clients that undo content codings."""
        self._data = data
        self._content = self._body = None

    @property
    def content(self) -> bytes:
        """The whole body, once it has been read.

        Raises:
            BodyConsumed: It has not been read: this response is streamed.
        """
        if self._data is None:
            raise BodyConsumed(
                "the body of this streamed response has not been read: say `await response.read()` first, "
                "or iterate `response.body`"
            )
        return self._data

    def lines(self, encoding: str | None = None, *, max_line: int = 1024 * 1024) -> Lines:
        """Return the lines of the body, for ``async for``; it may still be arriving.

        Args:
            encoding: The encoding; None for the declared one, or UTF-8.
            max_line: The most characters of one line.

        Raises:
            DecodingError: The encoding is not known.
        """
        return Lines(self.body, encoding or self.encoding, max_line=max_line)

    @property
    def links(self) -> dict[str, str]:
        """Where the Link field points, by relation (RFC 8288): ``response.links.get("next")``."""
        found: dict[str, str] = {}
        for link in parse_links(self.headers.get("link")):
            target = link.target
            if self.url is not None:
                try:
                    target = str(self.url.join(target))
                except InvalidURL:
                    continue
            for rel in link.rels:
                found.setdefault(rel, target)
        return found

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this response sets, by name; what else is known of them is in the client's jar."""
        found = (parse_set_cookie(value) for value in self.headers.get_list("set-cookie"))
        return {cookie.name: cookie.value for cookie in found if cookie is not None}

    def text(self, encoding: str | None = None) -> str:
        """Return the whole body as text, in the given encoding, the declared one, or UTF-8.

        Raises:
            BodyConsumed: It has not been read.
            DecodingError: It is not text in that encoding.
        """
        encoding = encoding or self.encoding
        try:
            return self.content.decode(encoding)
        except (UnicodeDecodeError, LookupError) as error:
            raise DecodingError(f"the body of {self!r} is no text in {encoding!r}: {error}") from error

    def json(self, loads: Callable[[bytes], Any] = json_codec.loads) -> Any:
        """Return the whole body, decoded from JSON.

        Raises:
            BodyConsumed: It has not been read.
            DecodingError: It is not JSON; the text says where.
        """
        try:
            return loads(self.content)
        except (ValueError, RecursionError) as error:  # the second: brackets nested more deeply than the parser goes
            content_type = self.headers.get("content-type", "without a content type")
            raise DecodingError(
                f"the body of {self!r} in answer to {self._question()} is not JSON: {error}. "
                f"It is {content_type}, {len(self.content)} bytes long"
            ) from error

    @property
    def encoding(self) -> str:
        """What the text is encoded in: by a byte order mark, by the content type, or ``"utf-8"``."""
        return text_encoding(self.headers.get("content-type"), (self._data or b"")[:4])

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields received, once the body has been read to its end; None where none came."""
        return self.trailers_to_send if self._body is None else self._body.trailers
