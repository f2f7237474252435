"""Conditional requests: entity tags and preconditions, RFC 9110 sections 8.8 and 13."""

from __future__ import annotations

import re
from datetime import datetime
from math import floor
from typing import Literal, Self, final

from ._dates import parse_http_date, seconds_since_1970
from ._headers import Headers
from ._status import Status

__all__ = ["ETag", "evaluate_preconditions", "if_range_holds", "parse_etags"]

_OPAQUE = re.compile(r"[\x21\x23-\x7e\x80-\xff]*")
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# An element of a list: a tag, or whatever stands there up to the next comma. It begins with no separator: skipping
# these inside would cost the square of a long run of commas.
_ELEMENT = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?=,|\Z)|[^ \t,][^,]*')


@final
class ETag:
    """An entity tag: names one version of a representation; immutable.

    Args:
        value: What stands between the quotes: no space, no quote, no control character.
        weak: Whether it stands for all versions that mean the same, rather than for the same bytes.

    Raises:
        ValueError: The value cannot be written.
    """

    __slots__ = ("_value", "_weak")

    def __init__(self, value: str, *, weak: bool = False) -> None:
        if _OPAQUE.fullmatch(value) is None:
            raise ValueError(f"{value[:100]!a} is no entity tag: it must hold no space, quote or control character")
        self._value = value
        self._weak = weak

    @classmethod
    def parse(cls, text: str) -> Self:
        r"""Read ``"x"`` or ``W/"x"``, the value of an ``ETag`` field.

        Raises:
            ValueError: It is none.
        """
        match = _ETAG.fullmatch(text.strip(" \t"))
        if match is None:
            raise ValueError(f"{text[:100]!a} is no entity tag: expected one like '\"x\"' or 'W/\"x\"'")
        return cls(match[2], weak=match[1] is not None)

    @property
    def value(self) -> str:
        """What stands between the quotes."""
        return self._value

    @property
    def weak(self) -> bool:
        """Whether it is a weak one."""
        return self._weak

    def matches_strongly(self, other: ETag) -> bool:
        """Whether both name the same bytes: equal, and none of them weak (RFC 9110 section 8.8.3.2)."""
        return not self._weak and not other._weak and self._value == other._value

    def matches_weakly(self, other: ETag) -> bool:
        """Whether both name versions that mean the same: equal but for weakness."""
        return self._value == other._value

    def __str__(self) -> str:
        return f'W/"{self._value}"' if self._weak else f'"{self._value}"'

    def __repr__(self) -> str:
        return f"ETag({self._value!r}, weak={self._weak})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ETag):
            return NotImplemented
        return self._value == other._value and self._weak == other._weak

    def __hash__(self) -> int:
        return hash((self._value, self._weak))


def parse_etags(value: str) -> list[ETag] | Literal["*"]:
    """Return the entity tags of ``If-Match`` or ``If-None-Match``; ``"*"`` for any; elements that are none left out."""
    if value.strip(" \t") == "*":
        return "*"
    return [ETag(match[2], weak=match[1] is not None) for match in _ELEMENT.finditer(value) if match[2] is not None]


def evaluate_preconditions(
    method: str,
    headers: Headers,
    *,
    etag: ETag | None = None,
    last_modified: datetime | float | None = None,
    exists: bool = True,
) -> Status | None:
    """Tell what the preconditions of a request come to, in the order of RFC 9110 section 13.2.2.

    ``If-Range`` is not among them: see :func:`if_range_holds`.

    Args:
        method: The method of the request.
        headers: Its fields.
        etag: The entity tag of what there is now.
        last_modified: When that was changed last (a datetime without a time zone means UTC); fractions of a second are
            dropped, as ``Last-Modified`` drops them.
        exists: Whether there is anything now.

    Returns:
        None: do what the method says. 304: the client has it already. 412: the precondition has failed.
    """
    if method in {"CONNECT", "OPTIONS", "TRACE"}:
        return None
    modified = _seconds(last_modified)
    if_match = headers.get("if-match")
    if if_match is not None:
        tags = parse_etags(if_match)
        if not (exists if tags == "*" else etag is not None and any(etag.matches_strongly(tag) for tag in tags)):
            return Status.PRECONDITION_FAILED
    else:
        since = _date(headers.get("if-unmodified-since"))
        if since is not None and modified is not None and modified > since:
            return Status.PRECONDITION_FAILED
    is_read = method in {"GET", "HEAD"}
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None:
        tags = parse_etags(if_none_match)
        if exists if tags == "*" else etag is not None and any(etag.matches_weakly(tag) for tag in tags):
            return Status.NOT_MODIFIED if is_read else Status.PRECONDITION_FAILED
    elif is_read:
        since = _date(headers.get("if-modified-since"))
        if since is not None and modified is not None and modified <= since:
            return Status.NOT_MODIFIED
    return None


def if_range_holds(
    value: str | None, *, etag: ETag | None = None, last_modified: datetime | float | None = None
) -> bool:
    """Tell whether a ``Range`` may be answered with a part: RFC 9110 section 13.1.5.

    Args:
        value: The value of ``If-Range``; None where there is no such field, and then it may.
        etag: The entity tag of what there is now.
        last_modified: When that was changed last; a datetime without a time zone means UTC.
    """
    if value is None:
        return True
    try:
        asked = ETag.parse(value)
    except ValueError:
        since = _date(value)
        return since is not None and since == _seconds(last_modified)
    return etag is not None and etag.matches_strongly(asked)


def _date(value: str | None) -> int | None:
    """The seconds of a date field; None where there is none, or it is no date and must be ignored."""
    if value is None:
        return None
    try:
        return int(parse_http_date(value).timestamp())
    except ValueError:
        return None


def _seconds(when: datetime | float | None) -> int | None:
    return None if when is None else floor(seconds_since_1970(when))
