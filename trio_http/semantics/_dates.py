"""Dates: the three forms of RFC 9110 section 5.6.7 read, the one form that may be sent written."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from .._clock import wall

__all__ = ["current_date", "format_http_date", "parse_http_date", "seconds_since_1970"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}

_TIME = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"
# Sun, 06 Nov 1994 08:49:37 GMT
_IMF_FIXDATE = re.compile(rf"(?:{'|'.join(DAYS)}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT")
# Sunday, 06-Nov-94 08:49:37 GMT
_RFC_850 = re.compile(
    rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"
)
# Sun Nov  6 08:49:37 1994
_ASCTIME = re.compile(rf"(?:{'|'.join(DAYS)}) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})")


def format_http_date(when: float | datetime | time.struct_time | tuple[int, ...]) -> str:
    """Return a date as ``"Sun, 06 Nov 1994 08:49:37 GMT"``; fractions of a second are dropped.

    Args:
        when: Seconds since 1970-01-01T00:00:00Z; or a datetime, where one without a time zone means UTC; or a
            struct_time or tuple of year, month, day, hour, minute, second, read as UTC.

    Raises:
        TypeError: ``when`` is none of these.
        ValueError: There is no such date, or its year is not one of 1 to 9999.
    """
    if isinstance(when, datetime):
        moment = when if when.tzinfo is None else when.astimezone(UTC)
    elif isinstance(when, tuple):
        if len(when) < 6:
            raise ValueError(f"a date needs year, month, day, hour, minute and second; {len(when)} values were given")
        year, month, day, hour, minute, second = when[:6]
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)
    elif isinstance(when, int | float):
        try:
            moment = datetime.fromtimestamp(when // 1, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise ValueError(f"{when!r} seconds since 1970 is no date of the years 1 to 9999") from error
    else:
        raise TypeError(f"a date must be seconds, a datetime, a struct_time or a tuple, not {type(when).__name__}")
    return (
        f"{DAYS[moment.weekday()]}, {moment.day:02} {MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    )


def seconds_since_1970(when: datetime | float) -> float:
    """Return a moment as a number of seconds; a datetime without a time zone means UTC."""
    if isinstance(when, datetime):
        return (when.replace(tzinfo=UTC) if when.tzinfo is None else when).timestamp()
    return when


def parse_http_date(text: str) -> datetime:
    """Return the date that a field holds, in UTC.

    All three forms are read (IMF-fixdate, RFC 850, asctime), exactly as the grammar has them; whether the name of
    the day fits the date is not asked. A year of two digits that would be more than 50 years ahead means the past.
    A leap second counts as the second before it, because datetime has none.

    Raises:
        ValueError: It is no date.
    """
    match = _IMF_FIXDATE.fullmatch(text) or _RFC_850.fullmatch(text) or _ASCTIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:64]!r} is no HTTP date: expected one like 'Sun, 06 Nov 1994 08:49:37 GMT'")
    year = int(match["year"])
    if match.re is _RFC_850:
        this_year = datetime.fromtimestamp(wall(), UTC).year
        year += this_year // 100 * 100
        if year > this_year + 50:
            year -= 100
    try:
        return datetime(
            year,
            _MONTH_NUMBERS[match["month"]],
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"]), 59),
            tzinfo=UTC,
        )
    except ValueError as error:
        raise ValueError(f"{text!r} is no HTTP date: {error}") from None


_latest: dict[int, bytes] = {}  # the second that was formatted last, and how


def current_date() -> bytes:
    """Return the value of a ``Date`` field for now; it is made anew once a second."""
    second = int(wall())
    date = _latest.get(second)
    if date is None:
        date = format_http_date(second).encode()
        _latest.clear()
        _latest[second] = date
    return date
