"""URLs: RFC 3986 and the http schemes of RFC 9110 section 4.2."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Iterator

import idna
import pytest
from hypothesis import given, strategies as st

from trio_http._errors import InvalidURL
from trio_http.semantics import URL, _url, join_host_port, set_idna_codec, split_host_port, url_concat


@pytest.fixture(autouse=True)
def without_codec() -> Iterator[None]:
    """The state of the floor by itself: the client sets a codec for the process when it is imported."""
    before = set_idna_codec(None)
    yield
    set_idna_codec(*before)


@pytest.fixture
def with_idna() -> Iterator[None]:
    before = set_idna_codec(lambda host: idna.encode(host, uts46=True), idna.decode)
    yield
    set_idna_codec(*before)


# ---------------------------------------------------------------- the parts


def test_all_parts_of_a_url() -> None:
    url = URL("HTTPS://us%3Aer:p%40ss@Example.COM:8443/a%20b/c;d?x=1&y=%26#top%21")

    assert url.scheme == "https"
    assert (url.username, url.password) == ("us:er", "p@ss")
    assert (url.host, url.raw_host, url.port, url.explicit_port) == ("example.com", "example.com", 8443, 8443)
    assert (url.path, url.raw_path) == ("/a b/c;d", "/a%20b/c;d")
    assert (url.query_string, list(url.query.get_all())) == ("x=1&y=%26", [("x", "1"), ("y", "&")])
    assert url.fragment == "top!"
    assert url.target == b"/a%20b/c;d?x=1&y=%26"
    assert url.authority == url.authority == "example.com:8443"
    assert url.origin == url.origin == "https://example.com:8443"
    assert str(url) == "https://us%3Aer:p%40ss@example.com:8443/a%20b/c;d?x=1&y=%26#top%21"
    assert url.is_absolute


def test_absent_parts() -> None:
    url = URL("http://h")

    assert (url.username, url.password, url.port, url.explicit_port) == (None, None, 80, None)
    assert (url.path, url.query_string, url.fragment, url.target) == ("/", "", "", b"/")
    assert not url.query
    assert url.query is url.query
    assert str(url) == "http://h/"
    assert URL("http://u@h").password is None
    assert URL("http://@h/").username == ""
    assert str(URL("http://@h/?#")) == "http://@h/?#"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("http://h:80/", "http://h/"),
        ("https://h:443", "https://h/"),
        ("ws://h:80/", "ws://h/"),
        ("wss://h:443/", "wss://h/"),
        ("http://h:443/", "http://h:443/"),
        ("http://h:/", "http://h/"),
        ("http://h:0080/", "http://h/"),
        ("http://h:00008080/", "http://h:8080/"),
        ("http://H?q", "http://h/?q"),
        ("http://h#f", "http://h/#f"),
        ("http://[2001:DB8:0:0::1]:80/", "http://[2001:db8::1]/"),
        ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
        ("http://[fe80::1%eth0]:81/", "http://[fe80::1%25eth0]:81/"),
        ("http://h/a b\u00e9", "http://h/a%20b%C3%A9"),
        ("http://h/%zz%4%41%e9%", "http://h/%25zz%254%41%e9%25"),
        ('http://h/<>"{}|\\^`[]', "http://h/%3C%3E%22%7B%7D%7C%5C%5E%60%5B%5D"),
        ("http://h/?a[]=\u20ac b", "http://h/?a%5B%5D=%E2%82%AC%20b"),
        ("http://h/#a b", "http://h/#a%20b"),
        ("http://u ser:p w@h/", "http://u%20ser:p%20w@h/"),
        ("http://h/a/../b/./c", "http://h/a/../b/./c"),
        ("FILE:///etc/hosts", "file:///etc/hosts"),
        ("mailto:a@b", "mailto:a@b"),
        ("http+unix://%2Frun%2Fx.sock/p", "http+unix://%2frun%2fx.sock/p"),
        ("//h/p", "//h/p"),
        ("/p?q", "/p?q"),
        ("?q", "?q"),
        ("#f", "#f"),
        ("", ""),
        ("a/b:c", "a/b:c"),
        ("./a:b", "./a:b"),
    ],
)
def test_normal_form(text: str, same: str) -> None:
    url = URL(text)

    assert str(url) == same
    assert URL(same) == url
    assert str(URL(same)) == same


def test_a_zone_is_for_connecting_not_for_the_wire() -> None:
    url = URL("http://[fe80::1%25eth0]:8080/")

    assert url.raw_host == "fe80::1%eth0"
    assert url.authority == "[fe80::1]:8080"
    assert url.origin == "http://[fe80::1%eth0]:8080"


def test_a_relative_reference_has_no_origin() -> None:
    url = URL("a?b")

    assert not url.is_absolute
    assert (url.scheme, url.host, url.raw_host, url.port, url.origin, url.authority) == ("", "", "", None, "", "")
    assert URL("?b").target == b"/?b"
    assert URL("gopher://h/").port is None


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("http://", 7),
        ("http:///p", 7),
        ("http:p", 5),
        ("http:", 5),
        ("https://:80/", 8),
        ("http://u@/", 9),
        ("http://a b/", 8),
        ("http://a\\@b/", 8),
        ("http://a\\b/", 8),
        ("http://a%41/", 8),
        ('http://a"b/', 8),
        ("http://a@b@c/", 8),
        ("http://h:8a/", 10),
        ("http://h:-1/", 9),
        ("http://h:+1/", 9),
        ("http://h: 1/", 9),
        ("http://h:\u0661/", 9),
        ("http://h:65536/", 9),
        ("http://h:99999/", 9),
        ("http://h:100000/", 9),
        ("http://h:" + "9" * 10000, 9),
        ("http://::1/", 7),
        ("http://a:1:2/", 8),
        ("http://[::1/", 7),
        ("http://[::1]x/", 12),
        ("http://[::1]:x/", 13),
        ("http://[]/", 8),
        ("http://[::g]/", 8),
        ("http://[1.2.3.4]/", 8),
        ("http://[v1.x]/", 8),
        ("http://[::1%]/", 11),
        ("http://[::1%25]/", 11),
        ("http://[::1%a b]/", 11),
        ("http://h/\n", 9),
        ("http://h/\0", 9),
        ("http://h/\x7f", 9),
        ("http://h/\x85", 9),
        ("http://h/\ud800", 9),
        ("http://h\r\n/", 8),
        ("\thttp://h/", 0),
        ("http://h/ ", 9),
        (" http://h/", 0),
        ("1http://h/", 0),
        ("://h/", 0),
        ("http+unix://%2/", 12),
        ("http://b\u00fccher/", 7),
    ],
)
def test_what_is_malformed_or_ambiguous_is_refused(text: str, position: int) -> None:
    with pytest.raises(InvalidURL) as caught:
        URL(text)

    assert str(caught.value).endswith(f"(position {position})")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "http://user:secret@h:x/",
        "http://user:sec/secret@h/",
        "http://user:secret@a@h/",
        "http:user:secret@h",
        "http://user:secret@h/\n",
        "//user:secret@h:x/",
        "user:secret@h:x",
    ],
)
def test_errors_never_show_a_password(text: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        URL(text).replace(scheme="http")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("what", [5, b"http://h/", None, ["x"]])
def test_what_is_no_text_is_a_type_error(what: str) -> None:
    with pytest.raises(TypeError):
        URL(what)


@given(st.text(st.sampled_from("htp:/?#[]@%a1.\\ \n\u00e9\ud800&=;"), max_size=20))
def test_parsing_is_idempotent_and_fails_in_one_way_only(text: str) -> None:
    try:
        url = URL(text)
    except InvalidURL:
        return
    assert str(URL(str(url))) == str(url)
    assert str(url).isascii()
    assert url.target.isascii()
    assert not set(url.target) & set(b" \r\n\0")
    assert url.redacted.isascii()
    assert url.path == URL(str(url)).path


@given(st.text(max_size=30), st.text(max_size=30))
def test_anything_in_path_and_query_is_encoded_once(path: str, query: str) -> None:
    try:
        url = URL("http://h/").replace(path="/" + path, query=query)
    except InvalidURL:
        return
    again = URL(str(url))
    assert again == url
    assert again.replace(path=again.raw_path, query=again.query_string) == again
    if "%" not in path:
        assert again.path == "/" + path


def test_plain_urls_agree_with_those_parsed_part_by_part() -> None:
    for text in ("http://h", "https://a.b-c:8443/p/q;r=1?x=1&y#z", "ws://1.2.3.4:80?x", "wss://h:443#f", "http://h:0/"):
        scheme, colon, rest = text.partition(":")
        fast, slow = URL(text), URL(scheme.upper() + colon + rest)  # capitals have to be made small: not plain

        assert fast == slow
        for name in ("scheme", "raw_host", "port", "explicit_port", "raw_path", "query_string", "target", "origin"):
            assert getattr(fast, name) == getattr(slow, name)


@pytest.mark.parametrize(
    "text",
    [
        "http://" + "@" * 100_000,
        "http://" + "[" * 100_000,
        "http://h/" + "%" * 100_000,
        "//" * 100_000 + "\n",
        "http://h/" + "../" * 50_000,
        "http://h:" + "1" * 100_000,
        "a:" * 50_000,
        "http://h?" + "&=+%2" * 20_000,
    ],
    ids=range(8),
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    before = time.process_time()
    try:
        url = URL(text)
        assert URL("http://h/").join(url)
        assert url.path
        assert len(url.query) >= 0
    except InvalidURL:
        pass
    assert time.process_time() - before < 2


# ---------------------------------------------------------------- a value


def test_urls_are_equal_to_their_text_and_hash_alike() -> None:
    url = URL("HTTP://H:80")

    assert url == URL("http://h/") == "http://h/"
    assert url != "http://h"
    assert url != 5
    assert len({url, URL("http://h/"), "http://h/"}) == 1
    assert URL(url) is url


def test_urls_are_copied_and_pickled() -> None:
    url = URL("http://u:p@h/?x#y")

    assert pickle.loads(pickle.dumps(url)) == copy.deepcopy(url) == copy.copy(url) == url


def test_repr_hides_the_password_only() -> None:
    assert repr(URL("http://user:secret@h/")) == "URL('http://user:[redacted]@h/')"
    assert repr(URL("http://user@h/")) == "URL('http://user@h/')"
    assert URL("http://user:secret@[::1]:81/p?q").redacted == "http://user:[redacted]@[::1]:81/p?q"


def test_the_memory_of_urls_is_bounded_and_holds_no_password() -> None:
    for number in range(1000):
        assert URL(f"http://h/{number}").target == b"/%d" % number
    URL("http://u:secret@h/")
    URL("http://h/" + "x" * 1000)

    assert 0 < len(_url._cache) <= 256
    assert not [text for text in _url._cache if "secret" in text or len(text) > 256]


# ---------------------------------------------------------------- IDNA


def test_internationalised_hosts_go_through_the_codec(with_idna: None) -> None:
    url = URL("http://B\u00dccher.example:81/")

    assert url.raw_host == "xn--bcher-kva.example"
    assert url.host == "b\u00fccher.example"
    assert str(url) == "http://xn--bcher-kva.example:81/"
    assert URL("http://h/").replace(host="b\u00fccher").raw_host == "xn--bcher-kva"
    assert URL("http://xn--a.example/").host == "xn--a.example"


def test_what_the_codec_refuses_is_no_url(with_idna: None) -> None:
    for host in ("\u00df\u200d", "a\u3002\u3002b", "\u2100"):
        with pytest.raises(InvalidURL, match="host"):
            URL(f"http://{host}/")


def test_without_a_decoder_hosts_stay_as_they_are() -> None:
    before = set_idna_codec(lambda host: "xn--" + host.encode("punycode").decode())
    try:
        assert URL("http://\u00fc/").host == "xn--tda"
        assert set_idna_codec(lambda host: "a b")[1] is None
        with pytest.raises(InvalidURL, match="must not be in a host"):
            URL("http://\u00fc/")
    finally:
        set_idna_codec(*before)
    with pytest.raises(InvalidURL, match="set_idna_codec"):
        URL("http://\u00fc/")


# ---------------------------------------------------------------- host and port


@pytest.mark.covers("S1.98")
@pytest.mark.parametrize(
    ("netloc", "host", "port"),
    [
        ("example.com:80", "example.com", 80),
        ("example.com", "example.com", None),
        ("example.com:", "example.com", None),
        ("Example.com", "example.com", None),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:8080", "::1", 8080),
        ("[::1]", "::1", None),
        ("::1", "::1", None),
        ("fe80::1%eth0", "fe80::1%eth0", None),
    ],
)
def test_host_and_port_are_split(netloc: str, host: str, port: int | None) -> None:
    assert split_host_port(netloc) == (host, port)
    assert split_host_port(join_host_port(host, port)) == (host, port)


@pytest.mark.parametrize(
    "netloc", ["", ":80", "a:b", "a:1:2", "[::1", "[::1]x", "u@h", "h:70000", "a b", "a/b", "[::1]]"]
)
def test_what_is_no_host_and_port_is_refused(netloc: str) -> None:
    with pytest.raises(InvalidURL):
        split_host_port(netloc)


@given(st.text(st.sampled_from("[]:@1a%. \n"), max_size=12))
def test_splitting_fails_in_one_way_only(netloc: str) -> None:
    try:
        host, port = split_host_port(netloc)
    except InvalidURL:
        return
    assert split_host_port(join_host_port(host, port)) == (host, port)


# ---------------------------------------------------------------- url_concat


@pytest.mark.covers("S1.91")
@pytest.mark.parametrize(
    ("url", "args", "result"),
    [
        ("https://localhost/path", None, "https://localhost/path"),
        ("https://localhost/path?x#y", [], "https://localhost/path?x#y"),
        ("https://localhost/path", [("y", "y"), ("z", "z")], "https://localhost/path?y=y&z=z"),
        ("https://localhost/path?", {"y": "y"}, "https://localhost/path?y=y"),
        ("https://localhost/path?r=1&t=2", [("y", "/y"), ("z", "z z")], "https://localhost/path?r=1&t=2&y=%2Fy&z=z+z"),
        ("https://localhost/path?r=1&", {"y": 1}, "https://localhost/path?r=1&y=1"),
        ("https://localhost/path?r=%2f#a?b", [("y", "1"), ("y", "2")], "https://localhost/path?r=%2f&y=1&y=2#a?b"),
        ("/path", {"y": ["1", "2"]}, "/path?y=1&y=2"),
    ],
)
def test_arguments_are_appended_to_a_query(url: str, args: dict[str, str], result: str) -> None:
    assert url_concat(url, args) == result
    assert url_concat(URL(url), args) == result


@pytest.mark.parametrize("args", ["a=b", 5, [("a",)], {"a": None}, {"a": True}, ["ab"], {"a": b"x"}])
def test_arguments_of_another_form_are_type_errors(args: dict[str, str]) -> None:
    with pytest.raises(TypeError):
        url_concat("http://h/", args)
