"""A body read by lines, however it is cut into pieces."""

from __future__ import annotations

import time

import pytest
import trio
from hypothesis import given, strategies as st

from trio_http import BodyTooLarge, DecodingError, Headers
from trio_http.messages import Body, Lines


class Pieces:
    """A source of these pieces."""

    length: int | None = None
    trailers: Headers | None = None

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    async def receive_chunk(self) -> bytes:
        await trio.lowlevel.checkpoint()
        return next(self._pieces, b"")

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def lines_of(pieces: list[bytes], **options: int) -> list[str]:
    return [line async for line in Lines(Body(Pieces(pieces)), "utf-8", **options)]


@given(st.lists(st.text("ab\r\né", min_size=1, max_size=5), max_size=8), st.integers(1, 4))
def test_lines_do_not_depend_on_the_pieces(texts: list[str], size: int) -> None:
    text = "".join(texts)
    data = text.encode()
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not expected[-1]:
        expected.pop()  # what follows the last end of a line is no line unless there is something

    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    assert trio.run(lines_of, [text.encode() for text in texts]) == expected
    assert trio.run(lines_of, pieces) == expected


async def test_a_line_has_a_limit_however_it_comes() -> None:
    assert await lines_of([b"12345\n12345"], max_line=5) == ["12345", "12345"]
    for pieces in ([b"123456\n"], [b"123", b"456"], [b"1", b"2", b"3", b"4", b"5", b"6"], [b"1\n12345", b"6\n"]):
        with pytest.raises(BodyTooLarge, match="max_line=5") as caught:
            await lines_of(pieces, max_line=5)
        assert caught.value.limit == 5


async def test_a_line_in_many_small_pieces_takes_linear_time() -> None:
    before = time.process_time()

    (line,) = await lines_of([b"x"] * 30_000)

    assert len(line) == 30_000
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("pieces", "text"), [([b"a\nb\xff", b"c\n"], "no text in utf-8"), ([b"a\n123456", b"\nb\n"], "max_line=5")]
)
async def test_lines_that_failed_do_not_go_on(pieces: list[bytes], text: str) -> None:
    lines = Lines(Body(Pieces(pieces)), "utf-8", max_line=5)

    for _ in range(3):
        with pytest.raises((DecodingError, BodyTooLarge), match=text):
            await anext(lines)


async def test_what_is_no_text_is_told() -> None:
    with pytest.raises(DecodingError, match="no text in utf-8"):
        await lines_of([b"a\n\xff"])
    with pytest.raises(DecodingError, match="unknown encoding 'none'"):
        Lines(Body(Pieces([])), "none")
