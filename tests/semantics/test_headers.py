"""Headers: a multi-dictionary that is always fit for the wire."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trio_http._errors import LocalProtocolError, RemoteProtocolError
from trio_http._grammar import TOKEN_BYTES, is_field_value, is_token
from trio_http.semantics import Headers, _headers

tokens = st.text(TOKEN_BYTES.decode(), min_size=1, max_size=12)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=20)


# ---------------------------------------------------------------- made from


@pytest.mark.parametrize(
    "fields",
    [
        {"Content-Type": "text/plain", "ETag": '"x"'},
        [("Content-Type", "text/plain"), ("ETag", '"x"')],
        [["Content-Type", "text/plain"], ["ETag", '"x"']],
        [(b"Content-Type", b"text/plain"), (b"ETag", b'"x"')],
        [(b"Content-Type", "text/plain"), ("ETag", b'"x"')],
        {b"Content-Type": b"text/plain", b"ETag": b'"x"'},
        {b"Content-Type": [b"text/plain"], b"ETag": [b'"x"']},
        Headers({"Content-Type": "text/plain", "ETag": '"x"'}),
        iter([("Content-Type", "text/plain"), ("ETag", '"x"')]),
    ],
)
def test_headers_are_made_from_every_form_of_pairs(fields: Any) -> None:
    headers = Headers(fields)

    assert headers.raw == [(b"Content-Type", b"text/plain"), (b"ETag", b'"x"')]


@pytest.mark.covers("S1.70")
def test_keywords_add_fields_with_hyphens() -> None:
    headers = Headers({"a": "1"}, cache_control="no-store", A="2")

    assert headers.raw == [(b"a", b"1"), (b"cache-control", b"no-store"), (b"A", b"2")]


def test_no_fields_at_all() -> None:
    headers = Headers()

    assert not headers
    assert len(headers) == 0
    assert list(headers) == []
    assert Headers(None) == Headers({}) == headers


@pytest.mark.covers("S4.14")
def test_raw_dict_round_trips() -> None:
    headers = Headers([("Set-Cookie", "a=1"), ("Vary", "x"), ("set-cookie", "b=2")])

    assert headers.raw_dict() == {b"set-cookie": [b"a=1", b"b=2"], b"vary": [b"x"]}
    assert Headers(headers.raw_dict()) == headers


@pytest.mark.parametrize("fields", ["a: b", b"a", 7, [("a", "b", "c")], ["ab"], [7], {"a": 5}, [(5, "x")], [(b"a", 5)]])
def test_what_is_no_pair_of_texts_is_a_type_error(fields: Any) -> None:
    with pytest.raises(TypeError):
        Headers(fields)


# ---------------------------------------------------------------- the mapping


@pytest.mark.covers("S1.69", "S1.72")
def test_names_are_found_in_any_case() -> None:
    headers = Headers({"Content-Type": "text/plain"})

    assert headers["CONTENT-TYPE"] == headers.get("content-type") == "text/plain"
    assert "cOntent-tYpe" in headers
    assert list(headers.keys()) == ["content-type"]
    assert dict(headers) == {"content-type": "text/plain"}


@pytest.mark.covers("S1.73", "S1.74")
def test_repeated_fields_are_joined_and_listed() -> None:
    headers = Headers([("Accept", "a"), ("Host", "h"), ("accept", "b")])

    assert headers["accept"] == "a, b"
    assert headers.get_bytes(b"accept") == b"a, b"
    assert headers.get_list("ACCEPT") == ["a", "b"]
    assert headers.get_list("absent") == []
    assert list(headers.items()) == [("accept", "a, b"), ("host", "h")]
    assert list(headers.values()) == ["a, b", "h"]
    assert list(headers.get_all()) == [("Accept", "a"), ("Host", "h"), ("accept", "b")]
    assert len(headers) == 2


def test_cookies_are_joined_as_rfc_9113_has_it() -> None:
    headers = Headers([("cookie", "a=1"), ("Cookie", "b=2")])

    assert headers["cookie"] == "a=1; b=2"
    assert dict(headers.items()) == {"cookie": "a=1; b=2"}


def test_absent_fields() -> None:
    headers = Headers({"a": "b"})

    assert headers.get("x") is None
    assert headers.get("x", default="y") == "y"
    assert headers.get_bytes(b"x") is None
    assert "x" not in headers
    assert "no name" not in headers
    assert "ü" not in headers
    assert 5 not in headers
    with pytest.raises(KeyError, match="x"):
        headers["x"]
    with pytest.raises(KeyError, match="x"):
        del headers["x"]
    number: Any = 5
    with pytest.raises(TypeError):
        headers[number]


def test_setting_replaces_all_in_the_place_of_the_first() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])

    headers["a"] = "4"
    headers["c"] = "5"

    assert headers.raw == [(b"a", b"4"), (b"B", b"2"), (b"c", b"5")]


def test_deleting_removes_all() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])

    del headers["A"]

    assert headers.raw == [(b"B", b"2")]


@pytest.mark.covers("S1.71")
def test_add_keeps_those_before() -> None:
    headers = Headers({"a": "1"})

    headers.add("A", "2")
    headers.add_bytes(b"A", b" 3 ")
    headers.add_item((b"B", b"b", b"4"))

    assert headers.get_list("a") == ["1", "2", "3"]
    assert headers["b"] == "4"


def test_setdefault_adds_only_what_is_missing() -> None:
    headers = Headers({"a": "1"})

    assert headers.setdefault("A", "2") == "1"
    assert headers.setdefault("b", " 3 ") == "3"
    assert headers.raw == [(b"a", b"1"), (b"b", b"3")]


def test_update_replaces_the_names_given_and_keeps_their_lists() -> None:
    headers = Headers([("a", "1"), ("b", "2"), ("a", "3")])

    headers.update([("A", "4"), ("A", "5")], x_y="6")

    assert headers.raw == [(b"b", b"2"), (b"A", b"4"), (b"A", b"5"), (b"x-y", b"6")]


def test_update_changes_nothing_if_something_is_wrong() -> None:
    headers = Headers({"a": "1"})

    with pytest.raises(LocalProtocolError):
        headers.update({"a": "2", "b": "x\ny"})

    assert headers == {"a": "1"}


def test_pop_and_clear() -> None:
    headers = Headers([("a", "1"), ("a", "2"), ("b", "3")])

    assert headers.pop("A") == "1, 2"
    assert headers.pop("a", None) is None
    assert headers.popitem() == ("b", "3")
    headers["c"] = "4"
    headers.clear()
    assert headers.raw == []


def test_equality_minds_the_order_of_values_but_not_of_names() -> None:
    one = Headers([("a", "1"), ("b", "2"), ("a", "3")])

    assert one == Headers([("B", "2"), ("A", "1"), ("A", "3")])
    assert one != Headers([("b", "2"), ("a", "3"), ("a", "1")])
    assert Headers({"A": "1"}) == {"a": "1"}
    assert Headers({"A": "1"}) != {"a": 1}
    assert Headers({"A": "1"}) != {"a b": "1"}
    assert Headers() != []
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_copies_and_pickles_are_equal_and_independent() -> None:
    headers = Headers([("a", "1"), ("a", "2")])

    for other in (headers.copy(), copy.copy(headers), copy.deepcopy(headers), pickle.loads(pickle.dumps(headers))):
        assert other == headers
        other["a"] = "3"
    assert headers.get_list("a") == ["1", "2"]


# ---------------------------------------------------------------- the list of triples


CHANGES: list[Callable[[Headers], object]] = [
    lambda headers: headers.add("b", "2"),
    lambda headers: headers.add_bytes(b"b", b"2"),
    lambda headers: headers.add_item((b"b", b"b", b"2")),
    lambda headers: headers.__setitem__("a", "2"),
    lambda headers: headers.__setitem__("b", "2"),
    lambda headers: headers.__delitem__("a"),
    lambda headers: headers.setdefault("b", "2"),
    lambda headers: headers.update({"a": "2"}),
    lambda headers: headers.parse_line(" folded"),
    lambda headers: headers.clear(),
    lambda headers: headers.pop("a"),
    lambda headers: headers.popitem(),
]


def test_triples_are_wrapped_and_handed_back_without_a_copy() -> None:
    items = [(b"A", b"a", b"1")]

    headers = Headers.from_items(items)

    assert headers["a"] == "1"
    assert headers.items_list is items


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_never_reaches_a_borrowed_list(change: Callable[[Headers], object]) -> None:
    items = [(b"A", b"a", b"1")]
    headers = Headers.from_items(items)

    change(headers)

    assert items == [(b"A", b"a", b"1")]
    assert headers.items_list != items


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_never_reaches_a_lent_list_or_a_copy(change: Callable[[Headers], object]) -> None:
    headers = Headers({"A": "1"})
    lent, copied, wrapped = headers.items_list, headers.copy(), Headers(headers)

    change(headers)

    assert lent == [(b"A", b"a", b"1")]
    assert copied == wrapped == {"a": "1"}
    assert headers != {"a": "1"}


def test_headers_extended_by_headers_keep_their_own_fields() -> None:
    one = Headers({"a": "1"})
    two = Headers(one, b="2")

    assert two.raw == [(b"a", b"1"), (b"b", b"2")]
    assert one.raw == [(b"a", b"1")]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "ü", "名", "a\0", " a", "(a)", "x" * 3000 + " "])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    for add in (Headers().add, lambda name, value: Headers({name: value}), Headers().__setitem__, Headers().setdefault):
        with pytest.raises(LocalProtocolError, match="is no header name") as caught:
            add(name, "secret")
        assert "secret" not in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("value", "shown", "position"),
    [
        ("secret\nx", "'\\n' (U+000A)", 6),
        ("secret\rx", "'\\r' (U+000D)", 6),
        ("secret\0", "'\\x00' (U+0000)", 6),
        ("\x7fsecret", "'\\x7f' (U+007F)", 0),
        ("\x1bsecret", "'\\x1b' (U+001B)", 0),
        ("secret\u20ac", "'\\u20ac' (U+20AC)", 6),
        ("secret\n", "'\\n' (U+000A)", 6),
    ],
)
def test_a_value_unfit_for_the_wire_is_refused_without_being_shown(value: str, shown: str, position: int) -> None:
    for add in (Headers().add, lambda name, value: Headers({name: value}), Headers().__setitem__, Headers().setdefault):
        with pytest.raises(LocalProtocolError) as caught:
            add("X-Key", value)
        text = str(caught.value)
        assert "'X-Key'" in text
        assert shown in text
        assert f"position {position}" in text
        assert "secret" not in text


def test_bytes_are_checked_like_text() -> None:
    with pytest.raises(LocalProtocolError, match="no header name"):
        Headers().add_bytes(b"a b", b"c")
    with pytest.raises(LocalProtocolError, match=r"U\+000A.* position 1"):
        Headers().add_bytes(b"a", b"b\nc")


@pytest.mark.parametrize(
    ("given_", "kept"), [(" x ", b"x"), ("\tx\t ", b"x"), ("", b""), (" ", b""), ("a\tb", b"a\tb")]
)
def test_white_space_around_a_value_is_no_part_of_it(given_: str, kept: bytes) -> None:
    assert Headers({"a": given_}).raw == [(b"a", kept)]
    assert Headers([(b"a", given_.encode())]).raw == [(b"a", kept)]


def test_latin_1_values_pass() -> None:
    headers = Headers({"a": "caf\xe9\xa0"})

    assert headers.raw == [(b"a", b"caf\xe9\xa0")]
    assert headers["a"] == "caf\xe9\xa0"


@given(name=st.text(max_size=8), value=st.text(max_size=8))
def test_what_gets_in_is_always_fit_for_the_wire(name: str, value: str) -> None:
    headers = Headers()
    try:
        headers.add(name, value)
    except LocalProtocolError:
        assert not headers
    for raw, text in headers.raw:
        assert is_token(raw)
        assert is_field_value(text)
        assert text.decode("latin-1") == value.strip(" \t")


@given(st.lists(st.tuples(tokens, values)))
def test_pairs_round_trip(pairs: list[tuple[str, str]]) -> None:
    headers = Headers(pairs)

    assert list(headers.get_all()) == [(name, value.strip(" \t")) for name, value in pairs]
    assert Headers(headers.raw) == headers
    assert Headers(headers.get_all()) == headers
    assert Headers.parse("".join(f"{name}: {value}\r\n" for name, value in pairs)) == headers


def test_the_memory_of_names_is_bounded() -> None:
    for number in range(5000):
        assert Headers({f"X-{number}": "1"})[f"x-{number}"] == "1"

    assert len(_headers._names) <= 1024


# ---------------------------------------------------------------- repr


def test_repr_hides_credentials() -> None:
    headers = Headers(
        [("Host", "h"), ("Authorization", "s1"), ("proxy-authorization", "s2"), ("Cookie", "s3"), ("Set-Cookie", "s4")]
    )

    text = repr(headers)

    assert text.startswith("Headers([('Host', 'h'), ('Authorization', '[redacted]'), ")
    assert not [secret for secret in ("s1", "s2", "s3", "s4") if secret in text]


# ---------------------------------------------------------------- text


@pytest.mark.covers("S1.76")
def test_a_block_is_parsed() -> None:
    headers = Headers.parse("Content-Type: text/html\r\nSet-Cookie: A=B\r\nSet-Cookie:C=D\nEmpty:\r\n\r\n")

    assert list(headers.get_all()) == [
        ("Content-Type", "text/html"),
        ("Set-Cookie", "A=B"),
        ("Set-Cookie", "C=D"),
        ("Empty", ""),
    ]


@pytest.mark.covers("S1.75")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Foo: bar\n baz", "bar baz"),
        ("Foo: bar\r\n\tbaz\r\n  qux \r\n", "bar baz qux"),
        ("Foo:\r\n bar", "bar"),
        ("Foo: bar\n\n baz", "bar baz"),
        ("Foo: bar\n \n", "bar"),
    ],
)
def test_folded_lines_are_joined_by_a_space(text: str, value: str) -> None:
    assert Headers.parse(text)["foo"] == value
    line_by_line = Headers()
    for line in text.split("\n"):
        line_by_line.parse_line(line + "\n")
    assert line_by_line["foo"] == value


@pytest.mark.parametrize(
    "text",
    ["Foo", "Foo bar\n", " Foo: bar", "Foo : bar", ": bar", "Foo: b\0r", "Foo: bar\rbaz", "Foo: a\n b\0", "F\x85o: b"],
)
def test_lines_that_are_no_fields_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Headers.parse(text)
    headers = Headers()
    with pytest.raises(RemoteProtocolError):
        list(map(headers.parse_line, text.split("\n")))


def test_only_newlines_end_lines() -> None:
    headers = Headers.parse("a: b\x85c\r\nd: e\xa0f")

    assert headers == {"a": "b\x85c", "d": "e\xa0f"}


@given(st.text(st.sampled_from("a: \t\r\n\0\xff,"), max_size=30))
def test_parsing_fails_in_one_way_only(text: str) -> None:
    try:
        headers = Headers.parse(text)
    except RemoteProtocolError:
        return
    assert Headers(headers.raw) == headers


def test_many_folds_cost_no_square() -> None:
    text = "a: b" + "\n c" * 200_000

    before = time.process_time()
    headers = Headers.parse(text)

    assert len(headers["a"]) == 400_001
    assert time.process_time() - before < 2
