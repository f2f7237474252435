"""What is said on a connection: one class for each thing that can be sent or received.

Events are values: they compare by their fields and cannot be changed. Their fields live in private slots that only
the constructors write, and are read through C-level properties: that makes a new event as cheap as a plain object
(a frozen dataclass pays twice for each field), and still ``event.data = ...`` raises.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, final

from .._errors import LocalProtocolError
from .._grammar import MARK_FORBIDDEN_IN_TARGET, is_token
from ._head import METHODS
from ._headers import Headers, HeadersInput, as_bytes, check_fields

__all__ = [
    "ConnectionClosed",
    "Data",
    "EndOfMessage",
    "Event",
    "InformationalResponse",
    "Request",
    "Response",
]

_Value = TypeVar("_Value")


class _ReadOnly(Generic[_Value]):
    """What type checkers see of a field: it can be read, and only read."""

    def __get__(self, event: object, owner: type | None = None) -> _Value:
        raise NotImplementedError


def _field(slot: str, kind: type[_Value], doc: str) -> _ReadOnly[_Value]:
    return cast("_ReadOnly[_Value]", property(attrgetter(slot), doc=doc))


class Event:
    """The base class of all events."""

    __slots__ = ()


class _Fields(Event):
    """An event with fields; it is equal to another one of its class with equal fields."""

    __slots__ = ()
    __match_args__: ClassVar[Any] = ()  # names of fields: a tuple of str, whose exact type differs in each class

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # events hold Headers, which have none

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"


def _headers_of(given: HeadersInput | None) -> Headers:
    if type(given) is Headers:
        return given
    return Headers([]) if given is None else check_fields(given)


@final
class Request(_Fields):
    """The head of a request.

    Args:
        method: The method, a token, e.g. ``b"GET"``; str of ASCII is encoded.
        target: The target as it stands in the request line (RFC 9112 section 3.2); str of ASCII is encoded.
        headers: The fields: pairs of bytes or str, or :class:`Headers`. None means none.
        http_version: ``b"1.1"``; received requests may have others.

    Raises:
        LocalProtocolError: A part is not valid, or an HTTP/1.1 request does not have exactly one Host field.
    """

    __slots__ = ("_headers", "_http_version", "_method", "_target")
    __match_args__ = ("method", "headers", "target", "http_version")

    _method: bytes
    _headers: Headers
    _target: bytes
    _http_version: bytes

    def __init__(
        self,
        *,
        method: bytes | str,
        headers: HeadersInput | None = None,
        target: bytes | str,
        http_version: bytes | str = b"1.1",
    ) -> None:
        self._headers = headers = _headers_of(headers)
        self._method = method = as_bytes(method)
        self._target = target = as_bytes(target)
        self._http_version = http_version = as_bytes(http_version)
        hosts = 0
        for triple in headers.triples:
            if triple[1] == b"host":
                hosts += 1
        if hosts != 1 and (hosts or http_version == b"1.1"):
            raise LocalProtocolError(
                f"{hosts} Host fields; a request has one" if hosts else "missing Host field; HTTP/1.1 demands one"
            )
        if method not in METHODS and not is_token(method):
            raise LocalProtocolError(f"illegal method {method!r}: a method is a token (RFC 9110 section 9.1)")
        if not target or target.translate(MARK_FORBIDDEN_IN_TARGET) != target:
            raise LocalProtocolError("illegal target: expected visible ASCII bytes, no spaces, at least one")

    @classmethod
    def trusted(cls, method: bytes, target: bytes, headers: Headers, http_version: bytes = b"1.1") -> Self:
        """Make a request of parts that are known to be valid; nothing is checked or copied."""
        self = cls.__new__(cls)
        self._method = method
        self._target = target
        self._headers = headers
        self._http_version = http_version
        return self

    method: _ReadOnly[bytes] = _field("_method", bytes, "The method, e.g. ``b'GET'``.")
    headers: _ReadOnly[Headers] = _field("_headers", Headers, "The fields, as :class:`Headers`.")
    target: _ReadOnly[bytes] = _field("_target", bytes, "The target, e.g. ``b'/index.html'``.")
    http_version: _ReadOnly[bytes] = _field("_http_version", bytes, "The version, e.g. ``b'1.1'``.")


class _AnyResponse(_Fields):
    """What interim and final responses share: all but the range of the status code."""

    __slots__ = ("_headers", "_http_version", "_reason", "_status_code")
    __match_args__ = ("headers", "http_version", "reason", "status_code")
    _range: ClassVar[tuple[int, int]]

    _headers: Headers
    _http_version: bytes
    _reason: bytes
    _status_code: int

    def __init__(
        self,
        *,
        headers: HeadersInput | None = None,
        status_code: int,
        http_version: bytes | str = b"1.1",
        reason: bytes | str = b"",
    ) -> None:
        self._headers = headers if type(headers) is Headers else _headers_of(headers)
        self._reason = reason if type(reason) is bytes else as_bytes(reason)
        self._http_version = http_version if type(http_version) is bytes else as_bytes(http_version)
        if type(status_code) is not int:
            if not isinstance(status_code, int):
                raise LocalProtocolError(f"status code must be an integer, not {type(status_code).__name__}")
            status_code = int(status_code)  # an IntEnum prints, and so would be sent, as its name
        low, high = self._range
        if not low <= status_code < high:
            raise LocalProtocolError(
                f"{type(self).__name__} status_code should be in range [{low}, {high}), not {status_code}"
            )
        self._status_code = status_code

    @classmethod
    def trusted(cls, status_code: int, headers: Headers, reason: bytes = b"", http_version: bytes = b"1.1") -> Self:
        """Make a response of parts that are known to be valid; nothing is checked or copied."""
        self = cls.__new__(cls)
        self._status_code = status_code
        self._headers = headers
        self._reason = reason
        self._http_version = http_version
        return self

    headers: _ReadOnly[Headers] = _field("_headers", Headers, "The fields, as :class:`Headers`.")
    http_version: _ReadOnly[bytes] = _field("_http_version", bytes, "The version, e.g. ``b'1.1'``.")
    reason: _ReadOnly[bytes] = _field("_reason", bytes, "The reason phrase; mostly noise.")
    status_code: _ReadOnly[int] = _field("_status_code", int, "The status code.")


@final
class InformationalResponse(_AnyResponse):
    """The head of an informational response: a status from 100 to 199; another response follows it.

    Args:
        headers: The fields; None means none.
        status_code: From 100 to 199.
        http_version: ``b"1.1"``.
        reason: The reason phrase, bytes or ASCII str.

    Raises:
        LocalProtocolError: A part is not valid.
    """

    __slots__ = ()
    _range = (100, 200)


@final
class Response(_AnyResponse):
    """The head of a response: a status from 200 to 999.

    Args:
        headers: The fields; None means none.
        status_code: From 200 to 999.
        http_version: ``b"1.1"``.
        reason: The reason phrase, bytes or ASCII str; it is not filled in.

    Raises:
        LocalProtocolError: A part is not valid.
    """

    __slots__ = ()
    _range = (200, 1000)


@final
class Data(_Fields):
    """A piece of a body.

    Args:
        data: The bytes; for :meth:`Connection.send_with_data_passthrough` any object with a length.
        chunk_start: Whether the piece begins a chunk; only told of received ones, and nothing to rely on.
        chunk_end: Whether the piece ends a chunk; likewise.
    """

    __slots__ = ("_chunk_end", "_chunk_start", "_data")
    __match_args__ = ("data", "chunk_start", "chunk_end")

    _data: bytes
    _chunk_start: bool
    _chunk_end: bool

    def __init__(
        self, data: bytes | bytearray | memoryview, chunk_start: bool = False, chunk_end: bool = False
    ) -> None:
        self._data = data  # type: ignore[assignment]  # received ones hold bytes, and only those are promised
        self._chunk_start = chunk_start
        self._chunk_end = chunk_end

    data: _ReadOnly[bytes] = _field("_data", bytes, "The bytes.")
    chunk_start: _ReadOnly[bool] = _field("_chunk_start", bool, "Whether it begins a chunk.")
    chunk_end: _ReadOnly[bool] = _field("_chunk_end", bool, "Whether it ends a chunk.")


@final
class EndOfMessage(_Fields):
    """The end of a message.

    Args:
        headers: The trailer fields (RFC 9112 section 7.1.2); None means none. They are never merged into the head.

    Raises:
        LocalProtocolError: A field is not valid.
    """

    __slots__ = ("_headers",)
    __match_args__ = ("headers",)

    _headers: Headers

    def __init__(self, *, headers: HeadersInput | None = None) -> None:
        self._headers = Headers([]) if headers is None else _headers_of(headers)

    headers: _ReadOnly[Headers] = _field("_headers", Headers, "The trailer fields, as :class:`Headers`.")


@final
class ConnectionClosed(Event):
    """The sender has closed its side; it may still be able to receive."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True if type(other) is ConnectionClosed else NotImplemented

    def __hash__(self) -> int:
        return hash(())

    def __repr__(self) -> str:
        return "ConnectionClosed()"
