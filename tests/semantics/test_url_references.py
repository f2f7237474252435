"""References and changes: what a URL becomes when it is joined with another or when parts of it are replaced."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, strategies as st

from trio_http._errors import InvalidURL
from trio_http.semantics import URL, Query

RFC_3986_5_4 = """
g:h g:h
g http://a/b/c/g
./g http://a/b/c/g
g/ http://a/b/c/g/
/g http://a/g
//g http://g/
?y http://a/b/c/d;p?y
g?y http://a/b/c/g?y
#s http://a/b/c/d;p?q#s
g#s http://a/b/c/g#s
g?y#s http://a/b/c/g?y#s
;x http://a/b/c/;x
g;x http://a/b/c/g;x
g;x?y#s http://a/b/c/g;x?y#s
. http://a/b/c/
./ http://a/b/c/
.. http://a/b/
../ http://a/b/
../g http://a/b/g
../.. http://a/
../../ http://a/
../../g http://a/g
../../../g http://a/g
../../../../g http://a/g
/./g http://a/g
/../g http://a/g
g. http://a/b/c/g.
.g http://a/b/c/.g
g.. http://a/b/c/g..
..g http://a/b/c/..g
./../g http://a/b/g
./g/. http://a/b/c/g/
g/./h http://a/b/c/g/h
g/../h http://a/b/c/h
g;x=1/./y http://a/b/c/g;x=1/y
g;x=1/../y http://a/b/c/y
g?y/./x http://a/b/c/g?y/./x
g?y/../x http://a/b/c/g?y/../x
g#s/./x http://a/b/c/g#s/./x
g#s/../x http://a/b/c/g#s/../x
http:g http://a/b/c/g
"""


@pytest.mark.parametrize(("reference", "target"), [line.split() for line in RFC_3986_5_4.strip().splitlines()])
def test_references_resolve_as_rfc_3986_section_5_4_has_it(reference: str, target: str) -> None:
    base = URL("http://a/b/c/d;p?q")

    assert str(base.join(reference)) == target
    assert base.join(URL(reference) if reference != "http:g" else "g") == target


def test_the_empty_reference_is_the_base_without_its_fragment() -> None:
    assert str(URL("http://a/b/c/d;p?q#f").join("")) == "http://a/b/c/d;p?q"


@pytest.mark.parametrize(
    ("base", "reference", "target"),
    [
        ("http://u:p@h:81/x", "y", "http://u:p@h:81/y"),
        ("http://u:p@h:81/x", "//other/y", "http://other/y"),
        ("http://h", "g", "http://h/g"),
        ("foo://h", "g", "foo://h/g"),
        ("foo://h", "..", "foo://h/"),
        ("http://h/", "HTTPS://H2/../a", "https://h2/a"),
        ("http://[::1]/a", "b c", "http://[::1]/b%20c"),
        ("urn:a/b/c", "../../..", "urn:/"),
        ("urn:a", "b/../..", "urn:/"),
        ("urn:a", "../b", "urn:b"),
        ("urn:a", "..", "urn:"),
        ("a/b", "c", "a/c"),
        ("a/b", "./c:d", "a/c:d"),
        ("a", "./c:d", "./c:d"),
        ("urn:a", ".//b", "urn:/b"),
        ("urn:/a", "/.//b", "urn:/.//b"),
    ],
)
def test_other_bases(base: str, reference: str, target: str) -> None:
    assert str(URL(base).join(reference)) == target


@pytest.mark.parametrize("reference", ["http:///x", "//", "//a b/", "/\n", "1:x", "https:x"])
def test_a_bad_reference_is_refused(reference: str) -> None:
    with pytest.raises(InvalidURL):
        URL("http://h/").join(reference)


@given(st.lists(st.sampled_from(["a", "b", "..", ".", ""]), max_size=8).map("/".join))
def test_joining_agrees_with_the_standard_library(reference: str) -> None:
    if "//" in "/" + reference:  # where the standard library drops empty segments
        return

    expected = urljoin("http://h/x/y/z", reference)

    assert str(URL("http://h/x/y/z").join(reference)) == (expected if urlsplit(expected).path else expected + "/")


# ---------------------------------------------------------------- replace


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"scheme": "HTTPS"}, "https://u:p@h:81/a?b#c"),
        ({"host": "H2"}, "http://u:p@h2:81/a?b#c"),
        ({"host": "::1"}, "http://u:p@[::1]:81/a?b#c"),
        ({"host": "[::1]"}, "http://u:p@[::1]:81/a?b#c"),
        ({"host": "fe80::1%eth0"}, "http://u:p@[fe80::1%25eth0]:81/a?b#c"),
        ({"port": None}, "http://u:p@h/a?b#c"),
        ({"port": 80}, "http://u:p@h/a?b#c"),
        ({"port": 443, "scheme": "https"}, "https://u:p@h/a?b#c"),
        ({"path": "x"}, "http://u:p@h:81/x?b#c"),
        ({"path": ""}, "http://u:p@h:81/?b#c"),
        ({"path": "/x?y#z%41%"}, "http://u:p@h:81/x%3Fy%23z%41%25?b#c"),
        ({"query": None}, "http://u:p@h:81/a#c"),
        ({"query": ""}, "http://u:p@h:81/a?#c"),
        ({"query": "x=1 2#"}, "http://u:p@h:81/a?x=1%202%23#c"),
        ({"query": {"x": "1 2", "y": 3}}, "http://u:p@h:81/a?x=1+2&y=3#c"),
        ({"query": Query("x=1")}, "http://u:p@h:81/a?x=1#c"),
        ({"fragment": None}, "http://u:p@h:81/a?b"),
        ({"fragment": "d e"}, "http://u:p@h:81/a?b#d%20e"),
        ({"username": None}, "http://h:81/a?b#c"),
        ({"username": None, "password": None}, "http://h:81/a?b#c"),
        ({"password": None}, "http://u@h:81/a?b#c"),
        ({"username": "x:@%41"}, "http://x%3A%40%2541:p@h:81/a?b#c"),
        ({"username": "x", "password": "/"}, "http://x:%2F@h:81/a?b#c"),
    ],
)
def test_replacing_parts(changes: dict[str, Any], result: str) -> None:
    url = URL("http://u:p@h:81/a?b#c")

    assert str(url.replace(**changes)) == result
    assert str(url) == "http://u:p@h:81/a?b#c"


def test_replacing_from_nothing() -> None:
    assert str(URL("http://h").replace(password="x")) == "http://:x@h/"
    assert str(URL("http://h").replace(password=None)) == "http://h/"
    assert str(URL("/p").replace(host="h", scheme="http")) == "http://h/p"
    assert str(URL("http://h").with_query([("a", "1"), ("a", "2")])) == "http://h/?a=1&a=2"
    assert str(URL("http://h/?x").with_query(None)) == "http://h/"


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "1"},
        {"scheme": "ht tp"},
        {"scheme": ""},
        {"host": ""},
        {"host": "a/b"},
        {"host": "a:b"},
        {"host": "a@b"},
        {"host": "\n"},
        {"port": -1},
        {"port": 65536},
        {"path": "/\n"},
        {"query": "\0"},
        {"fragment": "\ud800"},
    ],
)
def test_replacing_by_something_invalid_is_refused(changes: dict[str, Any]) -> None:
    url = URL("http://h/")
    if changes == {"scheme": ""}:
        assert str(url.replace(scheme="")) == "//h/"
        return
    with pytest.raises(InvalidURL):
        url.replace(**changes)


def test_a_generic_host_must_fit_the_scheme_it_is_given() -> None:
    with pytest.raises(InvalidURL):
        URL("http+unix://%2Frun/x").replace(scheme="http")
    with pytest.raises(InvalidURL):
        URL("/x").replace(port=80)
