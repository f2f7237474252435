"""Cookies on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trio_http._errors import LocalProtocolError
from trio_http.semantics import Cookies, Headers, SetCookie, parse_cookie_date, parse_set_cookie

DATE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


# ---------------------------------------------------------------- Cookie


@pytest.mark.covers("A45")
def test_the_cookies_of_a_request() -> None:
    cookies = Cookies('a=1; b = "x=y" ;a=2;nothing;; =v;c=')

    assert dict(cookies) == {"a": "1", "b": '"x=y"', "": "v", "c": ""}
    assert cookies.get_list("a") == ["1", "2"]
    assert list(cookies.get_all())[:2] == [("a", "1"), ("b", '"x=y"')]
    assert len(cookies) == 4
    assert cookies.get("x") is None
    assert "1" not in repr(cookies)
    assert "b" in repr(cookies)
    assert dict(Cookies(None)) == {}
    with pytest.raises(KeyError):
        cookies["x"]


# ---------------------------------------------------------------- Set-Cookie, written


@pytest.mark.covers("A45")
def test_all_attributes_are_written() -> None:
    cookie = SetCookie(
        "id",
        "a b",
        max_age=60,
        expires=DATE,
        path="/x",
        domain=".Example.com",
        secure=True,
        http_only=True,
        same_site="None",
        partitioned=True,
    )

    assert str(cookie) == (
        "id=a b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; Domain=example.com; Path=/x; Secure; HttpOnly; "
        "SameSite=None; Partitioned"
    )
    assert parse_set_cookie(str(cookie)) == cookie
    assert hash(parse_set_cookie(str(cookie))) == hash(cookie)
    assert cookie != str(cookie)
    assert "a b" not in repr(cookie)
    assert repr(cookie).startswith("<SetCookie id=[redacted]; Expires=")


def test_defaults() -> None:
    assert str(SetCookie("a", "b")) == "a=b; Path=/"
    assert str(SetCookie("a", "b", path=None, same_site="Lax", expires=784111777)) == (
        "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; SameSite=Lax"
    )


def test_removing_a_cookie() -> None:
    assert str(SetCookie.removal("a", domain="h")) == (
        "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Domain=h; Path=/"
    )
    assert str(SetCookie.removal("__Host-a")).endswith("; Path=/; Secure")


@pytest.mark.parametrize(
    ("name", "value", "attributes"),
    [
        ("", "x", {}),
        ("a b", "x", {}),
        ("a=", "x", {}),
        ("a\n", "x", {}),
        ("a", "x\r\nSet-Cookie: y", {}),
        ("a", "x;y", {}),
        ("a", "x\0", {}),
        ("a", "\u20ac", {}),
        ("a", " x", {}),
        ("a", "x" * 4096, {}),
        ("a", "x", {"path": "x"}),
        ("a", "x", {"path": "/;x"}),
        ("a", "x", {"path": "/\n"}),
        ("a", "x", {"domain": "a b"}),
        ("a", "x", {"domain": "a;b"}),
        ("a", "x", {"domain": ""}),
        ("a", "x", {"same_site": "lax"}),
        ("a", "x", {"max_age": 1.5}),
        ("a", "x", {"max_age": True}),
        ("a", "x", {"max_age": "60; Domain=h"}),
        ("a", "x", {"expires": 1e20}),
        ("a", "x", {"expires": float("nan")}),
        ("a", "x", {"expires": "tomorrow"}),
        ("a", "x", {"same_site": "None"}),
        ("a", "x", {"partitioned": True}),
        ("__Secure-a", "x", {}),
        ("__host-a", "x", {}),
        ("__Host-a", "x", {"secure": True, "domain": "h"}),
        ("__Host-a", "x", {"secure": True, "path": "/x"}),
        ("__Host-a", "x", {"secure": True, "path": None}),
    ],
)
def test_what_must_not_be_sent_is_refused(name: str, value: str, attributes: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        SetCookie(name, value, **attributes)


def test_names_that_promise_something_are_kept_to_it() -> None:
    assert str(SetCookie("__Host-a", "x", secure=True)) == "__Host-a=x; Path=/; Secure"
    assert str(SetCookie("__Secure-a", "x", secure=True, domain="h")) == "__Secure-a=x; Domain=h; Path=/; Secure"


@given(st.text(max_size=10), st.text(max_size=20))
def test_whatever_is_accepted_is_fit_for_the_wire_and_comes_back(name: str, value: str) -> None:
    try:
        cookie = SetCookie(name, value)
    except LocalProtocolError:
        return
    assert Headers({"set-cookie": str(cookie)})["set-cookie"] == str(cookie)
    assert parse_set_cookie(str(cookie)) == cookie
    assert Cookies(f"x=y; {name}={value}; z=0")[name] == value or name in {"x", "z"}


# ---------------------------------------------------------------- Set-Cookie, read


def test_attributes_are_read_as_browsers_read_them() -> None:
    cookie = parse_set_cookie(
        " a = b=c ;EXPIRES=Sun, 06-Nov-94 08:49:37 GMT; max-age = 5 ;domain=.H;path=/x;secure=no;HttpOnly;"
        "SAMESITE=strict;partitioned;unknown=1;;max-age=7"
    )

    assert cookie is not None
    assert (cookie.name, cookie.value, cookie.max_age, cookie.expires) == ("a", "b=c", 7, DATE.timestamp())
    assert (cookie.domain, cookie.path, cookie.same_site) == ("h", "/x", "Strict")
    assert (cookie.secure, cookie.http_only, cookie.partitioned) == (True, True, True)


def test_malformed_attributes_count_as_not_given() -> None:
    cookie = parse_set_cookie(
        "a=b; Expires=never; Max-Age=1.5; Domain=; Path=x; SameSite=maybe; Path=/"
        + "x" * 1024
        + "; Domain="
        + "d" * 1025
    )

    assert cookie == parse_set_cookie("a=b")
    assert cookie is not None
    assert (cookie.expires, cookie.max_age, cookie.domain, cookie.path, cookie.same_site) == (None,) * 5
    assert (cookie.secure, cookie.http_only, cookie.partitioned) == (False, False, False)


@pytest.mark.parametrize(
    ("value", "pair"),
    [
        ("a", ("", "a")),
        ("=a", ("", "a")),
        ("a=", ("a", "")),
        ("a b=c d", ("a b", "c d")),
        ("a=\tb\t", ("a", "b")),
        ("a=b\xe9", ("a", "b\xe9")),
        ("a=" + "x" * 4095, ("a", "x" * 4095)),
    ],
)
def test_odd_pairs_are_read(value: str, pair: tuple[str, str]) -> None:
    cookie = parse_set_cookie(value)

    assert cookie is not None
    assert (cookie.name, cookie.value) == pair


@pytest.mark.parametrize("value", ["", "=", ";", " = ; Secure", "a=b\0", "a=b\r", "a=b; Path=/\n", "a=" + "x" * 4096])
def test_what_browsers_ignore_is_ignored(value: str) -> None:
    assert parse_set_cookie(value) is None


@given(st.text(st.sampled_from("a=;Max-Ag 0,:\0\xff"), max_size=30))
def test_reading_never_fails(value: str) -> None:
    cookie = parse_set_cookie(value)

    assert cookie is None or len(cookie.name) + len(cookie.value) > 0


@pytest.mark.parametrize("seconds", ["9" * 1000, "-" + "9" * 1000])
def test_an_age_beyond_all_measure_is_read(seconds: str) -> None:
    cookie = parse_set_cookie("a=b; Max-Age=" + seconds)

    assert cookie is not None
    assert cookie.max_age is not None
    assert abs(cookie.max_age) > 10**12


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "6 november 94 8:49:37",
        "1994 nov 6 8:49:37",
        "Sun, 06-Nov-1994 08:49:37 +0100",
        "08:49:37 06th Nov 1994",
    ],
)
def test_dates_are_read_in_any_order(text: str) -> None:
    assert parse_cookie_date(text) == DATE


@pytest.mark.parametrize(
    ("text", "year"),
    [("1 Jan 70 0:0:0", 1970), ("1 Jan 69 0:0:0", 2069), ("1 Jan 99 0:0:0", 1999), ("1 Jan 1601 0:0:0", 1601)],
)
def test_years_of_two_digits(text: str, year: int) -> None:
    date = parse_cookie_date(text)

    assert date is not None
    assert date.year == year


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "1 Jan 1600 0:0:0",
        "32 Jan 2000 0:0:0",
        "30 Feb 2000 0:0:0",
        "1 Jan 2000",
        "1 Jan 2000 24:0:0",
        "1 Jan 2000 0:60:0",
        "Jan 2000 0:0:0",
        "1 2000 0:0:0",
        "1 Jan 0:0:0",
        "1 Jan 20000 0:0:0",
        "1 Jan 2000 0:0:000",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_cookie_date(text) is None


def test_a_date_without_a_time_zone_means_utc(in_tokyo: None) -> None:
    naive = DATE.replace(tzinfo=None)

    assert SetCookie("a", "x", expires=naive) == SetCookie("a", "x", expires=DATE)
    assert SetCookie("a", "x", expires=naive).expires == DATE.timestamp()
