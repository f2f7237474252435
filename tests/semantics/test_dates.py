"""Dates of RFC 9110 section 5.6.7."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate

import pytest
from hypothesis import given, strategies as st

from trio_http._clock import set_wall_clock
from trio_http.semantics import current_date, format_http_date, parse_http_date

EXAMPLE = "Sun, 06 Nov 1994 08:49:37 GMT"
SECONDS = 784111777


class Clock:
    """A wall clock that stands where it is put."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    before = set_wall_clock(clock)
    yield clock
    set_wall_clock(before)


@pytest.mark.covers("S1.94")
@pytest.mark.parametrize(
    "when",
    [
        SECONDS,
        SECONDS + 0.999,
        datetime(1994, 11, 6, 8, 49, 37),
        datetime(1994, 11, 6, 8, 49, 37, 999999, tzinfo=UTC),
        datetime(1994, 11, 6, 9, 49, 37, tzinfo=timezone(timedelta(hours=1))),
        time.gmtime(SECONDS),
        (1994, 11, 6, 8, 49, 37),
        (1994, 11, 6, 8, 49, 37, 0, 0, 0),
        (1994, 11, 6, 8, 48, 97),
    ],
)
def test_every_form_of_an_instant_is_formatted(when: float) -> None:
    assert format_http_date(when) == EXAMPLE


@pytest.mark.parametrize("when", [float("nan"), float("inf"), 1e18, -1e18, 10**30, (1994, 11), (1994, 13, 1, 0, 0, 0)])
def test_what_is_no_date_is_refused(when: float) -> None:
    with pytest.raises(ValueError, match=r"date|month"):
        format_http_date(when)


@pytest.mark.parametrize("when", ["now", None, b""])
def test_what_is_no_instant_is_a_type_error(when: float) -> None:
    with pytest.raises(TypeError, match="datetime"):
        format_http_date(when)


@pytest.mark.parametrize("text", [EXAMPLE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_the_three_forms_of_the_rfc_are_read(text: str) -> None:
    assert parse_http_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


def test_other_dates_are_read() -> None:
    assert parse_http_date("Sat Nov 26 08:49:37 1994").day == 26
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "short", "year"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "26", 2026),
        (datetime(2026, 1, 1, tzinfo=UTC), "76", 2076),
        (datetime(2026, 1, 1, tzinfo=UTC), "77", 1977),
        (datetime(2099, 1, 1, tzinfo=UTC), "99", 2099),
        (datetime(2099, 1, 1, tzinfo=UTC), "01", 2001),
    ],
)
def test_two_digits_mean_a_year_at_most_fifty_ahead(clock: Clock, now: datetime, short: str, year: int) -> None:
    clock.now = now.timestamp()

    assert parse_http_date(f"Sunday, 06-Nov-{short} 08:49:37 GMT").year == year


@pytest.mark.parametrize(
    "text",
    [
        "",
        " " + EXAMPLE,
        EXAMPLE + " ",
        EXAMPLE + "\n",
        EXAMPLE.lower(),
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun, 0\u0666 Nov 1994 08:49:37 GMT",
        "784111777",
        "x" * 100_000,
    ],
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no HTTP date") as caught:
        parse_http_date(text)
    assert len(str(caught.value)) < 200


@given(st.integers(-62135596800, 253402300799))
def test_dates_round_trip_and_agree_with_the_email_package(seconds: int) -> None:
    text = format_http_date(seconds)

    assert text == formatdate(seconds, usegmt=True)
    assert parse_http_date(text).timestamp() == seconds


@given(st.text(max_size=40))
def test_reading_fails_in_one_way_only(text: str) -> None:
    try:
        parse_http_date(text)
    except ValueError:
        pass


def test_the_current_date_follows_the_wall_clock(clock: Clock) -> None:
    clock.now = SECONDS + 0.5
    first = current_date()
    clock.now = SECONDS + 0.9
    same = current_date()
    clock.now = SECONDS + 1.1
    later = current_date()
    clock.now = SECONDS + 0.5

    assert first == EXAMPLE.encode()
    assert same is first
    assert later == b"Sun, 06 Nov 1994 08:49:38 GMT"
    assert current_date() == first
