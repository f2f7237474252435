"""Content codings: pieces, caps, cut-off and surplus bytes."""

from __future__ import annotations

import collections
import gzip
import importlib.util
import random
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, strategies as st

from trio_http._errors import BodyTooLarge, DecodingError
from trio_http.semantics import (
    PIECE_SIZE,
    ContentDecoder,
    ContentEncoder,
    _content_coding,
    available_codings,
    decode_content,
    parse_content_encoding,
)

CODINGS = available_codings()
TEXT = b"".join(b"line %d of a text that repeats itself\n" % number for number in range(20_000))
NOISE = random.Random(1).randbytes(300_000)


def encode(data: bytes, *codings: str) -> bytes:
    for coding in codings:
        encoder = ContentEncoder(coding)
        data = encoder.encode(data) + encoder.finish()
    return data


def decode(data: bytes, codings: tuple[str, ...], step: int) -> bytes:
    decoder = ContentDecoder(codings)
    pieces = []
    for start in range(0, len(data), step):
        decoder.feed(data[start : start + step])
        pieces += iter(decoder.read, b"")
    decoder.finish()
    pieces += iter(decoder.read, b"")
    assert all(len(piece) <= PIECE_SIZE for piece in pieces)
    assert decoder.bytes_out == sum(map(len, pieces))
    return b"".join(pieces)


@pytest.mark.covers("B30")
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "data", [b"", b"x", TEXT, NOISE, bytes(3_000_000)], ids=["none", "one", "text", "noise", "zeros"]
)
def test_every_coding_round_trips_in_pieces_of_any_size(coding: str, data: bytes) -> None:
    encoded = encode(data, coding)

    for step in (1, 7, 1000, 1 << 30):
        if step > 1 or len(encoded) < 10_000:
            assert decode(encoded, (coding,), step) == data
    assert decode_content(encoded, [coding]) == data


@pytest.mark.parametrize("coding", CODINGS)
def test_what_was_flushed_can_be_read_at_once(coding: str) -> None:
    encoder, decoder = ContentEncoder(coding), ContentDecoder([coding])

    for text in (b"first", b"second"):
        decoder.feed(encoder.encode(text) + encoder.flush())
        assert decoder.read() == text
        assert decoder.read() == b""
    decoder.feed(encoder.finish())
    decoder.finish()
    assert decoder.read() == b""


@pytest.mark.covers("A47")
@pytest.mark.parametrize("coding", CODINGS)
def test_levels_are_obeyed(coding: str) -> None:
    def size(level: int) -> int:
        encoder = ContentEncoder(coding, level=level)
        return len(encoder.encode(TEXT) + encoder.finish())

    assert len({size(1), size(4), size(9)}) > 1


def test_stacked_codings_are_undone_from_the_last() -> None:
    codings = (*CODINGS, "gzip")
    encoded = encode(TEXT, *codings)

    assert decode(encoded, codings, 100) == TEXT
    assert decode(encoded, codings, 1 << 30) == TEXT


def test_no_coding_passes_in_pieces() -> None:
    assert decode(NOISE, (), 1 << 30) == NOISE
    assert decode(b"", (), 1) == b""


def test_bare_deflate_is_read_too() -> None:
    bare = zlib.compressobj(wbits=-15)
    encoded = bare.compress(TEXT) + bare.flush()

    assert decode(encoded, ("deflate",), 1) == TEXT
    assert decode(encoded, ("deflate",), 1 << 30) == TEXT


def test_gzip_members_and_zstd_frames_follow_each_other() -> None:
    for coding in set(CODINGS) & {"gzip", "zstd"}:
        encoded = encode(b"one ", coding) + encode(b"", coding) + encode(b"two", coding)
        for step in (1, 5, 1000):
            assert decode(encoded, (coding,), step) == b"one two"


def test_what_follows_a_long_gzip_member_is_not_skipped() -> None:
    # longer than a piece, so that its end is found by a step that has input left over
    one, two = b"1" * 3 * PIECE_SIZE, b"2" * 100

    assert decode(encode(one, "gzip") + encode(two, "gzip"), ("gzip",), 1 << 30) == one + two
    with pytest.raises(DecodingError, match="bytes behind the end"):
        decode(encode(one, "deflate") + b"garbage", ("deflate",), 1 << 30)
    with pytest.raises(DecodingError, match="bytes behind the end"):
        decode(encode(one, "gzip") + b"garbage", ("gzip",), 1 << 30)


@pytest.mark.parametrize("coding", CODINGS)
def test_an_empty_body_is_empty_in_any_coding(coding: str) -> None:
    assert decode(b"", (coding,), 1) == b""


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("data", [b"abc", TEXT])
def test_content_cut_off_anywhere_is_an_error(coding: str, data: bytes) -> None:
    encoded = encode(data, coding)
    cuts = range(1, len(encoded)) if len(encoded) < 100 else [1, 2, 10, 100, *range(len(encoded) - 12, len(encoded))]

    for cut in cuts:
        with pytest.raises(DecodingError, match=f"the {coding} content ends in the middle, after {cut} bytes"):
            decode(encoded[:cut], (coding,), 1000)


def test_content_cut_off_inside_a_stack_is_an_error() -> None:
    inner = encode(TEXT, "deflate")

    with pytest.raises(DecodingError, match="the deflate content ends in the middle"):
        decode(encode(inner[:-1], "gzip"), ("deflate", "gzip"), 1000)


def test_a_cut_off_second_member_is_an_error() -> None:
    with pytest.raises(DecodingError, match="ends in the middle"):
        decode(encode(b"one", "gzip") + encode(b"two", "gzip")[:-1], ("gzip",), 1000)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("surplus", [b"\0", b"garbage", b"\0" * 1000])
@pytest.mark.parametrize("step", [1, 1 << 30])
def test_bytes_behind_the_end_are_an_error(coding: str, surplus: bytes, step: int) -> None:
    with pytest.raises(DecodingError):
        decode(encode(b"abc", coding) + surplus, (coding,), step)


def test_bytes_behind_the_end_are_named() -> None:
    for coding in ("gzip", "deflate"):
        encoded = encode(b"abc", coding)
        with pytest.raises(
            DecodingError, match=f"behind the end of the {coding} content, which is {len(encoded)} bytes"
        ):
            decode(encoded + b"garbage", (coding,), 1000)


@pytest.mark.parametrize("coding", CODINGS)
def test_content_that_is_none_of_the_coding_is_an_error(coding: str) -> None:
    with pytest.raises(DecodingError, match=f"no valid {coding}") as caught:
        decode(b"\xff<html>this is no coded content at all</html>", (coding,), 1000)
    assert caught.value.__cause__ is not None


def test_a_wrong_checksum_is_an_error() -> None:
    encoded = bytearray(gzip.compress(b"abc"))
    encoded[-5] ^= 1

    with pytest.raises(DecodingError, match="no valid gzip"):
        decode(bytes(encoded), ("gzip",), 1000)


def test_an_error_is_told_again_and_never_looks_like_the_end() -> None:
    decoder = ContentDecoder(["gzip"])
    decoder.feed(b"garbage")

    for _ in range(3):
        with pytest.raises(DecodingError, match="no valid gzip"):
            decoder.read()
    decoder.finish()
    with pytest.raises(DecodingError, match="no valid gzip"):
        decoder.read()


def test_feeding_after_the_end_is_a_mistake_of_the_caller() -> None:
    decoder = ContentDecoder(["gzip"])
    decoder.finish()

    with pytest.raises(RuntimeError, match="finish"):
        decoder.feed(b"x")


def test_unknown_and_too_many_codings_are_refused() -> None:
    with pytest.raises(DecodingError, match=r"'lzma' is not known here; these are: gzip, deflate"):
        ContentDecoder(["gzip", "lzma"])
    with pytest.raises(DecodingError, match="coded 6 times; at most 5"):
        ContentDecoder(["gzip"] * 6)
    with pytest.raises(ValueError, match="'lzma'"):
        ContentEncoder("lzma")


@given(st.binary(max_size=200), st.sampled_from(CODINGS), st.integers(1, 50))
def test_decoding_fails_in_one_way_only(data: bytes, coding: str, step: int) -> None:
    for encoded in (data, encode(b"x", coding)[:6] + data):
        try:
            decode(encoded, (coding,), step)
        except DecodingError:
            pass


# ---------------------------------------------------------------- bombs


@pytest.mark.covers("B30")
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_costs_little_memory_and_stops_at_the_cap(coding: str) -> None:
    encoder = ContentEncoder(coding)
    zeros = bytes(1 << 20)
    bomb = b"".join([*[encoder.encode(zeros) for _ in range(64)], encoder.finish()])
    decoder = ContentDecoder([coding], max_output=48 << 20)
    decoder.feed(bomb)

    tracemalloc.start()
    with pytest.raises(BodyTooLarge, match="limit of 50331648 bytes") as caught:
        collections.deque(iter(decoder.read, b""), maxlen=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert caught.value.limit == 48 << 20
    assert peak < 6 << 20
    assert (48 << 20) - PIECE_SIZE < decoder.bytes_out <= 48 << 20


def test_a_bomb_in_a_bomb_stops_at_the_cap() -> None:
    bomb = encode(encode(bytes(50 << 20), "gzip"), "gzip")
    decoder = ContentDecoder(["gzip", "gzip"], max_output=1 << 20)
    decoder.feed(bomb)

    with pytest.raises(BodyTooLarge):
        list(iter(decoder.read, b""))


def test_the_ratio_is_capped_beyond_the_first_mebibyte() -> None:
    for size, is_allowed in ((1 << 20, True), ((1 << 20) + 1, False)):
        decoder = ContentDecoder(["gzip"], max_ratio=100)
        decoder.feed(encode(bytes(size), "gzip"))
        decoder.finish()
        if is_allowed:
            assert sum(map(len, iter(decoder.read, b""))) == size
        else:
            with pytest.raises(BodyTooLarge, match="allowed 100 for each"):
                list(iter(decoder.read, b""))
    assert decode_content(encode(NOISE * 5, "gzip"), ["gzip"], max_output=len(NOISE) * 5) == NOISE * 5


def test_many_small_members_cost_linear_time() -> None:
    encoded = encode(b"", "gzip") * 100_000

    before = time.process_time()

    assert decode_content(encoded, ["gzip"]) == b""
    assert time.process_time() - before < 4


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("value", "codings"),
    [
        (None, []),
        ("", []),
        ("identity", []),
        ("GZip", ["gzip"]),
        ("x-gzip, Identity,br ,", ["gzip", "br"]),
        ("x-other", ["x-other"]),
    ],
)
def test_content_encoding_is_read(value: str | None, codings: list[str]) -> None:
    assert parse_content_encoding(value) == codings


def test_the_codings_available_are_those_whose_library_is_there() -> None:
    assert CODINGS[:2] == ("gzip", "deflate")
    assert ("zstd" in CODINGS) == (importlib.util.find_spec("zstandard") is not None)
    if importlib.util.find_spec("brotli") is None and importlib.util.find_spec("brotlicffi") is None:
        assert "br" not in CODINGS


def test_a_library_that_is_not_there_is_none() -> None:
    assert _content_coding._load("a_library_that_is_not_there") is None
