"""Byte ranges: RFC 9110 section 14."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import (
    ByteRange,
    ContentRange,
    format_content_range,
    format_range,
    parse_content_range,
    parse_range,
)


@pytest.mark.covers("A48", "A52")
@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        (None, None),
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10000)]),
        ("bytes=9500-", [(9500, 10000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10000)]),
        ("Bytes = 0-0 , , 5-6", [(0, 1), (5, 7)]),
        ("bytes=9000-99999", [(9000, 10000)]),
        ("bytes=-99999", [(0, 10000)]),
        ("bytes=10000-", []),
        ("bytes=-0", []),
        ("bytes=10000-, 0-1", [(0, 2)]),
        ("bytes=500-600,601-999", [(500, 1000)]),
        ("bytes=500-700,601-999", [(500, 1000)]),
        ("bytes=7-8,0-1", [(7, 9), (0, 2)]),
        ("bytes=7-8,0-1,1-2", [(0, 3), (7, 9)]),
        ("bytes=0-,0-,0-", [(0, 10000)]),
        ("bytes=2-1", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=0-0;1-1", None),
        ("bytes=0 - 1", None),
        ("lines=0-1", None),
        ("bytes=\u0661-", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 32, 2)), [(n, n + 1) for n in range(0, 32, 2)]),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)), None),
        ("bytes=" + "," * 33 + "0-0", None),
    ],
)
def test_ranges_are_read(value: str | None, ranges: list[tuple[int, int]] | None) -> None:
    assert parse_range(value, 10_000) == ranges


def test_nothing_of_an_empty_whole_can_be_had() -> None:
    assert parse_range("bytes=0-", 0) == []
    assert parse_range("bytes=-5", 0) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))), st.integers(0, 25))
def test_the_parts_are_what_was_asked_for_and_never_more_than_the_whole(
    pairs: list[tuple[int, int]], size: int
) -> None:
    value = "bytes=" + ", ".join(f"{min(pair)}-{max(pair)}" for pair in pairs)

    ranges = parse_range(value, size)

    if not 0 < len(pairs) <= 16:
        assert ranges is None
        return
    assert ranges is not None
    asked = {byte for pair in pairs for byte in range(min(pair), min(max(pair) + 1, size))}
    given_ = [byte for part in ranges for byte in range(part.start, part.stop)]
    assert sorted(given_) == sorted(asked)


@given(st.text(st.sampled_from("bytes=0-19, "), max_size=20))
def test_no_field_makes_reading_fail(value: str) -> None:
    for part in parse_range(value, 10) or []:
        assert 0 <= part.start < part.stop <= 10


def test_a_hostile_field_takes_linear_time() -> None:
    before = time.process_time()
    for value in ("bytes=" + "0-," * 50_000, "bytes=" + "0" * 100_000, "bytes=" + " " * 100_000):
        assert parse_range(value, 10, max_ranges=100_000) is None or value.endswith(",")
    assert time.process_time() - before < 2


def test_ranges_are_asked_for() -> None:
    assert format_range(0, 500) == "bytes=0-499"
    assert format_range(500) == "bytes=500-"
    assert format_range(-500) == "bytes=-500"
    for start, stop in ((5, 5), (5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="no Range"):
            format_range(start, stop)


@pytest.mark.parametrize(
    ("text", "part", "size"),
    [
        ("bytes 42-1233/1234", ByteRange(42, 1234), 1234),
        ("bytes 42-1233/*", ByteRange(42, 1234), None),
        ("bytes */1234", None, 1234),
        ("bytes 0-0/1", ByteRange(0, 1), 1),
    ],
)
def test_content_range_round_trips(text: str, part: ByteRange | None, size: int | None) -> None:
    assert parse_content_range(text) == ContentRange(part, size)
    assert parse_content_range(text.upper()) == ContentRange(part, size)
    assert format_content_range(part, size) == text


@pytest.mark.parametrize(
    "text", ["", "bytes", "bytes 1-0/5", "bytes 0-5/5", "bytes */*", "bytes 0-4", "lines 0-1/2", "bytes 0-" + "9" * 99]
)
def test_another_content_range_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="Content-Range"):
        parse_content_range(text)


@pytest.mark.parametrize(
    ("part", "size"), [(None, None), (ByteRange(0, 0), 5), (ByteRange(0, 6), 5), (ByteRange(-1, 2), None)]
)
def test_a_part_that_is_none_is_a_value_error(part: ByteRange | None, size: int | None) -> None:
    with pytest.raises(ValueError, match=r"part"):
        format_content_range(part, size)
