"""Limits: each is exact, tells its status hint, and is enforced while the data is still incomplete."""

from __future__ import annotations

from typing import Any

import pytest
from h1_kit import server, tell

from trio_http import h1

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
NONE: dict[str, Any] = dict.fromkeys(h1.Limits.__slots__)

# limit, its value, what just passes, what is too much, what is too much but not complete, the hint
CASES: list[tuple[str, int, bytes, bytes, bytes, int]] = [
    ("target", 4, b"GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /abcd HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /abcd", 414),
    ("target", 4, b"PUT /abc HTTP/1.1\r\nHost: a\r\n\r\n", b"PUT /abcd\r\n\r\n", b"PUT /abcd", 414),
    ("head", len(GET) + 2, GET + b"\r\n", GET + b"A:\r\n\r\n", GET + b"A:b", 431),
    ("header_count", 1, GET + b"\r\n", GET + b"A:\r\n\r\n", GET + b"A:\r\n", 431),
    ("header_count", 2, GET + b"A:\r\n\r\n", GET + b"A:\r\nB:\r\n\r\n", GET + b"A:\r\nB:\r\n", 431),
    (
        "chunk_line", 20, CHUNKED + b"0;" + b"x" * 18 + b"\r\n\r\n", CHUNKED + b"0;" + b"x" * 19 + b"\r\n\r\n",
        CHUNKED + b"0;" + b"x" * 19, 400,
    ),
    (
        "chunk_extensions", 5, CHUNKED + b"1;xx\r\na\r\n0;x\r\n\r\n", CHUNKED + b"1;xx\r\na\r\n0;xx\r\n\r\n",
        CHUNKED + b"1;xx\r\na\r\n0;xx", 400,
    ),
    ("trailers", 8, CHUNKED + b"0\r\nX: y\r\n\r\n", CHUNKED + b"0\r\nX: yz\r\n\r\n", CHUNKED + b"0\r\nX: yzabcd", 431),
    (
        "trailer_count", 1, CHUNKED + b"0\r\nX:\r\n\r\n", CHUNKED + b"0\r\nX:\r\nY:\r\n\r\n",
        CHUNKED + b"0\r\nX:\r\nY:\r\n", 431,
    ),
]  # fmt: skip


@pytest.mark.covers("D3")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("name", "value", "good", "bad", "part", "hint"), CASES)
def test_a_limit_is_exact(name: str, value: int, good: bytes, bad: bytes, part: bytes, hint: int, strict: bool) -> None:
    make = server(strict=strict, limits=h1.Limits(**{**NONE, name: value}))

    passed = tell(h1, make, [good])
    refused = tell(h1, make, [bad])
    early = tell(h1, make, [part])
    not_yet = tell(h1, make, [part[:-1]])

    assert passed.error is None, passed.text
    assert passed.events[-1][0] == "EndOfMessage"
    assert refused.error == early.error == ("RemoteProtocolError", hint)
    assert refused.text == early.text
    assert f"{value} " in refused.text
    assert not_yet.error is None


@pytest.mark.covers("D2", "D3")
@pytest.mark.parametrize(("name", "value", "good", "bad", "part", "hint"), CASES)
def test_an_endless_section_fails_byte_by_byte_at_the_same_place(
    name: str, value: int, good: bytes, bad: bytes, part: bytes, hint: int
) -> None:
    connection = h1.Connection(h1.SERVER, strict=True, limits=h1.Limits(**{**NONE, name: value}))

    for index in range(len(part) - 1):
        connection.receive_data(part[index : index + 1])
        while connection.next_event() is not h1.NEED_DATA:
            pass
    connection.receive_data(part[-1:])
    with pytest.raises(h1.RemoteProtocolError) as caught:
        connection.next_event()

    assert caught.value.error_status_hint == hint


@pytest.mark.covers("D2")
def test_the_size_of_a_head_is_judged_alike_in_one_piece_and_in_many() -> None:
    """python-hyper/h11#182: 20 KB pass there in one piece, and fail in pieces."""
    head = GET + b"X: " + b"y" * 20_000 + b"\r\n\r\n"

    one = tell(h1, server(), [head])
    many = tell(h1, server(), [head[i : i + 1000] for i in range(0, len(head), 1000)])

    assert one == many
    assert one.error == ("RemoteProtocolError", 431)
    assert one.text == "request head is longer than 16384 bytes, the limit"


def test_a_large_body_behind_a_small_head_passes() -> None:
    stream = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000

    told = tell(h1, server(max_incomplete_event_size=100), [stream])

    assert told.error is None
    assert told.events[1] == ("Data", b"x" * 100_000)


def test_one_size_for_all_is_h11s_way_and_h11s_hint() -> None:
    told = tell(h1, server(max_incomplete_event_size=100), [CHUNKED + b"0;" + b"x" * 100])

    assert told.error == ("RemoteProtocolError", 431)


@pytest.mark.parametrize("value", [-1, 1.5, True, "1"])
def test_limits_refuse_nonsense(value: Any) -> None:
    with pytest.raises(ValueError, match=r"Limits\(head="):
        h1.Limits(head=value)


def test_a_chunk_line_has_room_for_a_size() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        h1.Limits(chunk_line=19)


def test_equal_options_share_their_profile() -> None:
    first = h1.Connection(h1.SERVER, strict=True, limits=h1.Limits())
    second = h1.Connection(h1.SERVER, strict=True, limits=h1.Limits())

    assert first._profile is second._profile
