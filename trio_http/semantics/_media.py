"""Media types and character sets: RFC 9110 section 8.3."""

from __future__ import annotations

import encodings
import pkgutil
import re
from collections.abc import Mapping
from encodings.aliases import aliases
from functools import cache
from typing import Self, final

from ._parameters import format_parameters, parse_parameters

__all__ = ["MediaType", "text_encoding"]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_ESSENCE = re.compile(rf"[ \t]*({_NAME})/({_NAME})[ \t]*(?:;|$)")

# UTF-32 first: its mark begins with that of UTF-16
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CHARSET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,39}")
# Python codecs that are no character sets of texts in the world, and cost more than linear time or surprise
_NO_CHARSETS = {"idna", "punycode", "undefined", "mbcs", "oem", "unicode_escape", "raw_unicode_escape"}


@final
class MediaType:
    """A media type with its parameters; immutable.

    Args:
        kind: The type, such as ``"text"``.
        subtype: Such as ``"html"``.
        parameters: Names and values; None for none.

    Raises:
        ValueError: A part cannot be written.

    Example:
        >>> MediaType.parse('Text/HTML; charset="utf-8"').charset
        'utf-8'
    """

    __slots__ = ("_parameters", "_subtype", "_type")

    def __init__(
        self,
        kind: str,
        subtype: str,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        if _ESSENCE.fullmatch(f"{kind}/{subtype}") is None:
            raise ValueError(f"{f'{kind}/{subtype}'[:100]!a} is no media type: expected one like 'text/html'")
        self._type = kind.lower()
        self._subtype = subtype.lower()
        self._parameters = {name.lower(): value for name, value in (parameters or {}).items()}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value of a ``Content-Type`` field; of a repeated parameter the first counts, as in browsers.

        Raises:
            ValueError: It is no media type.
        """
        match = _ESSENCE.match(text)
        if match is None:
            raise ValueError(f"{text[:100]!a} is no media type: expected one like 'text/html; charset=utf-8'")
        return cls(match[1], match[2], dict(reversed(parse_parameters(text[match.end() :]))))

    @property
    def type(self) -> str:
        """The part before the slash, in lower case."""
        return self._type

    @property
    def subtype(self) -> str:
        """The part after the slash, in lower case."""
        return self._subtype

    @property
    def essence(self) -> str:
        """Type and subtype without parameters, ``"text/html"``."""
        return f"{self._type}/{self._subtype}"

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters, names in lower case."""
        return self._parameters.copy()

    @property
    def charset(self) -> str | None:
        """The ``charset`` parameter as it stands there."""
        return self._parameters.get("charset")

    @property
    def is_json(self) -> bool:
        """Whether the content is JSON: ``application/json``, ``text/json`` or anything ``+json``."""
        return self._subtype == "json" or self._subtype.endswith("+json")

    @property
    def is_text(self) -> bool:
        """Whether the content is made for reading as text: ``text/*``, JSON, XML, scripts and forms."""
        return (
            self._type == "text"
            or self.is_json
            or self._subtype in {"xml", "javascript", "ecmascript", "x-www-form-urlencoded"}
            or self._subtype.endswith("+xml")
        )

    def __str__(self) -> str:
        return self.essence + format_parameters(self._parameters.items())

    def __repr__(self) -> str:
        return f"MediaType({self._type!r}, {self._subtype!r}, {self._parameters!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MediaType):
            return NotImplemented
        return self.essence == other.essence and self._parameters == other._parameters

    def __hash__(self) -> int:
        return hash((self._type, self._subtype, frozenset(self._parameters.items())))


def text_encoding(content_type: str | None, beginning: bytes = b"") -> str:
    """Return the name of the Python codec by which content is to be read as text.

    A byte order mark goes before a ``charset`` parameter (as browsers have it), and that before UTF-8. A charset that
    Python does not know, or that is no character set of texts, counts as none.

    Args:
        content_type: The value of the ``Content-Type`` field, or None.
        beginning: The first bytes of the content, four at least if there are as many.
    """
    media_type = None
    if content_type:
        try:
            media_type = MediaType.parse(content_type)
        except ValueError:
            pass
    if media_type is None or media_type.is_text:
        for mark, codec in _BYTE_ORDER_MARKS:
            if beginning.startswith(mark):
                return codec
    charset = None if media_type is None else media_type.charset
    return charset.lower() if charset is not None and _is_character_set(charset) else "utf-8"


@cache
def _codecs() -> frozenset[str]:
    """The names of Python's codecs.

    Peers choose the names that are asked for, and Python remembers without bound which ones it did not find.
    """
    names = {name for name, module in aliases.items() if module not in _NO_CHARSETS}
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    return frozenset(names | modules.union(aliases.values()) - _NO_CHARSETS)


def _is_character_set(name: str) -> bool:
    if _CHARSET.fullmatch(name) is None or encodings.normalize_encoding(name.lower()) not in _codecs():
        return False
    try:
        b"a".decode(name, "replace")
    except (LookupError, UnicodeError):
        return False  # unknown, or a codec between bytes and bytes
    return True
