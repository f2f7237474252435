"""The cookie jar: who may set a cookie, where it goes, when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from trio_http._clock import set_wall_clock
from trio_http._errors import InvalidURL, LocalProtocolError
from trio_http.semantics import URL, CookieJar, Headers, SetCookie

DAY = 24 * 3600


class Clock:
    """A wall clock that stands where it is put."""

    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    before = set_wall_clock(clock)
    yield clock
    set_wall_clock(before)


def jar_with(*stored: tuple[str, str], **options: Any) -> CookieJar:
    jar = CookieJar(**options)
    for url, value in stored:
        assert jar.store(URL(url), value)
    return jar


@pytest.mark.covers("B14")
def test_the_cookies_of_a_response_go_with_the_next_request() -> None:
    jar = CookieJar()

    jar.store_all(URL("http://h/"), Headers([("Set-Cookie", "a=1"), ("set-cookie", "b=2; HttpOnly"), ("x", "y")]))

    assert jar.header_for(URL("http://h/")) == "a=1; b=2"
    assert len(jar) == 2
    assert bool(CookieJar())
    assert CookieJar().header_for(URL("http://h/")) is None
    assert repr(jar) == "<CookieJar with 2 cookies for 1 domains>"
    assert repr(next(iter(jar))) == "<StoredCookie a=[redacted] for h/>"


@pytest.mark.parametrize(
    ("url", "value", "sent_to", "kept_from"),
    [
        ("http://a.b.c/", "x=1", ["http://a.b.c/", "https://a.b.c:81/p"], ["http://b.c/", "http://d.a.b.c/"]),
        ("http://a.b.c/", "x=1; Domain=b.c", ["http://b.c/", "http://a.b.c/", "http://z.y.b.c/"], ["http://xb.c/"]),
        ("http://a.b.c/", "x=1; Domain=.A.B.C", ["http://a.b.c/", "http://z.a.b.c/"], ["http://b.c/"]),
        ("http://a.b.c/", "x=1; Domain=", ["http://a.b.c/"], ["http://z.a.b.c/"]),
        ("http://h/", "x=1; Domain=h", ["http://h/"], ["http://z.h/"]),
        ("http://1.2.3.4/", "x=1; Domain=1.2.3.4", ["http://1.2.3.4/"], ["http://9.1.2.3.4/"]),
        ("http://[::1]/", "x=1", ["http://[::1]:8080/"], ["http://[::2]/"]),
        ("https://h/", "x=1; Secure", ["https://h/", "wss://h/"], ["http://h/", "ws://h/"]),
        ("http://h/a/b", "x=1", ["http://h/a", "http://h/a/", "http://h/a/c/d"], ["http://h/", "http://h/ab"]),
        ("http://h/a", "x=1", ["http://h/", "http://h/b"], []),
        ("http://h/", "x=1; Path=/a", ["http://h/a", "http://h/a/b?c"], ["http://h/", "http://h/ab"]),
        ("http://h/", "x=1; Path=/a/", ["http://h/a/", "http://h/a/b"], ["http://h/a"]),
        ("http://h/a/b", "x=1; Path=a", ["http://h/a/c"], ["http://h/"]),
        ("http://xn--bcher-kva.de/", "x=1; Domain=xn--bcher-kva.de", ["http://a.xn--bcher-kva.de/"], ["http://de/"]),
        ("http://h/", "x", [], ["http://other/"]),
    ],
)
def test_where_a_cookie_goes(url: str, value: str, sent_to: list[str], kept_from: list[str]) -> None:
    jar = jar_with((url, value))

    for other in sent_to:
        assert jar.header_for(URL(other)) == "x=1"
    for other in kept_from:
        assert jar.header_for(URL(other)) is None


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("http://a.b.c/", "x=1; Domain=other.c"),
        ("http://a.b.c/", "x=1; Domain=z.a.b.c"),
        ("http://a.b.c/", "x=1; Domain=c"),
        ("http://a.b.c/", "x=1; Domain=.c"),
        ("http://ab.c/", "x=1; Domain=b.c"),
        ("http://a.localhost/", "x=1; Domain=localhost"),
        ("http://1.2.3.4/", "x=1; Domain=3.4"),
        ("http://1.2.3.4/", "x=1; Domain=.3.4"),
        ("http://[::1]/", "x=1; Domain=1"),
        ("http://h/", "x=1; Secure"),
        ("http://h/", "x=1\0"),
        ("http://h/", ""),
        ("/relative", "x=1"),
        ("https://h/", "__Secure-x=1"),
        ("https://h/", "__Host-x=1; Secure"),
        ("https://h/", "__host-x=1; Path=/"),
        ("https://a.h/", "__Host-x=1; Secure; Path=/; Domain=a.h"),
        ("https://h/", "__HOST-x=1; Secure; Path=/a"),
        ("https://h/", "=__Secure-x=1; Secure"),
        ("https://h/", "=__Host-x=1; Secure; Path=/"),
        ("http://h/", "__Secure-x=1; Secure"),
    ],
)
def test_who_may_not_set_a_cookie(url: str, value: str) -> None:
    jar = CookieJar()

    assert not jar.store(URL(url), value)
    assert len(jar) == 0


def test_names_that_promise_something_may_be_set_if_they_keep_it() -> None:
    jar = jar_with(("https://a.h/", "__Host-x=1; Secure; Path=/"), ("https://a.h/", "__Secure-y=2; Secure; Domain=a.h"))

    assert jar.header_for(URL("https://a.h/")) == "__Host-x=1; __Secure-y=2"


def test_public_suffixes_are_no_domains_to_share() -> None:
    jar = CookieJar(public_suffixes=["co.uk", "*.ck", "!www.ck", "GitHub.io"])

    for url, domain in [
        ("http://a.co.uk/", "co.uk"),
        ("http://a.b.ck/", "b.ck"),
        ("http://me.github.io/", "github.io"),
    ]:
        assert not jar.store(URL(url), f"x=1; Domain={domain}")
    assert jar.store(URL("http://a.www.ck/"), "x=1; Domain=www.ck")
    assert jar.store(URL("http://z.a.co.uk/"), "x=1; Domain=a.co.uk")
    assert jar.store(URL("http://github.io/"), "x=1; Domain=github.io")
    assert jar.header_for(URL("http://me.github.io/")) is None
    assert jar.header_for(URL("http://github.io/")) == "x=1"


def test_the_order_is_longer_paths_first_then_older_ones(clock: Clock) -> None:
    jar = jar_with(
        ("http://h/", "a=1; Path=/"),
        ("http://h/", "b=2; Path=/x/y"),
        ("http://h/", "c=3; Path=/x"),
        ("http://h/", "d=4; Path=/x"),
        ("http://h/", "c=5; Path=/x"),
    )

    assert jar.header_for(URL("http://h/x/y/z")) == "b=2; c=5; d=4; a=1"


def test_cookies_end(clock: Clock) -> None:
    jar = jar_with(
        ("http://h/", "a=1; Max-Age=10"),
        ("http://h/", "b=2; Expires=Sun, 09 Sep 2001 01:47:00 GMT"),  # 20 seconds ahead
        ("http://h/", "c=3; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=30"),
        ("http://h/", "d=4"),
        ("http://h/", "e=5; Max-Age=999999999999"),
    )
    seen = []

    for now in (0, 9.9, 10, 20, 30, 400 * DAY - 1, 400 * DAY):
        clock.now = 1_000_000_000.0 + now
        seen.append((jar.header_for(URL("http://h/")), len(jar)))

    assert seen == [
        ("a=1; b=2; c=3; d=4; e=5", 5),
        ("a=1; b=2; c=3; d=4; e=5", 5),
        ("b=2; c=3; d=4; e=5", 4),
        ("c=3; d=4; e=5", 3),
        ("d=4; e=5", 2),
        ("d=4; e=5", 2),
        ("d=4", 1),
    ]


@pytest.mark.parametrize("end", ["Max-Age=0", "Max-Age=-5", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_removes_its_cookie(end: str) -> None:
    jar = jar_with(("http://h/", "a=1"), ("http://h/", "b=2"))

    assert jar.store(URL("http://h/"), f"a=; {end}")
    assert jar.store(URL("http://h/"), f"never=; {end}")
    assert jar.store(URL("http://other/"), f"b=; {end}")

    assert jar.header_for(URL("http://h/")) == "b=2"


def test_an_insecure_server_cannot_cover_a_secure_cookie() -> None:
    jar = jar_with(("https://a.b.c/x", "s=1; Secure; Domain=b.c; Path=/x"))

    assert not jar.store(URL("http://a.b.c/x/"), "s=evil; Path=/x")
    assert not jar.store(URL("http://z.b.c/"), "s=evil; Path=/x/y")
    assert jar.store(URL("http://a.b.c/"), "s=other; Path=/")
    assert jar.store(URL("https://a.b.c/"), "s=2; Domain=b.c; Path=/x")
    assert jar.header_for(URL("https://a.b.c/x")) == "s=2; s=other"


def test_limits_hold_and_the_least_used_go_first(clock: Clock) -> None:
    jar = jar_with(*[("http://h/", f"c{number}=1") for number in range(3)], max_per_domain=3, max_total=4)

    jar.store(URL("http://h/gone/x"), "gone=1; Max-Age=5; Path=/")
    assert {cookie.name for cookie in jar} == {"c1", "c2", "gone"}
    clock.now += 5
    jar.store(URL("http://h/"), "c3=1")
    assert {cookie.name for cookie in jar} == {"c1", "c2", "c3"}
    assert jar.header_for(URL("http://h/")) == "c1=1; c2=1; c3=1"

    jar.store(URL("http://i/"), "d=1")
    jar.store(URL("http://j/"), "e=1")
    assert {cookie.name for cookie in jar} == {"c2", "c3", "d", "e"}


def test_a_full_jar_stays_small() -> None:
    jar = CookieJar(max_per_domain=20, max_total=50)
    for number in range(1000):
        jar.store(URL(f"http://h{number % 7}.example/"), f"c{number}=1")
        assert len(jar) <= 50
    assert len(jar) > 40


def test_the_header_is_never_longer_than_allowed() -> None:
    jar = jar_with(*[("http://h/", f"c{number}={'x' * 3000}") for number in range(5)], ("http://h/", "small=1"))

    header = jar.header_for(URL("http://h/"))

    assert header is not None
    assert len(header) <= 8190
    assert header.endswith("; small=1")
    assert header.count("c") == 2


def test_nameless_cookies_are_sent_as_their_value() -> None:
    assert jar_with(("http://h/", "value")).header_for(URL("http://h/")) == "value"


def test_cookies_of_ones_own() -> None:
    jar = CookieJar()

    jar.set("a", "1", domain="H.example")
    jar.set("b", "2", domain="h.example", path="/x", secure=True, subdomains=True)
    jar.set("c", "3", domain="::1", subdomains=True)

    assert jar.header_for(URL("http://h.example/x")) == "a=1"
    assert jar.header_for(URL("https://z.h.example/x")) == "b=2"
    assert jar.header_for(URL("http://[::1]/")) == "c=3"
    assert repr(next(cookie for cookie in jar if cookie.name == "b")) == "<StoredCookie b=[redacted] for .h.example/x>"
    with pytest.raises(LocalProtocolError):
        jar.set("a", "x\n", domain="h")
    with pytest.raises(InvalidURL):
        jar.set("a", "x", domain="h/")


def test_a_cookie_made_by_a_server_of_ours_can_be_stored() -> None:
    jar = CookieJar()

    assert jar.store(URL("https://h/"), SetCookie("a", "1", secure=True))
    assert jar.header_for(URL("https://h/x")) == "a=1"


def test_cookies_are_found_and_forgotten(clock: Clock) -> None:
    jar = jar_with(
        ("http://h/", "a=1"),
        ("http://h/", "a=2; Path=/x"),
        ("http://i/", "a=3; Max-Age=5"),
        ("http://i/", "b=4"),
    )

    assert (jar.get("a"), jar.get("a", domain="h"), jar.get("a", domain="h", path="/")) == ("3", "2", "1")
    assert jar.get("x") is None
    jar.clear(name="a", domain="h")
    assert len(jar) == 2
    jar.clear_session()
    assert [cookie.name for cookie in jar] == ["a"]
    clock.now += 5
    jar.clear()
    assert len(jar) == 0


# ---------------------------------------------------------------- saved


@pytest.mark.covers("B14")
def test_a_jar_is_saved_and_loaded(clock: Clock) -> None:
    jar = jar_with(
        ("https://a.b.c/x/y", "s=1; Secure; HttpOnly; SameSite=Lax; Domain=b.c; Partitioned; Max-Age=50"),
        ("http://h/", "t=2"),
        ("http://h/", "u=3; Max-Age=5"),
        ("http://h/", "nameless"),
    )
    text, without_session = jar.save(), jar.save(session=False)

    clock.now += 5
    again, lasting = CookieJar(), CookieJar()
    again.load(text)
    lasting.load(without_session)

    assert json.loads(again.save()) == json.loads(jar.save())
    assert again.header_for(URL("https://z.b.c/x/q")) == "s=1"
    assert again.header_for(URL("http://h/")) == "t=2; nameless"
    assert [cookie.name for cookie in lasting] == ["s"]


def saved(**changes: object) -> str:
    cookie = {"name": "a", "value": "b", "domain": "h", "path": "/", "host_only": True, "secure": False}
    cookie |= {"http_only": False, "same_site": None, "partitioned": False, "expires": None}
    return json.dumps({"version": 1, "cookies": [cookie, cookie | changes]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "cookies": []}',
        '{"version": 1, "cookies": {}}',
        '{"version": 1, "cookies": [5]}',
        '{"version": 1, "cookies": [{}]}',
        saved(name=5),
        saved(secure=1),
        saved(expires="x"),
        saved(value="x\r\ny"),
        saved(value="x; y"),
        saved(name="a=b"),
        saved(path="x"),
        saved(name="", value=""),
    ],
)
def test_what_is_no_saved_jar_is_refused_whole(text: str) -> None:
    jar = CookieJar()

    with pytest.raises(ValueError, match=r"saved|Expecting"):
        jar.load(text)
    assert len(jar) == 0


def test_what_was_saved_by_hand_loads() -> None:
    jar = CookieJar()

    jar.load(saved(name="c"))

    assert jar.header_for(URL("http://h/")) == "a=b; c=b"
