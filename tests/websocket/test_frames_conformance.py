"""What the Autobahn test suite asks of an endpoint, as tables: its sections 1 to 7, 10, 12 and 13.

Each case is bytes of a peer and what has to come of them: messages to echo, pongs, and the code of the close frame.
Each runs with its bytes in one piece, octet by octet, and in pieces of seven, for a server and for a client.
"""

from __future__ import annotations

import pytest
from ws_kit import binary, chopped, close, deflated, feed, frame, parse, text
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from trio_http import LocalProtocolError
from trio_http.websocket._codes import is_valid_close_code
from trio_http.websocket._deflate import Agreement, Deflate
from trio_http.websocket._frames import FrameConnection

GREETING = "Hello-µ@ßöäüàá-UTF-8!!"
BROKEN = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"

SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536]


def outcome(bytes_: bytes, size: int, *, client: bool, max_message: int | None = None) -> list[tuple[object, ...]]:
    connection = FrameConnection(client=client, max_message=max_message)
    pieces = [bytes_] if size == 0 else chopped(bytes_, size)
    return [event[:2] if event[0] == "close" else event for event in feed(connection, pieces)]


@pytest.fixture(params=[0, 1, 7], ids=["whole", "octets", "sevens"])
def size(request: pytest.FixtureRequest) -> int:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[False, True], ids=["server", "client"])
def client(request: pytest.FixtureRequest) -> bool:
    return request.param  # type: ignore[no-any-return]


OCTETS = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
MORE: dict[str, object] = {"fin": False}


def one_by_one(data: bytes) -> list[tuple[int, bytes, dict[str, object]]]:
    """A text, an octet a frame."""
    last = len(data) - 1
    return [(1 if i == 0 else 0, bytes([octet]), {"fin": i == last}) for i, octet in enumerate(data)]


# (case, frames as (function, arguments), what comes of them)
CASES: list[tuple[str, list[tuple[int, bytes, dict[str, object]]], list[tuple[object, ...]]]] = [
    *((f"1.1 text of {n}", [(1, b"*" * n, {})], [("text", "*" * n)]) for n in SIZES),
    *((f"1.2 binary of {n}", [(2, b"\xfe" * n, {})], [("binary", b"\xfe" * n)]) for n in SIZES),
    ("2.1 ping without payload", [(9, b"", {})], [("ping", b"")]),
    ("2.2 ping with text", [(9, b"Hello, world!", {})], [("ping", b"Hello, world!")]),
    ("2.3 ping with binary", [(9, OCTETS, {})], [("ping", OCTETS)]),
    ("2.4 ping of 125", [(9, b"\xfe" * 125, {})], [("ping", b"\xfe" * 125)]),
    ("2.5 ping of 126", [(9, b"\xfe" * 126, {})], [("close", 1002)]),
    ("2.7 pong nobody asked for", [(10, b"", {})], [("pong", b"")]),
    ("2.8 the same with payload", [(10, b"unsolicited", {})], [("pong", b"unsolicited")]),
    ("2.9 pong, then ping", [(10, b"x", {}), (9, b"y", {})], [("pong", b"x"), ("ping", b"y")]),
    ("2.10 ten pings", [(9, b"%d" % i, {}) for i in range(10)], [("ping", b"%d" % i) for i in range(10)]),
    *(
        (f"3 reserved bits {bits} on opcode {op}", [(1, b"ok", {}), (op, b"x", {"rsv": bits}), (9, b"", {})],
         [("text", "ok"), ("close", 1002)])
        for op, bits in [(1, 1), (1, 2), (1, 3), (1, 4), (2, 5), (9, 6), (8, 7), (10, 4)]
    ),
    *(
        (f"4 opcode {op}", [(1, b"ok", {}), (op, b"", {}), (9, b"", {})], [("text", "ok"), ("close", 1002)])
        for op in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]
    ),
    ("5.1 ping in two fragments", [(9, b"a", MORE), (0, b"b", {})], [("close", 1002)]),
    ("5.2 pong in two fragments", [(10, b"a", MORE), (0, b"b", {})], [("close", 1002)]),
    ("5.3 text in two fragments", [(1, b"frag", MORE), (0, b"ment", {})], [("text", "fragment")]),
    ("5.6 ping between fragments", [(1, b"frag", MORE), (9, b"p", {}), (0, b"ment", {})],
     [("ping", b"p"), ("text", "fragment")]),
    ("5.9 continuation of nothing", [(0, b"non", {}), (1, b"x", {})], [("close", 1002)]),
    ("5.12 the same, not the last", [(0, b"non", MORE), (1, b"x", {})], [("close", 1002)]),
    ("5.15 continuation after the end", [(1, b"a", MORE), (0, b"b", {}), (0, b"c", MORE), (1, b"d", {})],
     [("text", "ab"), ("close", 1002)]),
    ("5.18 a second message inside", [(1, b"a", MORE), (1, b"b", {})], [("close", 1002)]),
    ("5.19 five fragments and pings",
     [(1, b"1", MORE), (0, b"2", MORE), (9, b"p1", {}), (0, b"3", MORE),
      (0, b"4", MORE), (9, b"p2", {}), (0, b"5", {})],
     [("ping", b"p1"), ("ping", b"p2"), ("text", "12345")]),
    ("binary in fragments", [(2, b"\xff", MORE), (0, b"\xfe", {})], [("binary", b"\xff\xfe")]),
    ("6.1.1 empty text", [(1, b"", {})], [("text", "")]),
    ("6.1.2 three empty fragments", [(1, b"", MORE), (0, b"", MORE), (0, b"", {})], [("text", "")]),
    ("6.1.3 the middle one not", [(1, b"", MORE), (0, b"m", MORE), (0, b"", {})], [("text", "m")]),
    ("6.2.1 UTF-8", [(1, GREETING.encode(), {})], [("text", GREETING)]),
    ("6.2.3 UTF-8 octet by octet",
     one_by_one(GREETING.encode()), [("text", GREETING)]),
    ("6.3.1 not UTF-8", [(1, BROKEN, {})], [("close", 1007)]),
    ("6.3.2 not UTF-8, in fragments",
     one_by_one(BROKEN), [("close", 1007)]),
    ("6.4.1 refused before the message ends",
     [(1, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", MORE), (0, b"\xf4\x90\x80\x80", MORE)],
     [("close", 1007)]),
    *(
        (f"6 valid: {valid!a}", [(1, valid.encode(), {})], [("text", valid)])
        for valid in ["\u03ba\u1f79\u03c3\u03bc\u03b5", "\0", "\x80", "\u0800", "\U00010000", "\x7f", "\u07ff",
                      "\uffff", "\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\U0001fffe", "\U000fffff"]
    ),
    *(
        (f"6 invalid: {invalid!r}", [(1, invalid, {})], [("close", 1007)])
        for invalid in [b"\xf8\x88\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xbf",
                        b"\x80\xbf", b"\xc0 ", b"\xe0\x80 ", b"\xf0\x80\x80 ", b"\xc0", b"\xe0\x80", b"\xc3", b"\xfe",
                        b"\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xed\xa0\x80",
                        b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"ok\xf0\x9f\x98"]
    ),
    ("7.1.1 message, then close", [(1, b"hi", {}), (8, b"\x03\xe8", {})], [("text", "hi"), ("close", 1000)]),
    ("7.1.2 two close frames", [(8, b"\x03\xe8", {}), (8, b"\x03\xe8", {})], [("close", 1000)]),
    ("7.1.3 ping after close", [(8, b"\x03\xe8", {}), (9, b"", {})], [("close", 1000)]),
    ("7.1.4 text after close", [(8, b"\x03\xe8", {}), (1, b"x", {})], [("close", 1000)]),
    ("7.1.5 close between fragments", [(1, b"a", MORE), (8, b"\x03\xe8", {}), (0, b"b", {})], [("close", 1000)]),
    ("7.3.1 close without payload", [(8, b"", {})], [("close", 1005)]),
    ("7.3.2 close with one byte", [(8, b"a", {})], [("close", 1002)]),
    ("7.3.4 close with a reason", [(8, b"\x03\xe8Hello World!", {})], [("close", 1000)]),
    ("7.3.5 close of 125", [(8, b"\x03\xe8" + b"*" * 123, {})], [("close", 1000)]),
    ("7.3.6 close of 126", [(8, b"\x03\xe8" + b"*" * 124, {})], [("close", 1002)]),
    ("7.5.1 reason is no UTF-8", [(8, b"\x03\xe8" + BROKEN, {})], [("close", 1007)]),
    *(
        (f"7.7 code {code}", [(8, code.to_bytes(2, "big"), {})], [("close", code)])
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    ),
    *(
        (f"7.9 code {code}", [(8, code.to_bytes(2, "big"), {})], [("close", 1002)])
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
    ),
    ("10.1.1 65536 in fragments of 1300",
     [(1 if i == 0 else 0, b"*" * min(1300, 65536 - i), {"fin": i + 1300 >= 65536}) for i in range(0, 65536, 1300)],
     [("text", "*" * 65536)]),
]  # fmt: skip


@pytest.mark.parametrize(("frames", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_autobahn(
    frames: list[tuple[int, bytes, dict[str, object]]],
    expected: list[tuple[object, ...]],
    size: int,
    client: bool,
) -> None:
    if size == 1 and sum(len(payload) for _, payload, _ in frames) > 2000:
        size = 997  # octet by octet would take seconds
    data = b"".join(frame(op, payload, masked=not client, **options) for op, payload, options in frames)  # type: ignore[arg-type]

    assert outcome(data, size, client=client) == expected


@pytest.mark.parametrize("opcode", [0x81, 0x82, 0x88, 0x89])
def test_a_server_refuses_frames_without_a_mask(opcode: int, size: int) -> None:
    assert outcome(bytes([opcode, 0]), size, client=False) == [("close", 1002)]


@pytest.mark.parametrize("opcode", [0x81, 0x82, 0x88, 0x89])
def test_a_client_refuses_masked_frames(opcode: int, size: int) -> None:
    assert outcome(bytes([opcode, 0x80, 0, 0, 0, 0]), size, client=True) == [("close", 1002)]


@pytest.mark.parametrize(
    "header",
    [
        b"\x82\xfe\x00\x7d",  # 125 with 16 bits
        b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff",  # 65535 with 64 bits
        b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00",  # the highest bit
    ],
)
def test_sizes_have_one_form(header: bytes, size: int) -> None:
    assert outcome(header, size, client=False) == [("close", 1002)]


# ---------------------------------------------------------------- limits


def test_a_message_of_exactly_the_limit_passes(size: int) -> None:
    assert outcome(binary(b"x" * 500), size, client=False, max_message=500) == [("binary", b"x" * 500)]


def test_too_large_a_message_is_refused_at_its_header() -> None:
    connection = FrameConnection(client=False, max_message=500)

    events = feed(connection, [b"\x82\xfe\x01\xf5"])  # 501 bytes are announced, nothing more: not even the mask

    assert [event[:2] for event in events] == [("close", 1009)]
    assert "501 bytes" in str(events[0][2])
    assert "500" in str(events[0][2])


def test_a_giant_header_costs_nothing() -> None:
    connection = FrameConnection(client=False, max_message=1 << 20)

    events = feed(connection, [b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"])

    assert [event[:2] for event in events] == [("close", 1009)]


def test_fragments_count_together(size: int) -> None:
    data = binary(b"x" * 300, fin=False) + frame(0, b"x" * 200, fin=False) + frame(0, b"x")

    assert outcome(data, size, client=False, max_message=500) == [("close", 1009)]


def test_the_limit_is_of_bytes_not_of_characters(size: int) -> None:
    assert outcome(text("ä" * 251), size, client=False, max_message=500) == [("close", 1009)]


def test_empty_fragments_without_end_are_refused() -> None:
    data = text(b"", fin=False) + frame(0, fin=False) * 1001

    assert outcome(data, 0, client=False) == [("close", 1008)]


def test_bad_text_is_refused_before_the_frame_is_complete() -> None:
    connection = FrameConnection(client=False)

    events = feed(connection, [text(b"\xff" + b"x" * 1000)[:12]])

    assert [event[:2] for event in events] == [("close", 1007)]


# ---------------------------------------------------------------- compression: sections 12 and 13


def agreed(**options: object) -> Agreement:
    bits = int(options.pop("bits", 15))  # type: ignore[call-overload]
    peer_bits = int(options.pop("peer_bits", 15))  # type: ignore[call-overload]
    takeover = bool(options.pop("takeover", True))
    return Agreement(Deflate(threshold=0, **options), bits, takeover, peer_bits, takeover)  # type: ignore[arg-type]


@pytest.mark.parametrize("takeover", [True, False], ids=["takeover", "no takeover"])
@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize("length", [16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072])
def test_compressed_messages_travel(length: int, bits: int, takeover: bool) -> None:
    ours = FrameConnection(client=True, deflate=agreed(bits=bits, takeover=takeover))
    theirs = FrameConnection(client=False, max_message=length, deflate=agreed(peer_bits=bits, takeover=takeover))
    message = "".join(f'{{"n":{i},"name":"x{i * 7919}"}}' for i in range(length // 20 + 1))[:length]

    for _ in range(3):
        sent = ours.send(TextMessage(data=message))
        assert sent[0] == 0xC1
        assert feed(theirs, chopped(sent, 1000)) == [("text", message)]


def test_a_compressed_message_comes_in_fragments(size: int) -> None:
    payload = deflated(GREETING.encode() * 3)
    data = frame(1, payload[:3], fin=False, rsv=4) + frame(9, b"p") + frame(0, payload[3:7], fin=False)
    data += frame(0, payload[7:])
    connection = FrameConnection(client=False, deflate=agreed())

    events = feed(connection, chopped(data, size or len(data)))

    assert events == [("ping", b"p"), ("text", GREETING * 3)]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (bytes.fromhex("f248cdc9c90700"), "Hello"),  # RFC 7692 section 7.2.3.1
        (bytes.fromhex("000500faff48656c6c6f00"), "Hello"),  # 7.2.3.3: a block without compression
        (bytes.fromhex("f348cdc9c9070000"), "Hello"),  # 7.2.3.4: BFINAL is set
        (bytes.fromhex("f24805000000ffffcac9c90700"), "Hello"),  # 7.2.3.5: two blocks
        (b"\x00", ""),  # 7.2.3.6: an empty message
    ],
)
def test_the_examples_of_rfc_7692(payload: bytes, expected: str, size: int) -> None:
    connection = FrameConnection(client=False, deflate=agreed())
    data = frame(1, payload, rsv=4)

    assert feed(connection, chopped(data, size or len(data))) == [("text", expected)]


def test_the_window_is_shared_between_messages() -> None:
    connection = FrameConnection(client=False, deflate=agreed())

    events = feed(
        connection, [frame(1, bytes.fromhex("f248cdc9c90700"), rsv=4), frame(1, bytes.fromhex("f200110000"), rsv=4)]
    )

    assert events == [("text", "Hello"), ("text", "Hello")]  # RFC 7692 section 7.2.3.2


@pytest.mark.parametrize("how", ["one frame", "fragments", "without compression"])
def test_a_bomb_is_refused_at_the_limit(how: str) -> None:
    connection = FrameConnection(client=False, max_message=1000, deflate=agreed())
    payload = deflated(bytes(50 << 20))
    if how == "one frame":
        data = frame(2, payload, rsv=4)
    elif how == "fragments":
        pieces = chopped(payload, 100)
        data = frame(2, pieces[0], rsv=4, fin=False) + b"".join(frame(0, each, fin=False) for each in pieces[1:])
    else:
        data = frame(2, bytes(1001))

    assert [event[:2] for event in feed(connection, [data])] == [("close", 1009)]


def test_what_is_no_deflate_is_refused() -> None:
    connection = FrameConnection(client=False, deflate=agreed())

    assert [event[:2] for event in feed(connection, [frame(2, b"\xff\xff\xff", rsv=4)])] == [("close", 1007)]


def test_final_blocks_without_end_are_refused() -> None:
    connection = FrameConnection(client=False, deflate=agreed())

    assert [event[:2] for event in feed(connection, [frame(2, b"\x03\x00" * 100, rsv=4)])] == [("close", 1007)]


def test_compressed_text_is_validated() -> None:
    connection = FrameConnection(client=False, deflate=agreed())

    assert [event[:2] for event in feed(connection, [frame(1, deflated(b"\xff"), rsv=4)])] == [("close", 1007)]


@pytest.mark.parametrize("rest", [frame(0, b"", rsv=4), frame(9, b"", rsv=4)], ids=["continuation", "ping"])
def test_only_the_first_fragment_says_that_it_is_compressed(rest: bytes) -> None:
    connection = FrameConnection(client=False, deflate=agreed())

    events = feed(connection, [frame(1, deflated(b"x"), rsv=4, fin=False) + rest])

    assert [event[:2] for event in events] == [("close", 1002)]


def test_small_messages_are_not_compressed() -> None:
    connection = FrameConnection(client=False, deflate=Agreement(Deflate(threshold=100), 15, True, 15, True))

    assert connection.send(BytesMessage(data=b"x" * 99))[0] == 0x82
    assert connection.send(BytesMessage(data=b"x" * 100))[0] == 0xC2


def test_fragments_are_compressed_together() -> None:
    ours = FrameConnection(client=True, deflate=agreed())
    theirs = FrameConnection(client=False, deflate=agreed())

    sent = [
        ours.send(TextMessage(data="one ", message_finished=False)),
        ours.send(TextMessage(data="two ", message_finished=False)),
        ours.send(TextMessage(data="three")),
    ]

    assert [data[0] for data in sent] == [0x41, 0x00, 0x80]
    assert feed(theirs, sent) == [("text", "one two three")]


# ---------------------------------------------------------------- what we send, and closing


@pytest.mark.parametrize("length", SIZES)
def test_frames_have_their_shortest_form(length: int, client: bool) -> None:
    sent = FrameConnection(client=client).send(BytesMessage(data=b"x" * length))

    assert parse(sent) == [(0x82, b"x" * length)]
    assert len(sent) == length + (2 if length < 126 else 4 if length < 65536 else 10) + (4 if client else 0)


def test_each_frame_has_a_mask_of_its_own() -> None:
    connection = FrameConnection(client=True)

    keys = {connection.send(BytesMessage(data=b""))[2:6] for _ in range(100)}

    assert len(keys) > 95


def test_fragments_have_the_opcode_once(client: bool) -> None:
    connection = FrameConnection(client=client)

    sent = b"".join(
        connection.send(event)
        for event in (TextMessage(data="a", message_finished=False), TextMessage(data="b"), TextMessage(data="c"))
    )

    assert parse(sent) == [(0x01, b"a"), (0x80, b"b"), (0x81, b"c")]


def test_a_message_is_text_or_binary() -> None:
    connection = FrameConnection(client=False)
    connection.send(TextMessage(data="a", message_finished=False))

    with pytest.raises(LocalProtocolError, match="either text or binary"):
        connection.send(BytesMessage(data=b"b"))


def test_lone_surrogates_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError, match="surrogates"):
        FrameConnection(client=False).send(TextMessage(data="\ud800"))


@pytest.mark.parametrize("code", range(990, 1020))
def test_only_codes_that_may_travel_are_sent(code: int) -> None:
    connection = FrameConnection(client=False)

    if code in (1005, 1006, 1015):
        sent = connection.send(CloseConnection(code=code))
        assert parse(sent) == [(0x88, b"" if code == 1005 else b"\x03\xe8")]
    elif is_valid_close_code(code):
        assert parse(connection.send(CloseConnection(code=code))) == [(0x88, code.to_bytes(2, "big"))]
    else:
        with pytest.raises(LocalProtocolError, match="may not be sent"):
            connection.send(CloseConnection(code=code))
        assert connection.state is ConnectionState.OPEN


def test_long_reasons_are_cut_between_characters() -> None:
    sent = FrameConnection(client=False).send(CloseConnection(code=1000, reason="ä" * 100))

    assert parse(sent) == [(0x88, b"\x03\xe8" + ("ä" * 61).encode())]


def test_the_state_follows_closing_from_our_side() -> None:
    connection = FrameConnection(client=False)

    connection.send(CloseConnection(code=1000))
    assert connection.state is ConnectionState.LOCAL_CLOSING
    assert feed(connection, [text("late") + frame(9, b"?") + close(1000) + text("later")]) == [
        ("text", "late"),
        ("close", 1000, ""),
    ]
    assert connection.state is ConnectionState.CLOSED


def test_the_state_changes_at_the_event_that_changes_it() -> None:
    connection = FrameConnection(client=False)
    connection.receive_data(text("last") + close(4000, b"bye"))
    events = connection.events()

    next(events)
    assert connection.state is ConnectionState.OPEN
    connection.send(TextMessage(data="an answer to the last message"))
    farewell = next(events)
    assert connection.state is ConnectionState.REMOTE_CLOSING

    assert isinstance(farewell, CloseConnection)
    assert parse(connection.send(farewell.response())) == [(0x88, b"\x0f\xa0bye")]
    assert connection.state is ConnectionState.CLOSED


def test_a_fault_of_the_peer_can_be_answered_with_its_code() -> None:
    connection = FrameConnection(client=False)

    connection.receive_data(b"\x83\x80\0\0\0\0")
    (event,) = connection.events()

    assert isinstance(event, CloseConnection)
    assert parse(connection.send(event.response()))[0][1].startswith(b"\x03\xea")
    assert connection.state is ConnectionState.CLOSED


def test_the_end_of_the_stream_is_1006() -> None:
    connection = FrameConnection(client=False)

    connection.receive_data(None)

    assert [(event.code) for event in connection.events() if isinstance(event, CloseConnection)] == [1006]
    assert connection.state is ConnectionState.CLOSED
    assert list(connection.events()) == []


def test_nothing_is_sent_after_the_end() -> None:
    connection = FrameConnection(client=False)
    connection.send(CloseConnection(code=1000))

    with pytest.raises(LocalProtocolError, match="local closing"):
        connection.send(TextMessage(data="x"))


def test_bytes_behind_the_handshake_come_first() -> None:
    connection = FrameConnection(client=False, trailing=text("ear") + text("ly")[:3])

    assert feed(connection, [b"", text("ly")[3:]]) == [("text", "ear"), ("text", "ly")]
