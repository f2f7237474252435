"""Byte ranges: RFC 9110 section 14."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ByteRange", "ContentRange", "format_content_range", "format_range", "parse_content_range", "parse_range"]

# Eighteen digits hold every size there is, and cost nothing to read
_SPEC = re.compile(r"([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18})")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,18})", re.IGNORECASE)


class ByteRange(NamedTuple):
    """A part of a representation, as a slice: ``content[start:stop]``."""

    start: int
    stop: int
    """The first byte that is not in it any more."""


class ContentRange(NamedTuple):
    """What a ``Content-Range`` field says."""

    range: ByteRange | None
    """None in an answer 416."""
    size: int | None
    """Of the whole; None if the sender does not know it."""


def parse_range(value: str | None, size: int, *, max_ranges: int = 16) -> list[ByteRange] | None:
    """Return the parts that a ``Range`` field asks for.

    Ranges that overlap or touch are put together, and then all are in ascending order: so the parts are never larger
    in sum than the whole. Otherwise they keep the order in which they were asked for.

    Args:
        value: The value of the field, None where there is none.
        size: The size of the whole in bytes.
        max_ranges: With more ranges than this the field is ignored, as RFC 9110 section 14.2 allows; Apache allows
            200, a viewer of documents asks for a handful.

    Returns:
        None: answer with the whole (no field, another unit, malformed, too many). An empty list: answer 416. Otherwise
        the ranges, each with at least one byte, none beyond ``size``.
    """
    if value is None:
        return None
    unit, equals, specs = value.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes" or specs.count(",") > 2 * max_ranges:
        return None
    asked = 0
    ranges: list[ByteRange] = []
    for spec in specs.split(","):
        spec = spec.strip(" \t")
        if not spec:
            continue
        match = _SPEC.fullmatch(spec)
        if match is None:
            return None
        asked += 1
        first, last, suffix = match.groups()
        if suffix is not None:
            start, stop = max(0, size - int(suffix)), size
        else:
            start, stop = int(first), min(size, int(last) + 1) if last else size
            if last and int(last) < start:
                return None
        if start < stop:
            ranges.append(ByteRange(start, stop))
    if not 0 < asked <= max_ranges:
        return None
    return _merge(ranges)


def _merge(ranges: list[ByteRange]) -> list[ByteRange]:
    merged: list[ByteRange] = []
    for current in sorted(ranges):
        if merged and current.start <= merged[-1].stop:
            merged[-1] = ByteRange(merged[-1].start, max(merged[-1].stop, current.stop))
        else:
            merged.append(current)
    return ranges if len(merged) == len(ranges) else merged


def format_range(start: int, stop: int | None = None) -> str:
    """Return the value of a ``Range`` field that asks for ``content[start:stop]``; a negative start for the last bytes.

    Raises:
        ValueError: There is no byte in it.
    """
    if start < 0 and stop is None:
        return f"bytes={start}"
    if start < 0 or (stop is not None and stop <= start):
        raise ValueError(f"no Range asks for bytes {start} to {stop}: expected 0 <= start < stop, or start < 0 alone")
    return f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"


def format_content_range(part: ByteRange | None, size: int | None) -> str:
    """Return the value of a ``Content-Range`` field.

    Args:
        part: What is sent; None for an answer 416.
        size: The size of the whole in bytes, None if it is not known.

    Raises:
        ValueError: Neither is known, or the part is empty or not within the whole.
    """
    if part is None:
        if size is None:
            raise ValueError("a Content-Range needs a part or a size; give the size in an answer 416")
        return f"bytes */{size}"
    if not 0 <= part.start < part.stop or (size is not None and part.stop > size):
        raise ValueError(f"bytes {part.start} to {part.stop} are no part of {size} bytes")
    return f"bytes {part.start}-{part.stop - 1}/{'*' if size is None else size}"


def parse_content_range(value: str) -> ContentRange:
    """Read the value of a ``Content-Range`` field.

    Raises:
        ValueError: It is malformed or contradicts itself, or its unit is not bytes.
    """
    unsatisfied = _UNSATISFIED.fullmatch(value)
    if unsatisfied is not None:
        return ContentRange(None, int(unsatisfied[1]))
    match = _CONTENT_RANGE.fullmatch(value)
    if match is not None:
        part = ByteRange(int(match[1]), int(match[2]) + 1)
        size = None if match[3] == "*" else int(match[3])
        if part.start < part.stop and (size is None or part.stop <= size):
            return ContentRange(part, size)
    raise ValueError(f"{value[:100]!a} is no Content-Range: expected one like 'bytes 0-499/1234'")
