"""The query of a URL as names and values: application/x-www-form-urlencoded, read and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self, TypeAlias, final

from ._percent import UNRESERVED, decode_percent

__all__ = ["Query", "QueryInput", "QueryValue", "encode_form"]

QueryValue: TypeAlias = str | int | float
"""A value of a query: text, or a number, which is written as Python writes it."""

QueryInput: TypeAlias = (
    "str | Query | Mapping[str, QueryValue | Sequence[QueryValue]] | Iterable[tuple[str, QueryValue]]"
)
"""What a query can be made from: text that is encoded already, a mapping (values may be lists), or pairs."""

_NOT_FORM = re.compile(rf"[^{UNRESERVED}]")


@final
class Query(Mapping[str, str]):
    """The fields of a query, in order; immutable.

    As a mapping it has the first value of each name; :meth:`get_list` has them all. ``+`` and ``%20`` both mean a
    space, a field without ``=`` has an empty value, empty fields (``a=1&&b=2``) are none.

    Args:
        fields: The query as it stands in a URL (without ``?``), or a mapping, or pairs.

    Example:
        >>> Query("a=1&b=x+y&a=2").get_list("a")
        ['1', '2']
    """

    __slots__ = ("_pairs",)

    _pairs: tuple[tuple[str, str], ...]

    def __new__(cls, fields: QueryInput = "") -> Self:
        self = object.__new__(cls)
        if isinstance(fields, str):
            self._pairs = tuple(_parse_form(fields))
        elif isinstance(fields, Query):
            self._pairs = fields._pairs
        else:
            self._pairs = tuple([(name, _as_text(value)) for name, value in _pairs_of(fields)])
        return self

    def __reduce__(self) -> tuple[type[Query], tuple[tuple[tuple[str, str], ...]]]:
        return Query, (self._pairs,)

    def get_list(self, name: str) -> list[str]:
        """Return all values of that name, in order."""
        return [value for key, value in self._pairs if key == name]

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Yield every field as ``(name, value)``, in order."""
        return iter(self._pairs)

    def __getitem__(self, name: str) -> str:
        for key, value in self._pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([key for key, _ in self._pairs]))

    def __len__(self) -> int:
        return len({key for key, _ in self._pairs})

    def __eq__(self, other: object) -> bool:
        """Two queries are equal if they have the same fields in the same order."""
        if isinstance(other, Query):
            return self._pairs == other._pairs
        if isinstance(other, Mapping):
            return self._pairs == tuple(other.items())
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __str__(self) -> str:
        """Return the query encoded, without ``?``."""
        return encode_form(self._pairs)

    def __repr__(self) -> str:
        return f"Query({list(self._pairs)!r})"


def encode_form(fields: Mapping[str, QueryValue | Sequence[QueryValue]] | Iterable[tuple[str, QueryValue]]) -> str:
    """Return fields as application/x-www-form-urlencoded; a space becomes ``+``.

    Raises:
        TypeError: ``fields`` is no mapping and not made of pairs, or a value is neither text nor a number.
        ValueError: A text holds half of a surrogate pair.
    """
    return "&".join([f"{_encode(name)}={_encode(_as_text(value))}" for name, value in _pairs_of(fields)])


def _pairs_of(fields: object) -> Iterator[tuple[str, object]]:
    if isinstance(fields, Mapping):
        for name, value in fields.items():
            for one in value if isinstance(value, list | tuple) else (value,):
                yield _as_text(name), one
        return
    if isinstance(fields, str | bytes) or not isinstance(fields, Iterable):
        raise TypeError(f"a query is made from a mapping or from pairs of name and value, not {type(fields).__name__}")
    for pair in fields:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"a query is made from pairs of name and value, but was given {type(pair).__name__}")
        yield _as_text(pair[0]), pair[1]


def _as_text(value: object) -> str:
    # a bool is an int, but whether it should be "true", "True" or "1" only its user knows
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"a name or value of a query must be a str or a number, not {type(value).__name__}")


def _encode_match(match: re.Match[str]) -> str:
    return "+" if match[0] == " " else "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8")])


def _encode(text: str) -> str:
    return _NOT_FORM.sub(_encode_match, text)


def _parse_form(text: str) -> Iterator[tuple[str, str]]:
    for field in text.split("&"):
        if field:
            name, _, value = field.replace("+", " ").partition("=")
            yield decode_percent(name), decode_percent(value)
