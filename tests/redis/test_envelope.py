"""Messages as they travel: whatever is put in comes out, what is none is ignored, and nothing is told twice."""

from __future__ import annotations

from hypothesis import given, strategies as st

from trio_http.redis._envelope import MAX_NODES, NODE_SIZE, Envelope, Seen, open_envelope, seal

nodes = st.binary(min_size=NODE_SIZE, max_size=NODE_SIZE)
numbers = st.integers(1, 2**64 - 1)


@given(nodes, numbers, st.text(st.characters(exclude_categories=["Cs"])) | st.binary())
def test_what_is_put_in_comes_out(node: bytes, number: int, message: str | bytes) -> None:
    assert open_envelope(seal(node, number, message)) == Envelope(node, number, message)


@given(st.binary())
def test_anything_else_is_ignored(data: bytes) -> None:
    found = open_envelope(data)

    assert found is None or seal(*found) == data


def test_text_that_is_none_is_ignored() -> None:
    assert open_envelope(seal(b"n" * NODE_SIZE, 1, "ab")[:-1] + b"\xff") is None


def test_a_message_that_comes_again_is_known() -> None:
    seen = Seen()
    one, two = b"1" * NODE_SIZE, b"2" * NODE_SIZE

    told = [
        seen.is_new(Envelope(node, number, "")) for node, number in ((one, 1), (one, 2), (one, 2), (two, 2), (one, 1))
    ]

    assert told == [True, True, False, True, False]


def test_nodes_that_went_are_forgotten() -> None:
    seen = Seen()
    for i in range(MAX_NODES + 10):
        assert seen.is_new(Envelope(i.to_bytes(NODE_SIZE, "big"), 1, ""))

    assert not seen.is_new(Envelope((MAX_NODES).to_bytes(NODE_SIZE, "big"), 1, ""))
    assert len(seen._last) == MAX_NODES
