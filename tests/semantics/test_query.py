"""The query of a URL as names and values."""

from __future__ import annotations

import copy
import pickle
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import Query, encode_form

pairs_of_text = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5)


def test_a_query_is_read() -> None:
    query = Query("a=1&b=x+y%20z&a=%C3%A9&c&=v&&d=e=f&g=%zz%ff")

    assert list(query.get_all()) == [
        ("a", "1"),
        ("b", "x y z"),
        ("a", "\u00e9"),
        ("c", ""),
        ("", "v"),
        ("d", "e=f"),
        ("g", "%zz\ufffd"),
    ]
    assert (query["a"], query.get_list("a"), query.get_list("x")) == ("1", ["1", "\u00e9"], [])
    assert dict(query) == {"a": "1", "b": "x y z", "c": "", "": "v", "d": "e=f", "g": "%zz\ufffd"}
    assert len(query) == 6
    assert "c" in query
    assert query.get("x") is None
    with pytest.raises(KeyError):
        query["x"]


@pytest.mark.parametrize(
    "fields",
    [
        {"a": ["1", 2.5], "b": "x y"},
        {"a": (1, "2.5"), "b": "x y"},
        [("a", 1), ("a", 2.5), ("b", "x y")],
        [["a", "1"], ["a", "2.5"], ["b", "x y"]],
        Query("a=1&a=2.5&b=x+y"),
        "a=1&a=2.5&b=x%20y",
    ],
)
def test_a_query_is_made_from_every_form(fields: str) -> None:
    query = Query(fields)

    assert str(query) == "a=1&a=2.5&b=x+y"
    assert query == Query("a=1&a=2.5&b=x+y")


def test_equality_hash_repr_and_copies() -> None:
    query = Query("a=1&b=2")

    assert query == {"a": "1", "b": "2"}
    assert query != {"a": "1"}
    assert query != Query("b=2&a=1")
    assert query != "a=1&b=2"
    assert hash(query) == hash(Query("a=1&b=2"))
    assert repr(query) == "Query([('a', '1'), ('b', '2')])"
    assert pickle.loads(pickle.dumps(query)) == copy.deepcopy(query) == query


@pytest.mark.parametrize("fields", [5, b"a=b", [5], ["ab"], [("a",)], {"a": None}, {"a": True}, {1.5: b""}])
def test_other_forms_are_type_errors(fields: str) -> None:
    with pytest.raises(TypeError):
        Query(fields)


@given(pairs_of_text)
def test_queries_round_trip_and_agree_with_the_standard_library(pairs: list[tuple[str, str]]) -> None:
    text = encode_form(pairs)

    assert text == urlencode(pairs)
    assert list(Query(text).get_all()) == [pair for pair in pairs if text] or pairs == [("", "")]
    assert list(Query(text).get_all()) == parse_qsl(text, keep_blank_values=True)


@given(st.text(max_size=20))
def test_reading_never_fails(text: str) -> None:
    assert str(Query(str(Query(text)))) == str(Query(text))
