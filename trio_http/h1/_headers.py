"""Header fields as the core holds them: an ordered list, each field with its name as written and in lower case.

The list of triples ``(name as written, name in lower case, value)`` is made once, by the parser or by the check of
what a user gave, and then shared by everybody above and by the writer; nobody changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, final, overload

from .._errors import LocalProtocolError
from .._grammar import MARK_FORBIDDEN, SEEN_NAMES, lower_name

__all__ = ["Headers", "HeadersInput", "as_bytes", "check_fields", "check_framing", "comma_list", "with_comma_list"]


# A length of 20 digits is a billion terabytes; more is an attack on somebody's integer.
LENGTH_DIGITS_MAX = 20

# What a user may write into a value, as h11 has it: everything but NUL and whitespace other than single spaces and
# tabs inside. Control bytes are wrong by RFC 9110 section 5.5, but cookies of the wild hold them.
_LOOSE_VALUE = re.compile(rb"(?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?")


@final
class Headers(Sequence[tuple[bytes, bytes]]):
    """Header fields, in their order: a sequence of ``(name in lower case, value)``.

    Args:
        triples: ``(name as written, name in lower case, value)``, already checked. The list is not copied and must
            not change afterwards.

    Attributes:
        triples: That list.
    """

    __slots__ = ("triples",)

    triples: list[tuple[bytes, bytes, bytes]]
    _full_items: list[tuple[bytes, bytes, bytes]]

    def __init__(self, triples: list[tuple[bytes, bytes, bytes]]) -> None:
        self.triples = triples

    def __bool__(self) -> bool:
        return bool(self.triples)

    def __len__(self) -> int:
        return len(self.triples)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter([(name, value) for _, name, value in self.triples])

    @overload
    def __getitem__(self, index: int) -> tuple[bytes, bytes]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[bytes, bytes]]: ...
    def __getitem__(self, index: int | slice) -> tuple[bytes, bytes] | list[tuple[bytes, bytes]]:
        if isinstance(index, slice):
            return [(name, value) for _, name, value in self.triples[index]]
        _, name, value = self.triples[index]
        return (name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Iterable):
            return NotImplemented
        return list(self) == list(other)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # it compares equal to lists, which have no hash either

    def __repr__(self) -> str:
        return f"<Headers({list(self)!r})>"

    def raw_items(self) -> list[tuple[bytes, bytes]]:
        """Return ``(name as written, value)`` of each field."""
        return [(raw, value) for raw, _, value in self.triples]


# h11's private name for the same list; wsproto's friends and others reach for it
Headers._full_items = Headers.triples

HeadersInput = Headers | Iterable[tuple[bytes | str, bytes | str]]


def as_bytes(value: object) -> bytes:
    """Return a str of ASCII characters, or anything bytes-like, as bytes.

    Raises:
        TypeError: It is neither.
        UnicodeEncodeError: A str has other characters.
    """
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        return value.encode("ascii")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"expected str or a bytes-like object, not {type(value).__name__}")


# The two fields that are not just carried: their values decide where a message ends.
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def check_fields(pairs: Iterable[tuple[bytes | str, bytes | str]]) -> Headers:
    """Check what a user gave, and make it :class:`Headers`.

    Raises:
        LocalProtocolError: A name or value may not stand in a field, or framing fields contradict each other.
    """
    triples: list[tuple[bytes, bytes, bytes]] = []
    append = triples.append
    known = SEEN_NAMES.get
    lengths = odd = 0
    for name, value in pairs:
        # About 0.3 us for each field of an ordinary message: two type tests, a look-up, one pass over the value.
        if type(name) is not bytes:
            name = as_bytes(name)
        if type(value) is not bytes:
            value = as_bytes(value)
        lower = known(name)
        if lower is None:
            lower = lower_name(name)
            if lower is None:
                raise LocalProtocolError(f"illegal header name {name!r}: expected a token (RFC 9110 section 5.6.2)")
        if value.translate(MARK_FORBIDDEN) != value or value != value.strip():
            _check_loosely(name, value)
        append((name, lower, value))
        if lower in _FRAMING:
            if lower == b"content-length" and value.isdigit() and len(value) <= LENGTH_DIGITS_MAX:
                lengths += 1
            else:
                odd = 1
    if odd or lengths > 1:
        triples = check_framing(triples)
    return Headers(triples)


def _check_loosely(name: bytes, value: bytes) -> None:
    if not _LOOSE_VALUE.fullmatch(value):
        raise LocalProtocolError(
            f"illegal header value for {name!r}: {_what_is_wrong(value)}; NUL, CR, LF, VT and FF are forbidden, "
            "and so is whitespace at either end"
        )


def _what_is_wrong(value: bytes) -> str:
    for index, byte in enumerate(value):
        if byte in b"\x00\n\v\f\r":
            return f"it holds the byte 0x{byte:02x} at index {index}"
    return "it begins or ends with whitespace"


def check_framing(triples: list[tuple[bytes, bytes, bytes]]) -> list[tuple[bytes, bytes, bytes]]:
    """Bring Content-Length and Transfer-Encoding to the one form each has, or refuse.

    Equal Content-Length values, repeated or in a list, become one field; ``Transfer-Encoding`` must be ``chunked``
    alone and is lower-cased.

    Raises:
        LocalProtocolError: They cannot be reconciled; ``error_status_hint`` is 501 for another transfer coding.
    """
    checked: list[tuple[bytes, bytes, bytes]] = []
    length: bytes | None = None
    chunked = False
    for raw, lower, value in triples:
        if lower == b"content-length":
            values = {piece.strip() for piece in value.split(b",")}
            if length is not None:
                values.add(length)
            if len(values) > 1:
                raise LocalProtocolError(
                    f"conflicting Content-Length values: {len(values)} different ones; a message has one length"
                )
            value = values.pop()
            if not value.isdigit() or len(value) > LENGTH_DIGITS_MAX:
                raise LocalProtocolError(
                    f"bad Content-Length of {len(value)} bytes: expected 1 to {LENGTH_DIGITS_MAX} decimal digits"
                )
            if length is not None:
                continue
            length = value
        elif lower == b"transfer-encoding":
            if chunked:
                raise LocalProtocolError("multiple Transfer-Encoding fields; expected one", error_status_hint=501)
            value = value.lower()
            if value != b"chunked":
                raise LocalProtocolError(
                    "Transfer-Encoding with another coding than chunked; only chunked is supported",
                    error_status_hint=501,
                )
            chunked = True
        checked.append((raw, lower, value))
    return checked


def comma_list(headers: Headers, name: bytes) -> list[bytes]:
    """Return the elements, in lower case, of all fields called ``name``, each a comma-separated list."""
    elements: list[bytes] = []
    for _, lower, value in headers.triples:
        if lower == name:
            elements += filter(None, map(bytes.strip, value.lower().split(b",")))
    return elements


def with_comma_list(headers: Headers, name: bytes, values: Iterable[bytes]) -> Headers:
    """Return ``headers`` with the fields called ``name`` replaced by one field for each value, at the end."""
    kept = [(raw, value) for raw, lower, value in headers.triples if lower != name]
    return check_fields([*kept, *((name.title(), value) for value in values)])
