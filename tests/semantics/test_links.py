"""The Link field: RFC 8288."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import Link, format_links, parse_links


def test_links_are_read() -> None:
    links = parse_links(
        '<https://h/?page=2>; rel="next", <https://h/?a=1,2;b>; REL=last; title="a, \\"b\\"" ,, </x>;rel="Up start"'
    )

    assert [link.target for link in links] == ["https://h/?page=2", "https://h/?a=1,2;b", "/x"]
    assert [link.rels for link in links] == [("next",), ("last",), ("up", "start")]
    assert links[1].parameters == {"rel": "last", "title": 'a, "b"'}


def test_the_title_with_an_encoding_is_preferred() -> None:
    link = parse_links("</>; rel=a; rel=b; title=x; title*=UTF-8'de'n%c3%a4chstes")[0]

    assert link.parameters == {"rel": "a", "title": "n\u00e4chstes", "title*": "n\u00e4chstes"}
    assert parse_links("</>; title*=nonsense; title=x")[0].parameters == {"title*": "nonsense", "title": "x"}


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        (None, []),
        ("", []),
        ("garbage", []),
        ("garbage, </a>; rel=x", ["/a"]),
        ("</a>, <b, </c>", ["/a", "/c"]),
        ("</a>, <b", ["/a"]),
        ("<>", [""]),
        ("< /a >", ["/a"]),
    ],
)
def test_what_is_no_link_is_passed_over(text: str | None, targets: list[str]) -> None:
    assert [link.target for link in parse_links(text)] == targets


def test_links_are_written() -> None:
    links = [Link("/a?b=c", {"rel": "next", "title": "a b"}), Link("https://h/", {})]

    assert format_links(links) == '</a?b=c>; rel=next; title="a b", <https://h/>'
    assert parse_links(format_links(links)) == links


@pytest.mark.parametrize("link", [Link("/a>b", {}), Link("a b", {}), Link("\n", {}), Link("/", {"rel": "\n"})])
def test_links_that_cannot_be_written_are_refused(link: Link) -> None:
    with pytest.raises(ValueError, match="must not be"):
        format_links([link])


@given(st.text(st.sampled_from('<>a;="\\, '), max_size=30))
def test_no_field_makes_reading_fail(text: str) -> None:
    assert all(link.rels is not None for link in parse_links(text))


@pytest.mark.parametrize(
    "text",
    ["<," * 50_000, "<," * 50_000 + ">", "<>," + "<," * 50_000, "," * 100_000, '<>"' * 50_000, "<>" + '"\\' * 50_000],
)
def test_hostile_fields_take_linear_time(text: str) -> None:
    before = time.process_time()
    assert len(parse_links(text)) >= 0
    assert time.process_time() - before < 1
