"""Forwarded and X-Forwarded-For: read, not believed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import (
    ForwardedElement,
    ForwardedNode,
    format_forwarded,
    parse_forwarded,
    parse_forwarded_node,
    parse_x_forwarded_for,
)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("192.0.2.60", ForwardedNode("192.0.2.60", None)),
        (" 192.0.2.60:80 ", ForwardedNode("192.0.2.60", 80)),
        ("[2001:DB8:CAFE:0::17]:4711", ForwardedNode("2001:db8:cafe::17", 4711)),
        ("[2001:db8::17]", ForwardedNode("2001:db8::17", None)),
        ("2001:db8::17", ForwardedNode("2001:db8::17", None)),
        ("unknown", ForwardedNode("unknown", None)),
        ("UNKNOWN:80", ForwardedNode("unknown", 80)),
        ("_hidden", ForwardedNode("_hidden", None)),
        ("192.0.2.60:_obf", ForwardedNode("192.0.2.60", None)),
    ],
)
def test_nodes_are_read(text: str, node: ForwardedNode) -> None:
    assert parse_forwarded_node(text) == node
    assert node.is_address == (node.host not in {"unknown", "_hidden"})


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "example.com",
            "1.2.3",
            "1.2.3.4:",
            "1.2.3.4:70000",
            "1.2.3.4:x",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            "[]",
            "::g",
        ],
        *["_", "_a b", "01.2.3.4", "[unknown]", "[_x]", "1.2.3.4:\u0661", "1.2.3.4\n"],
    ],
)
def test_what_is_no_node_is_none(text: str) -> None:
    assert parse_forwarded_node(text) is None


def test_the_examples_of_rfc_7239() -> None:
    assert parse_forwarded('for="_gazonk"')[0].for_ == ForwardedNode("_gazonk", None)
    assert parse_forwarded('For="[2001:db8:cafe::17]:4711"')[0].for_ == ForwardedNode("2001:db8:cafe::17", 4711)
    assert parse_forwarded("for=192.0.2.60;proto=HTTP;by=203.0.113.43; host=example.com:81") == [
        ForwardedElement(
            ForwardedNode("192.0.2.60", None), ForwardedNode("203.0.113.43", None), "example.com:81", "http"
        )
    ]
    assert [element.for_ for element in parse_forwarded('for=192.0.2.43, for="[2001:db8:cafe::17]"')] == [
        ForwardedNode("192.0.2.43", None),
        ForwardedNode("2001:db8:cafe::17", None),
    ]


def test_malformed_elements_keep_their_places() -> None:
    assert parse_forwarded("for=nonsense, for=1.2.3.4") == [
        ForwardedElement(None, None, None, None),
        ForwardedElement(ForwardedNode("1.2.3.4", None), None, None, None),
    ]
    assert parse_forwarded(None) == []
    assert parse_forwarded("for=1.2.3.4;for=5.6.7.8")[0].for_ == ForwardedNode("1.2.3.4", None)


def test_x_forwarded_for_is_read() -> None:
    assert parse_x_forwarded_for("203.0.113.195, 2001:db8::1 ,evil,, 150.172.238.178:80") == [
        ForwardedNode("203.0.113.195", None),
        ForwardedNode("2001:db8::1", None),
        None,
        ForwardedNode("150.172.238.178", 80),
    ]
    assert parse_x_forwarded_for(None) == []


def test_elements_are_written() -> None:
    element = ForwardedElement(ForwardedNode("2001:db8::17", 4711), ForwardedNode("_me", None), "h:81", "https")

    text = format_forwarded(element)

    assert text == 'for="[2001:db8::17]:4711";by=_me;host="h:81";proto=https'
    assert parse_forwarded(text) == [element]
    with pytest.raises(ValueError, match="must not be"):
        format_forwarded(ForwardedElement(None, None, "h\n", None))


@given(st.text(st.sampled_from('for=by;,"[]:.1a_\\ '), max_size=30))
def test_no_field_makes_reading_fail(text: str) -> None:
    for element in parse_forwarded(text):
        format_forwarded(element._replace(host=None, proto=None))
    assert len(parse_x_forwarded_for(text)) <= text.count(",") + 1
