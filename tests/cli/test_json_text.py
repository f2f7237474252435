"""JSON laid out: it says the same afterwards, to the letter."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, strategies as st

from trio_http._cli._json_text import indent_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

# texts as they are, or an empty list or object with a line break inside
EMPTY = re.compile(r'("(?:\\.|[^"\\])*")|([\[{])\s+([\]}])')


@given(values, st.sampled_from([None, 1]))
def test_it_says_the_same(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)

    laid_out = indent_json(text)

    assert laid_out is not None
    assert json.loads(laid_out) == value
    assert laid_out == EMPTY.sub(lambda found: found[1] or found[2] + found[3], json.dumps(value, indent=2))


def test_numbers_escapes_and_repeated_names_stay() -> None:
    assert indent_json('{"a":1.50e+2,"a":"\\u00fc{[,:"}') == '{\n  "a": 1.50e+2,\n  "a": "\\u00fc{[,:"\n}'


@pytest.mark.parametrize("text", ["", "{", "<html>", "[1,]", "[" * 100_000])
def test_what_is_no_json_is_left_alone(text: str) -> None:
    assert indent_json(text) is None
