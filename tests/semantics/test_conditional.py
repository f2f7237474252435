"""Entity tags and preconditions: RFC 9110 sections 8.8 and 13."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import ETag, Headers, evaluate_preconditions, if_range_holds, parse_etags

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
MODIFIED = datetime(1994, 11, 6, 8, 49, 37, 900_000, tzinfo=UTC)
STRONG, WEAK = ETag("a"), ETag("a", weak=True)


def test_entity_tags_are_values() -> None:
    assert ETag.parse(' W/"x,y" ') == ETag("x,y", weak=True) != ETag("x,y")
    assert (ETag("").value, ETag("").weak, str(ETag("")), str(WEAK)) == ("", False, '""', 'W/"a"')
    assert repr(WEAK) == "ETag('a', weak=True)"
    assert len({ETag("a"), STRONG, WEAK}) == 2
    assert STRONG != '"a"'


@pytest.mark.parametrize("text", ["", "a", '"a', 'a"', '"a b"', '"a"b"', 'w/"a"', 'W/ "a"', '"\u20ac"', '"a\n"'])
def test_what_is_no_entity_tag_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="entity tag"):
        ETag.parse(text)


@pytest.mark.parametrize("value", ['a"b', "a b", "a\n", "\u20ac"])
def test_what_cannot_be_written_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="entity tag"):
        ETag(value)


def test_the_comparisons_of_rfc_9110_section_8_8_3_2() -> None:
    table = [
        (ETag("1", weak=True), ETag("1", weak=True), False, True),
        (ETag("1", weak=True), ETag("2", weak=True), False, False),
        (ETag("1", weak=True), ETag("1"), False, True),
        (ETag("1"), ETag("1"), True, True),
    ]
    for one, two, strong, weak in table:
        assert (one.matches_strongly(two), one.matches_weakly(two)) == (strong, weak)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (" * ", "*"),
        ("", []),
        ('"a", W/"b,c" ,"d"', [ETag("a"), ETag("b,c", weak=True), ETag("d")]),
        ('x, "a" y, "b", "c', [ETag("b")]),
        ('*, "a"', [ETag("a")]),
    ],
)
def test_lists_of_entity_tags_are_read(text: str, tags: object) -> None:
    assert parse_etags(text) == tags


@pytest.mark.covers("A48")
@pytest.mark.parametrize(
    ("fields", "get", "put"),
    [
        ({}, None, None),
        ({"If-Match": "*"}, None, None),
        ({"If-Match": '"a"'}, None, None),
        ({"If-Match": '"b", "a"'}, None, None),
        ({"If-Match": '"b"'}, 412, 412),
        ({"If-Match": 'W/"a"'}, 412, 412),
        ({"If-Match": "garbage"}, 412, 412),
        ({"If-Unmodified-Since": DATE}, None, None),
        ({"If-Unmodified-Since": EARLIER}, 412, 412),
        ({"If-Unmodified-Since": "garbage"}, None, None),
        ({"If-Match": '"a"', "If-Unmodified-Since": EARLIER}, None, None),
        ({"If-None-Match": "*"}, 304, 412),
        ({"If-None-Match": 'W/"a"'}, 304, 412),
        ({"If-None-Match": '"b"'}, None, None),
        ({"If-None-Match": "garbage"}, None, None),
        ({"If-Modified-Since": DATE}, 304, None),
        ({"If-Modified-Since": LATER}, 304, None),
        ({"If-Modified-Since": EARLIER}, None, None),
        ({"If-Modified-Since": "garbage"}, None, None),
        ({"If-None-Match": '"b"', "If-Modified-Since": DATE}, None, None),
        ({"If-Match": '"a"', "If-None-Match": '"a"'}, 304, 412),
        ({"If-Match": '"b"', "If-None-Match": '"a"'}, 412, 412),
    ],
)
def test_preconditions(fields: dict[str, str], get: int | None, put: int | None) -> None:
    headers = Headers(fields)

    for modified in (MODIFIED, MODIFIED.timestamp()):
        for method, expected in (("GET", get), ("HEAD", get), ("PUT", put), ("OPTIONS", None)):
            assert evaluate_preconditions(method, headers, etag=STRONG, last_modified=modified) == expected


def test_preconditions_on_what_does_not_exist_or_has_no_validators() -> None:
    for field, exists, expected in [
        ("If-Match", False, 412),
        ("If-Match", True, None),
        ("If-None-Match", False, None),
        ("If-None-Match", True, 412),
    ]:
        assert evaluate_preconditions("PUT", Headers({field: "*"}), exists=exists) == expected
    assert evaluate_preconditions("GET", Headers({"If-None-Match": '"a"', "If-Modified-Since": DATE})) is None
    assert evaluate_preconditions("GET", Headers({"If-Modified-Since": DATE, "If-Unmodified-Since": DATE})) is None
    assert evaluate_preconditions("GET", Headers({"If-Match": '"a"'})) == 412


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (None, True),
        ('"a"', True),
        ('W/"a"', False),
        ('"b"', False),
        (DATE, True),
        (EARLIER, False),
        (LATER, False),
        ("garbage", False),
    ],
)
def test_if_range(value: str | None, holds: bool) -> None:
    assert if_range_holds(value, etag=STRONG, last_modified=MODIFIED) is holds
    assert if_range_holds(value) is (value is None)


@pytest.mark.parametrize(("value", "holds"), [(DATE, True), (EARLIER, False), ('"a"', False)])
def test_if_range_on_what_has_a_date_only(value: str, holds: bool) -> None:
    assert if_range_holds(value, last_modified=MODIFIED) is holds


def test_a_weak_tag_never_allows_a_part() -> None:
    assert not if_range_holds('W/"a"', etag=WEAK)
    assert not if_range_holds('"a"', etag=WEAK)


@given(st.text(st.sampled_from('W/"a*, \x80\n'), max_size=20))
def test_no_list_makes_reading_fail(text: str) -> None:
    tags = parse_etags(text)

    assert tags == "*" or parse_etags(", ".join(map(str, tags))) == tags


@pytest.mark.parametrize(
    "text", ['"' * 100_001, '"a,' * 50_000, " ," * 50_000 + "\0", 'W/"' * 50_000, '"' + "," * 100_000]
)
def test_hostile_lists_take_linear_time(text: str) -> None:
    before = time.process_time()
    assert len(parse_etags(text)) >= 0
    assert time.process_time() - before < 1


def test_a_date_without_a_time_zone_means_utc(in_tokyo: None) -> None:
    naive = MODIFIED.replace(tzinfo=None)

    assert if_range_holds(DATE, last_modified=naive)
    assert evaluate_preconditions("GET", Headers({"If-Modified-Since": DATE}), last_modified=naive) == 304
    assert evaluate_preconditions("GET", Headers({"If-Modified-Since": EARLIER}), last_modified=naive) is None
