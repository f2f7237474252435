"""Events and headers are values: checked when made, comparable, printable, and not to be changed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from trio_http import _grammar, h1
from trio_http._errors import IncompleteBody
from trio_http.h1 import _h11

REQUEST = h1.Request(method="GET", target="/", headers=[("Host", "a")])
EVENTS: list[h1.Event] = [
    REQUEST,
    h1.InformationalResponse(status_code=103, headers=[("Link", "x")]),
    h1.Response(status_code=200, reason="OK"),
    h1.Data(b"abc", chunk_start=True),
    h1.EndOfMessage(headers=[("X", "y")]),
]


@pytest.mark.covers("S3.30")
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_cannot_be_changed(event: Any) -> None:
    for name in event.__match_args__:
        with pytest.raises(AttributeError):
            setattr(event, name, b"x")
        with pytest.raises(AttributeError):
            delattr(event, name)
    with pytest.raises(AttributeError):
        event.anything = 1


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_with_fields_have_no_hash(event: h1.Event) -> None:
    with pytest.raises(TypeError):
        hash(event)


@pytest.mark.covers("S3.26", "S3.30")
def test_events_compare_by_their_fields() -> None:
    assert h1.Data(b"a") == h1.Data(data=bytearray(b"a"))
    assert h1.Data(b"a") != h1.Data(b"a", chunk_end=True)
    assert h1.Response(status_code=100 + 100) != h1.InformationalResponse(status_code=100)
    assert h1.ConnectionClosed() == h1.ConnectionClosed() != h1.EndOfMessage()
    assert len({h1.ConnectionClosed(), h1.ConnectionClosed()}) == 1


def test_events_and_marks_print_as_h11s_do() -> None:
    assert repr(REQUEST) == (
        "Request(method=b'GET', headers=<Headers([(b'host', b'a')])>, target=b'/', http_version=b'1.1')"
    )
    assert repr(EVENTS[2]) == "Response(headers=<Headers([])>, http_version=b'1.1', reason=b'OK', status_code=200)"
    assert repr(EVENTS[3]) == "Data(data=b'abc', chunk_start=True, chunk_end=False)"
    assert repr(h1.ConnectionClosed()) == "ConnectionClosed()"
    assert repr(h1.NEED_DATA) == "NEED_DATA"
    assert type(h1.NEED_DATA) is h1.NEED_DATA


def test_events_match_patterns() -> None:
    match REQUEST:
        case h1.Request(method=b"GET", target=target):
            assert target == b"/"
        case _:
            pytest.fail("no match")


def test_type_checkers_see_plain_fields() -> None:
    with pytest.raises(NotImplementedError):
        vars(h1._events)["_ReadOnly"]().__get__(None)  # type: ignore[attr-defined]  # a private module


@pytest.mark.covers("D5", "S3.23", "S3.31")
def test_parts_may_be_text_or_anything_like_bytes() -> None:
    request = h1.Request(
        method=bytearray(b"GET"),  # type: ignore[arg-type]  # as h11: more than the types promise
        target=memoryview(b"/"),  # type: ignore[arg-type]
        headers=[("Host", b"a"), (b"X", "y")],
        http_version="1.1",
    )

    assert (request.method, request.target, request.http_version) == (b"GET", b"/", b"1.1")
    assert request.headers.raw_items() == [(b"Host", b"a"), (b"X", b"y")]
    assert h1.Response(status_code=HTTPStatus.OK).status_code == 200
    assert type(h1.Response(status_code=HTTPStatus.OK).status_code) is int


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: h1.Request(method="GET", target="/"), "missing Host"),
        (lambda: h1.Request(method="GET", target="/", headers=[("Host", "a"), ("Host", "a")]), "2 Host fields"),
        (lambda: h1.Request(method="G T", target="/", headers=[("Host", "a")]), "illegal method"),
        (lambda: h1.Request(method="GET", target="/ x", headers=[("Host", "a")]), "illegal target"),
        (lambda: h1.Request(method="GET", target="", headers=[("Host", "a")]), "illegal target"),
        (lambda: h1.Response(status_code=199), r"range \[200, 1000\), not 199"),
        (lambda: h1.InformationalResponse(status_code=200), r"range \[100, 200\)"),
        (lambda: h1.Response(status_code="200"), "must be an integer, not str"),  # type: ignore[arg-type]
        (lambda: h1.EndOfMessage(headers=[("X Y", "z")]), "illegal header name b'X Y'"),
        (lambda: h1.EndOfMessage(headers=[("X", "tuna\r\nfish")]), "'X'.*0x0d at index 4"),
        (lambda: h1.EndOfMessage(headers=[("X", " y")]), "begins or ends with whitespace"),
        (lambda: h1.Response(status_code=200, headers=[("Content-Length", "1, 2")]), "2 different"),
        (lambda: h1.Response(status_code=200, headers=[("Transfer-Encoding", "gzip")]), "only chunked"),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_refused(make: Callable[[], object], text: str) -> None:
    with pytest.raises(h1.LocalProtocolError, match=text) as caught:
        make()

    assert "fish" not in str(caught.value)


def test_what_is_no_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not int"):
        h1.Request(method=1, target="/", headers=[])  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        h1.Request(method="GÉT", target="/", headers=[])


def test_control_bytes_in_values_are_let_through_as_h11_does() -> None:
    assert h1.EndOfMessage(headers=[("X", "a\x01b")]).headers == [(b"x", b"a\x01b")]


def test_equal_lengths_become_one() -> None:
    response = h1.Response(status_code=200, headers=[("Content-Length", "3"), ("content-length", "3, 3")])

    assert response.headers.raw_items() == [(b"Content-Length", b"3")]


@pytest.mark.covers("S3.29")
def test_headers_are_a_sequence() -> None:
    headers = h1.Headers([(b"A", b"a", b"1"), (b"B", b"b", b"2")])

    assert headers[0] == (b"a", b"1")
    assert headers[1:] == [(b"b", b"2")]
    assert len(headers) == 2
    assert headers
    assert not h1.Headers([])
    assert (b"b", b"2") in headers
    assert list(reversed(headers)) == [(b"b", b"2"), (b"a", b"1")]
    assert headers != 5
    assert headers == [(b"a", b"1"), (b"b", b"2")]
    assert headers._full_items is headers.triples
    with pytest.raises(TypeError):
        hash(headers)


@pytest.mark.covers("S3.5")
def test_received_data_may_be_anything_like_bytes() -> None:
    connection = h1.Connection(h1.SERVER)
    for piece in (bytearray(b"GET / HT"), memoryview(b"TP/1.1\r\nHo"), b"st: a\r\n\r\n"):
        connection.receive_data(piece)
        event = connection.next_event()

    assert event == REQUEST


def test_data_after_the_end_is_impossible() -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"")

    with pytest.raises(RuntimeError, match="after the end of the stream"):
        connection.receive_data(b"x")


def test_a_long_buffer_is_moved_to_the_front() -> None:
    request = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n"
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(request[:-1])
    assert connection.next_event() is h1.NEED_DATA
    connection.receive_data(b"\n" + bytes(150_000) + request)
    assert type(connection.next_event()) is h1.Request
    assert connection.next_event() == h1.Data(bytes(150_000))
    assert type(connection.next_event()) is h1.EndOfMessage
    connection.receive_data(b"abc")

    assert connection.buffered == len(request) + 3
    assert connection.trailing_data == (request + b"abc", False)
    connection.send_message(h1.Response(status_code=200))
    connection.start_next_cycle()
    assert type(connection.next_event()) is h1.Request
    assert connection.next_event() == h1.Data(b"abc")


@pytest.mark.covers("S3.6")
def test_the_next_cycle_needs_both_sides() -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.receive_head()

    with pytest.raises(h1.LocalProtocolError, match="client is DONE and server is SEND_RESPONSE; both must be DONE"):
        connection.start_next_cycle()


def test_roles_are_checked() -> None:
    with pytest.raises(ValueError, match="expected CLIENT or SERVER, not 'x'"):
        h1.Connection("x")  # type: ignore[arg-type]


@pytest.mark.covers("S3.4")
def test_objects_with_a_length_pass_through() -> None:
    class File:
        def __len__(self) -> int:
            return 3

    file: Any = File()
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.receive_head()
    connection.send(h1.Response(status_code=200, headers=[]))

    assert connection.send_with_data_passthrough(h1.Data(file)) == [b"3\r\n", file, b"\r\n"]
    assert connection.send(h1.Data(b"")) == b""
    connection.send(h1.Data(b"a"))
    assert connection.send(h1.EndOfMessage(headers=[("X", "y"), ("Z", "1")])) == b"0\r\nX: y\r\nZ: 1\r\n\r\n"


def test_a_chunked_body_ends_without_trailers() -> None:
    connection = h1.Connection(h1.CLIENT)
    headers = [("Host", "a"), ("Transfer-Encoding", "chunked")]
    connection.send(h1.Request(method="PUT", target="/", headers=headers))

    assert connection.send(h1.EndOfMessage()) == b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "events", "text"),
    [
        ([("Content-Length", "3")], [h1.Data(b"abcd")], "Too much data .* 1 bytes more"),
        ([("Content-Length", "3")], [h1.Data(b"ab"), h1.EndOfMessage()], "Too little data .* 1 bytes fewer"),
        ([("Content-Length", "0")], [h1.EndOfMessage(headers=[("X", "y")])], "trailers can only be sent"),
    ],
)
def test_bodies_must_be_as_they_were_announced(headers: Any, events: list[Any], text: str) -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.receive_head()
    connection.send(h1.Response(status_code=200, headers=headers))

    for event in events[:-1]:
        connection.send(event)
    with pytest.raises(h1.LocalProtocolError, match=text):
        connection.send(events[-1])

    assert connection.our_state is h1.ERROR


CHUNKED = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def to_the_end(connection: h1.Connection) -> None:
    while type(connection.next_event()) is not h1.EndOfMessage:
        pass


@pytest.mark.parametrize("strict", [True, False])
def test_a_truncated_message_is_never_passed_off_as_whole(strict: bool) -> None:
    body = b"3;x\r\nabc\r\n0\r\nX: y\r\n\r\n"
    counted = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    for stream in (CHUNKED + body, counted):
        for end in range(1, len(stream)):
            connection = h1.Connection(h1.SERVER, strict=strict)
            connection.receive_data(stream[:end])
            connection.receive_data(b"")
            with pytest.raises(h1.RemoteProtocolError, match="closed connection"):
                to_the_end(connection)
            assert connection.their_state is h1.ERROR
            with pytest.raises(h1.RemoteProtocolError, match="broken the protocol before"):
                connection.next_event()


def test_a_truncated_body_says_how_much_is_missing() -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    connection.receive_head()
    connection.next_event()
    connection.receive_data(b"")

    with pytest.raises(IncompleteBody, match=r"received 3 bytes, expected 9"):
        connection.next_event()


def test_the_first_bytes_of_a_chunk_say_so_though_its_size_came_before() -> None:
    connection = h1.Connection(h1.SERVER)
    events = []
    for piece in (CHUNKED, b"3\r\n", b"a", b"b", b"c", b"\r\n"):
        connection.receive_data(piece)
        while (event := connection.next_event()) is not h1.NEED_DATA:
            events.append(event)

    assert events[1:] == [h1.Data(b"a", chunk_start=True), h1.Data(b"b"), h1.Data(b"c", chunk_end=True)]


@pytest.mark.covers("S3.15")
def test_waiting_for_100_continue() -> None:
    connection = h1.Connection(h1.CLIENT)
    headers = [("Host", "a"), ("Content-Length", "1"), ("Expect", "100-continue")]
    connection.send(h1.Request(method="PUT", target="/", headers=headers))
    assert connection.client_is_waiting_for_100_continue
    assert not connection.they_are_waiting_for_100_continue
    connection.receive_data(b"HTTP/1.1 100 \r\n\r\n")
    assert type(connection.next_event()) is h1.InformationalResponse
    assert not connection.client_is_waiting_for_100_continue
    assert connection.send(h1.Data(b"x")) == b"x"


def test_a_counted_body_goes_out_as_it_is() -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.receive_head()
    connection.send(h1.Response(status_code=200, headers=[("Content-Length", "6")]))
    data = b"abc"

    assert connection.send(h1.Data(data)) is data
    assert connection.send(h1.Data(bytearray(data))) == data
    assert connection.send(h1.EndOfMessage()) == b""


@pytest.mark.parametrize(("value", "valid"), [(b"a b", True), (b"", True), (b" a", False), (b"a\x01", False)])
def test_the_grammar_of_values(value: bytes, valid: bool) -> None:
    assert _grammar.is_field_value(value) is valid


# ---------------------------------------------------------------- bounded memories


def test_a_peer_cannot_fill_the_memories() -> None:
    def ask(field: bytes) -> None:
        connection = h1.Connection(h1.SERVER)
        connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n")
        assert type(connection.receive_head()) is h1.Request

    for number in range(3000):
        ask(b"X-%d: y" % number)
        ask(b"Accept: %d" % number)

    assert len(_grammar.SEEN_NAMES) <= 2048
    assert len(h1._head._lines) <= 1024  # type: ignore[attr-defined]  # a private module


def test_lines_that_may_hold_secrets_are_not_remembered() -> None:
    connection = h1.Connection(h1.SERVER)
    for _ in range(3):
        connection.receive_data(
            b"GET / HTTP/1.1\r\nHost: a\r\nCookie: tuna41\r\nAuthorization: fish42\r\nX-Key: cod43\r\n"
            b"Accept-Language: plain44\r\n\r\n"
        )
        connection.receive_head()
        connection.send_message(h1.Response(status_code=200))
        connection.start_next_cycle()

    kept = b"".join([*h1._head._lines, *h1._head._last.values()])  # type: ignore[attr-defined]  # a private module
    assert b"plain44" in kept, "lines without secrets are remembered, or this test proves nothing"
    assert not [secret for secret in (b"tuna41", b"fish42", b"cod43") if secret in kept]


# ---------------------------------------------------------------- the stand-in, in this process


@pytest.fixture
def modules() -> Iterator[dict[str, Any]]:
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "h11"}
    for name in kept:
        del sys.modules[name]
    yield kept
    for name in [name for name in sys.modules if name.partition(".")[0] == "h11"]:
        del sys.modules[name]
    sys.modules.update(kept)


@pytest.mark.covers("D1")
def test_the_stand_in_offers_what_others_import(modules: dict[str, Any]) -> None:
    sys.modules.update(modules)
    if modules:
        with pytest.raises(RuntimeError, match="imported already"):
            h1.install_as_h11()
    stand_in = h1.install_as_h11(force=True)

    assert h1.install_as_h11() is stand_in is sys.modules["h11"]
    names = set(dir(stand_in))
    assert {"Connection", "Request", "NEED_DATA", "PAUSED", "CLIENT", "MUST_CLOSE", "ProtocolError"} <= names
    assert sys.modules["h11._connection"].DEFAULT_MAX_INCOMPLETE_EVENT_SIZE == 16384
    assert sys.modules["h11._util"].LocalProtocolError is h1.LocalProtocolError


def test_h11s_private_functions() -> None:
    request = h1.Request(method="PUT", target="/", headers=[("Host", "a"), ("Expect", "100-Continue")])
    close = h1.Response(status_code=200, headers=[("Connection", "x, Close")])
    chunked = h1.Response(status_code=200, headers=[("Transfer-Encoding", "chunked")])
    counted = h1.Response(status_code=200, headers=[("Content-Length", "3")])
    headers = h1.Headers([])

    assert _h11._keep_alive(request)
    assert not _h11._keep_alive(close)
    assert _h11._body_framing(b"GET", close) == ("http/1.0", ())
    assert _h11._body_framing(b"HEAD", close) == ("content-length", (0,))
    assert _h11._body_framing(b"GET", chunked) == ("chunked", ())
    assert _h11._body_framing(b"GET", counted) == ("content-length", (3,))
    assert _h11._body_framing(b"GET", request) == ("content-length", (0,))
    assert _h11._has_expect_100_continue(request)
    assert _h11._normalize_and_validate(headers) is headers
    assert _h11._normalize_and_validate([("A", "b")]) == [(b"a", b"b")]
    facade = _h11._FACADES["_headers"]
    assert facade["set_comma_header"](close.headers, b"connection", [b"a", b"b"]).raw_items() == [  # type: ignore[operator]
        (b"Connection", b"a"),
        (b"Connection", b"b"),
    ]


def test_h11s_validate() -> None:
    pattern = re.compile(rb"(?P<a>[0-9])")

    assert _h11._validate(pattern, b"1") == {"a": b"1"}
    with pytest.raises(h1.LocalProtocolError, match=r"^x 1$"):
        _h11._validate(pattern, b"x", "x {}", 1)


def test_h11s_state_machine() -> None:
    machine = _h11.ConnectionState()
    machine.process_event(h1.CLIENT, h1.Request)
    machine.process_client_switch_proposal(h1._sentinels.SWITCH_UPGRADE)  # type: ignore[attr-defined]  # private
    assert len(machine.pending_switch_proposals) == 1
    machine.process_event(h1.SERVER, h1.Response)
    machine.process_event(h1.CLIENT, h1.EndOfMessage)
    machine.process_event(h1.SERVER, h1.EndOfMessage)
    assert machine.keep_alive
    machine.start_next_cycle()
    assert machine.states == {h1.CLIENT: h1.IDLE, h1.SERVER: h1.IDLE}
    machine.process_keep_alive_disabled()
    machine.process_error(h1.CLIENT)
    assert machine.states[h1.CLIENT] is h1.ERROR
    assert repr(h1.Connection(h1.CLIENT)._cstate) == "<client IDLE, server IDLE, kept>"
