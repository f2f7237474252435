"""Lists, parameters and quoted strings."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics._parameters import (
    decode_extended,
    encode_extended,
    format_parameters,
    parse_parameters,
    quote_value,
    split_list,
    unquote_value,
)

latin = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=12)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", []),
        (" , ,", []),
        ("a, b ,\tc", ["a", "b", "c"]),
        ('a="x,y", b', ['a="x,y"', "b"]),
        (r'"a\",b", c', [r'"a\",b"', "c"]),
        ('a, "b, c', ["a", '"b, c']),
        ('a, "b\\', ["a", '"b\\']),
        ('"",""', ['""', '""']),
    ],
)
def test_lists_are_split_outside_of_quotes(text: str, elements: list[str]) -> None:
    assert split_list(text) == elements
    assert split_list(text.replace(",", ";"), ";") == [element.replace(",", ";") for element in elements]


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("a=b", [("a", "b")]),
        (' A = b ; c="d; \\"e\\"" ;f', [("a", "b"), ("c", 'd; "e"'), ("f", "")]),
        ("a=b=c; =x; b d=e; ;", [("a", "b=c")]),
        ('a="', [("a", '"')]),
        ('a="b"c', [("a", '"b"c')]),
    ],
)
def test_parameters_are_read(text: str, parameters: list[tuple[str, str]]) -> None:
    assert parse_parameters(text) == parameters


def test_values_are_quoted_only_where_they_must_be() -> None:
    assert quote_value("token") == "token"
    assert quote_value("token", always=True) == '"token"'
    assert quote_value("") == '""'
    assert quote_value('a "b" \\ c') == '"a \\"b\\" \\\\ c"'
    assert format_parameters([("a", "b"), ("c", "d e")]) == '; a=b; c="d e"'


@pytest.mark.parametrize("value", ["a\nb", "a\0", "\x7f", "a \u20ac"])
def test_values_unfit_for_a_header_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="position"):
        quote_value(value)


@pytest.mark.parametrize("name", ["", "a b", "a=", "\n"])
def test_names_that_are_no_tokens_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="parameter name"):
        format_parameters([(name, "x")])


@given(latin)
def test_quoting_round_trips(value: str) -> None:
    assert unquote_value(quote_value(value)) == value
    assert unquote_value(quote_value(value, always=True)) == value
    assert parse_parameters(format_parameters([("a", value), ("b", value)])) == [("a", value), ("b", value)]
    assert split_list(f"{quote_value(value)}, {quote_value(value)}") == [quote_value(value)] * 2


@given(st.text(st.sampled_from('a=";,\\ \t'), max_size=30))
def test_reading_never_fails(text: str) -> None:
    assert len(parse_parameters(text)) <= len(split_list(text, ";"))
    assert unquote_value(text) is not None


@pytest.mark.parametrize(
    "text", ['"' * 200_001, '"\\' * 100_000, '",' * 100_000, "a" * 200_000 + '"', '"' + "\\" * 99_999]
)
def test_hostile_lists_take_linear_time(text: str) -> None:
    before = time.process_time()
    for _ in range(3):
        assert len(split_list(text)) + len(split_list(text, ";")) + len(parse_parameters(text)) >= 0
        assert len(unquote_value(text)) > 1
    assert time.process_time() - before < 2


def test_extended_values_of_rfc_8187() -> None:
    assert decode_extended("UTF-8''%c2%a3%20and%20%e2%82%ac%20rates") == "\u00a3 and \u20ac rates"
    assert decode_extended("iso-8859-1'en'%A3%20rates") == "\u00a3 rates"
    assert decode_extended("utf-8'en'%ff") == "\ufffd"
    assert encode_extended("\u20ac rates") == "UTF-8''%E2%82%AC%20rates"


@pytest.mark.parametrize("text", ["", "plain", "utf-8'x", "koi8-r''x", "''x"])
def test_other_text_is_no_extended_value(text: str) -> None:
    assert decode_extended(text) is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_extended_values_round_trip(text: str) -> None:
    assert decode_extended(encode_extended(text)) == text
    assert encode_extended(text).isascii()
