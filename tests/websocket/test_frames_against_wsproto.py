"""The frame connection and wsproto make the same of the same bytes, and write the same bytes for the same events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st
from ws_kit import feed, frame, words
from wsproto.connection import CLIENT, SERVER, Connection
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from trio_http.websocket._deflate import Agreement, Deflate
from trio_http.websocket._frames import FrameConnection
from trio_http.websocket._masking import apply_mask, mask_in_python

events = st.one_of(
    st.builds(lambda data: TextMessage(data=data), st.text(max_size=300)),
    st.builds(lambda data: BytesMessage(data=data), st.binary(max_size=300)),
    st.builds(lambda data: Ping(payload=data), st.binary(max_size=125)),
    st.builds(lambda data: Pong(payload=data), st.binary(max_size=125)),
    st.builds(lambda size: BytesMessage(data=b"xyz" * size), st.integers(21840, 21850)),
)

closes = st.builds(
    lambda code, reason: CloseConnection(code=code, reason=reason),
    st.sampled_from([1000, 1001, 1011, 1013, 3000, 4999]),
    st.text(max_size=30),
)

# frames good and bad, in any order
frames = st.builds(
    frame,
    st.integers(0, 15),
    st.one_of(st.binary(max_size=130), st.text(max_size=20).map(str.encode)),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0, 1, 4]),
    masked=st.sampled_from([True, True, True, True, True, False]),
)
sensible_frames = st.builds(
    frame, st.sampled_from([0, 0, 1, 2, 9, 10]), st.text(max_size=20).map(str.encode), fin=st.booleans()
)


def cut(data: bytes, borders: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(border % (len(data) + 1) for border in borders)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def joined(found: list[Event]) -> list[tuple[object, ...]]:
    """Events of wsproto, which gives messages in pieces, as those of whole messages."""
    out: list[tuple[object, ...]] = []
    pieces: list[str | bytes] = []
    for event in found:
        if isinstance(event, Message):
            pieces.append(event.data)
            if event.message_finished:
                whole = type(event.data)().join(pieces)  # type: ignore[arg-type]
                out.append(("text" if isinstance(event, TextMessage) else "binary", whole))
                pieces = []
        else:
            out.append(words(event)[:2] if isinstance(event, CloseConnection) else words(event))
    return out


@given(st.lists(events, max_size=6), closes, st.booleans(), st.lists(st.integers(0, 1 << 20), max_size=6))
def test_what_one_writes_the_other_reads(sent: list[Event], last: Event, from_client: bool, borders: list[int]) -> None:
    ours = FrameConnection(client=from_client)
    reader = Connection(SERVER if from_client else CLIENT)
    data = b"".join(ours.send(event) for event in [*sent, last])

    received: list[Event] = []
    for piece in cut(data, borders):
        reader.receive_data(piece)
        received += reader.events()

    assert joined(received) == joined([*sent, last])

    writer = Connection(CLIENT if from_client else SERVER)
    mine = FrameConnection(client=not from_client)
    found = feed(mine, cut(b"".join(bytes(writer.send(event)) for event in [*sent, last]), borders))
    assert [each[:2] for each in found] == joined([*sent, last])


@given(st.lists(events, max_size=6), closes)
def test_a_server_writes_the_same_bytes(sent: list[Event], last: Event) -> None:
    ours, theirs = FrameConnection(client=False), Connection(SERVER)

    for event in [*sent, last]:
        assert ours.send(event) == theirs.send(event)


@given(st.lists(st.one_of(frames, sensible_frames), max_size=8), st.lists(st.integers(0, 4000), max_size=6))
def test_both_refuse_the_same_with_the_same_code(sent: list[bytes], borders: list[int]) -> None:
    data = b"".join(sent)
    theirs = Connection(SERVER)

    received: list[Event] = []
    for piece in cut(data, borders):
        if received and isinstance(received[-1], CloseConnection):
            break
        theirs.receive_data(piece)
        received += theirs.events()
    expected = joined(received)
    ours = [each[:2] for each in feed(FrameConnection(client=False), cut(data, borders))]

    if expected and expected[-1][0] == "close" and ours and ours[-1][0] == "close" and expected != ours:
        # both refuse; of several faults in one frame each may name another, and a bad reserved bit on a message
        # inside another is found earlier here
        assert expected[:-1] == ours[:-1]
        assert {expected[-1][1], ours[-1][1]} <= {1002, 1007} or 1014 in (ours[-1][1], expected[-1][1])
    else:
        assert ours == expected


@given(
    st.lists(st.one_of(st.text(max_size=2000), st.binary(max_size=2000)), max_size=6),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 1 << 20), max_size=6),
)
def test_compression_is_understood(
    sent: list[str | bytes], ours_is_client: bool, takeover: bool, borders: list[int]
) -> None:
    def extension() -> PerMessageDeflate:
        made = PerMessageDeflate(
            client_no_context_takeover=not takeover,
            server_no_context_takeover=not takeover,
            client_max_window_bits=12,
            server_max_window_bits=12,
        )
        made._enabled = True
        return made

    agreement = Agreement(Deflate(threshold=10), 12, takeover, 12, takeover)
    ours = FrameConnection(client=ours_is_client, deflate=agreement)
    theirs = Connection(SERVER if ours_is_client else CLIENT, extensions=[extension()])
    messages: list[Event] = [TextMessage(data=x) if isinstance(x, str) else BytesMessage(data=x) for x in sent]

    received: list[Event] = []
    for piece in cut(b"".join(ours.send(event) for event in messages), borders):
        theirs.receive_data(piece)
        received += theirs.events()
    back = feed(ours, cut(b"".join(bytes(theirs.send(event)) for event in messages), borders))

    assert joined(received) == joined(messages)
    assert back == joined(messages)


@pytest.mark.parametrize("size", [0, 1, 3, 64, 511, 512, 513, 516, 4097, 70_001])
def test_masking_is_the_same_in_python_and_in_c(size: int) -> None:
    data, key = bytes(range(256)) * (size // 256 + 1), b"\x37\xfa\x21\x3d"

    masked = mask_in_python(data[:size], key)

    assert masked == apply_mask(data[:size], key)
    assert mask_in_python(memoryview(masked), key) == data[:size]


@given(st.binary(max_size=4000), st.binary(min_size=4, max_size=4))
def test_masking_is_xor(data: bytes, key: bytes) -> None:
    expected = bytes(byte ^ key[i & 3] for i, byte in enumerate(data))

    assert mask_in_python(data, key) == expected
    assert mask_in_python(memoryview(data), key) == expected
    assert apply_mask(data, key) == expected
