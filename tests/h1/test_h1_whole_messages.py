"""Beyond h11: heads with the end of empty messages, whole messages in one call, and what is known of the peer."""

from __future__ import annotations

import pytest
from h1_kit import streams
from hypothesis import given

from trio_http import h1


def asked(request: bytes) -> h1.Connection:
    connection = h1.Connection(h1.SERVER, strict=True)
    connection.receive_data(request)
    connection.receive_head()
    return connection


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CONNECT = b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "state", "length"),
    [
        (GET, h1.DONE, 0),
        (CLOSE, h1.MUST_CLOSE, 0),
        (OLD, h1.MUST_CLOSE, 0),
        (CONNECT, h1.MIGHT_SWITCH_PROTOCOL, 0),
        (UPGRADE, h1.MIGHT_SWITCH_PROTOCOL, 0),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", h1.DONE, 0),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", h1.SEND_BODY, 3),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", h1.SEND_BODY, None),
    ],
)
def test_receive_head_takes_the_end_of_an_empty_request(request_bytes: bytes, state: type, length: int | None) -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(request_bytes)

    assert type(connection.receive_head()) is h1.Request

    assert connection.their_state is state
    assert connection.their_body_length == length


@pytest.mark.parametrize(
    ("method", "response", "state", "length"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", h1.DONE, 0),
        ("GET", b"HTTP/1.1 204 No\r\n\r\n", h1.DONE, 0),
        ("GET", b"HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", h1.DONE, 0),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", h1.DONE, 0),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n", h1.SEND_BODY, 9),
        ("GET", b"HTTP/1.1 200 OK\r\n\r\n", h1.SEND_BODY, None),
        ("CONNECT", b"HTTP/1.1 200 OK\r\n\r\n", h1.SWITCHED_PROTOCOL, 0),
        ("CONNECT", b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", h1.DONE, 0),
    ],
)
def test_receive_head_takes_the_end_of_an_empty_response(
    method: str, response: bytes, state: type, length: int | None
) -> None:
    connection = h1.Connection(h1.CLIENT)
    connection.send_message(h1.Request(method=method, target="a:1", headers=[("Host", "a")]))
    connection.receive_data(b"HTTP/1.1 103 Hints\r\n\r\n" + response)

    assert type(connection.receive_head()) is h1.InformationalResponse
    assert connection.their_state is h1.SEND_RESPONSE
    assert type(connection.receive_head()) is h1.Response

    assert connection.their_state is state
    assert connection.their_body_length == length


def test_receive_head_says_when_there_is_none() -> None:
    connection = h1.Connection(h1.SERVER)

    assert connection.receive_head() is h1.NEED_DATA
    connection.receive_data(GET[:10])
    assert connection.receive_head() is h1.NEED_DATA
    assert connection.receive_head() is h1.NEED_DATA
    connection.receive_data(GET[10:] + GET)
    assert type(connection.receive_head()) is h1.Request
    assert connection.receive_head() is h1.PAUSED
    assert connection.buffered == len(GET)
    connection.send_message(h1.Response(status_code=204))
    connection.start_next_cycle()
    assert type(connection.receive_head()) is h1.Request
    connection.receive_data(b"")
    assert type(connection.receive_head()) is h1.ConnectionClosed


def test_receive_head_in_a_body_is_our_mistake() -> None:
    connection = asked(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")

    with pytest.raises(h1.LocalProtocolError, match="read its body"):
        connection.receive_head()

    assert connection.their_state is h1.SEND_BODY


def outcome(connection: h1.Connection, data: bytes) -> object:
    """What the usual way makes of received bytes."""
    try:
        connection.receive_data(data)
        return connection.receive_head()
    except h1.RemoteProtocolError as error:
        return str(error), error.error_status_hint


def situation(connection: h1.Connection) -> tuple[object, ...]:
    return (
        connection.states,
        connection.trailing_data,
        connection.keep_alive,
        connection.their_keep_alive,
        connection.their_http_version,
        connection.their_body_length,
        connection.client_is_waiting_for_100_continue,
    )


@given(streams(responses=False))
def test_the_short_way_for_requests_is_the_usual_one_or_none(data: bytes) -> None:
    usual, short = h1.Connection(h1.SERVER, strict=True), h1.Connection(h1.SERVER, strict=True)
    untouched = situation(short)
    expected = outcome(usual, data)

    request = short.receive_plain_request(data)

    if request is None:
        assert situation(short) == untouched
        assert outcome(short, data) == expected
    else:
        assert request == expected
    assert situation(short) == situation(usual)


@pytest.mark.parametrize(
    "data",
    [
        GET,
        CLOSE,
        UPGRADE,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_the_short_way_is_taken_by_one_plain_head(data: bytes) -> None:
    assert h1.Connection(h1.SERVER, strict=True).receive_plain_request(data) is not None


@pytest.mark.parametrize("data", [b"", b"\r\n", GET[:-1], GET + GET, GET + b"x", b"\r\n" + GET, CONNECT, OLD])
def test_the_short_way_is_not_taken_by_anything_else(data: bytes) -> None:
    connection = h1.Connection(h1.SERVER, strict=True)
    untouched = situation(connection)

    assert connection.receive_plain_request(data) is None

    assert situation(connection) == untouched


def test_the_short_way_needs_an_empty_buffer_an_open_stream_and_an_idle_server() -> None:
    begun, ended, asked_already = (h1.Connection(h1.SERVER) for _ in range(3))
    begun.receive_data(GET[:5])
    ended.receive_data(b"")
    asked_already.receive_data(GET)
    asked_already.receive_head()

    assert begun.receive_plain_request(GET) is None
    assert ended.receive_plain_request(GET) is None
    assert asked_already.receive_plain_request(GET) is None
    assert h1.Connection(h1.CLIENT).receive_plain_request(GET) is None


def r(status: int, headers: list[tuple[str, str]] | None = None, reason: str = "") -> h1.Response:
    return h1.Response(status_code=status, headers=headers, reason=reason)


@pytest.mark.parametrize(
    ("request_bytes", "response", "body", "expected", "state"),
    [
        (GET, r(200, reason="OK"), b"abc", b"200 OK\r\nContent-Length: 3\r\n\r\nabc", h1.DONE),
        (GET, r(200), b"", b"200 \r\nContent-Length: 0\r\n\r\n", h1.DONE),
        (GET, r(200, [("X", "y")]), b"", b"200 \r\nX: y\r\nContent-Length: 0\r\n\r\n", h1.DONE),
        (GET, r(200, [("content-length", "3")]), b"abc", b"200 \r\ncontent-length: 3\r\n\r\nabc", h1.DONE),
        (GET, r(204), b"", b"204 \r\n\r\n", h1.DONE),
        (GET, r(304, [("Content-Length", "3")]), b"", b"304 \r\nContent-Length: 3\r\n\r\n", h1.DONE),
        (GET, r(200, [("Transfer-Encoding", "chunked")]), b"abc",
         b"200 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", h1.DONE),
        (GET, r(200, [("Transfer-Encoding", "chunked")]), b"",
         b"200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", h1.DONE),
        (HEAD, r(200, [("Content-Length", "9")]), b"abc", b"200 \r\nContent-Length: 9\r\n\r\n", h1.DONE),
        (HEAD, r(200), b"abc", b"200 \r\nContent-Length: 3\r\n\r\n", h1.DONE),
        (HEAD, r(200), b"", b"200 \r\n\r\n", h1.DONE),
        (HEAD, r(200, [("Transfer-Encoding", "chunked")]), b"abc",
         b"200 \r\nTransfer-Encoding: chunked\r\n\r\n", h1.DONE),
        (CLOSE, r(200), b"a", b"200 \r\nContent-Length: 1\r\nConnection: close\r\n\r\na", h1.MUST_CLOSE),
        (CLOSE, r(200, [("Connection", "keep-alive, x")]), b"",
         b"200 \r\nContent-Length: 0\r\nConnection: close\r\nConnection: x\r\n\r\n", h1.MUST_CLOSE),
        (OLD, r(200), b"a", b"200 \r\nContent-Length: 1\r\nConnection: close\r\n\r\na", h1.MUST_CLOSE),
        (OLD, r(200, [("Transfer-Encoding", "chunked")]), b"a",
         b"200 \r\nContent-Length: 1\r\nConnection: close\r\n\r\na", h1.MUST_CLOSE),
        (GET, r(200, [("Connection", "close")]), b"a",
         b"200 \r\nConnection: close\r\nContent-Length: 1\r\n\r\na", h1.MUST_CLOSE),
        (CONNECT, r(200), b"", b"200 \r\n\r\n", h1.SWITCHED_PROTOCOL),
        (CONNECT, r(403), b"no", b"403 \r\nContent-Length: 2\r\n\r\nno", h1.DONE),
        (b"", r(408), b"", b"408 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n", h1.MUST_CLOSE),
        (b"\x00", r(400), b"!", b"400 \r\nContent-Length: 1\r\nConnection: close\r\n\r\n!", h1.MUST_CLOSE),
    ],
)  # fmt: skip
def test_a_whole_response(
    request_bytes: bytes, response: h1.Response, body: bytes, expected: bytes, state: type
) -> None:
    connection = h1.Connection(h1.SERVER)
    if request_bytes:
        connection.receive_data(request_bytes)
        if request_bytes == b"\x00":
            with pytest.raises(h1.RemoteProtocolError):
                connection.receive_head()
        else:
            connection.receive_head()

    sent = connection.send_message(response, body)

    assert sent == b"HTTP/1.1 " + expected
    assert connection.our_state is state


@pytest.mark.parametrize(
    ("request_bytes", "response", "body", "text"),
    [
        (GET, h1.Response(status_code=200, headers=[("Content-Length", "3")]), b"abcd", "4 bytes long, but"),
        (GET, h1.Response(status_code=200, headers=[("Content-Length", "3")]), b"", "0 bytes long, but"),
        (GET, h1.Response(status_code=204), b"a", "status 204 here has no body; 1 bytes"),
        (GET, h1.Response(status_code=304), b"a", "status 304 here has no body"),
        (CONNECT, h1.Response(status_code=200), b"a", "status 200 here has no body"),
        (GET, h1.Response(status_code=200, http_version="1.0"), b"", "only HTTP/1.1"),
        (GET, h1.Request(method="GET", target="/", headers=[("Host", "a")]), b"", "can't handle event type Request"),
        (GET, h1.InformationalResponse(status_code=100), b"", "takes a Request or a Response"),
    ],
)
def test_a_message_that_cannot_be_sent_changes_nothing(
    request_bytes: bytes, response: h1.Response, body: bytes, text: str
) -> None:
    connection = asked(request_bytes)
    before = connection.states

    with pytest.raises(h1.LocalProtocolError, match=text):
        connection.send_message(response, body)

    assert connection.states == before
    assert connection.send_message(h1.Response(status_code=500)).startswith(b"HTTP/1.1 500 ")


def test_a_client_cannot_send_a_response() -> None:
    with pytest.raises(h1.LocalProtocolError, match="event type Response when role=CLIENT"):
        h1.Connection(h1.CLIENT).send_message(h1.Response(status_code=200))


@pytest.mark.parametrize(
    ("method", "headers", "body", "expected"),
    [
        ("GET", [], b"", b"\r\n"),
        ("GET", [], b"abc", b"Content-Length: 3\r\n\r\nabc"),
        ("POST", [], b"", b"Content-Length: 0\r\n\r\n"),
        ("PUT", [("Content-Length", "1")], b"x", b"Content-Length: 1\r\n\r\nx"),
        ("PATCH", [("Transfer-Encoding", "chunked")], b"x", b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        ("DELETE", [("X", "y"), ("Z", "")], b"", b"X: y\r\nZ: \r\n\r\n"),
    ],
)
def test_a_whole_request(method: str, headers: list[tuple[str, str]], body: bytes, expected: bytes) -> None:
    connection = h1.Connection(h1.CLIENT, strict=True)
    request = h1.Request(method=method, target="/x", headers=[*headers, ("Host", "a")])

    sent = connection.send_message(request, body)

    assert sent == method.encode() + b" /x HTTP/1.1\r\nHost: a\r\n" + expected
    assert connection.our_state is h1.DONE
    assert not connection.client_is_waiting_for_100_continue


@pytest.mark.covers("D7")
def test_large_bodies_are_not_copied() -> None:
    connection = asked(GET)
    body = bytes(100_000)

    head, piece = connection.send_message_parts(h1.Response(status_code=200), body)

    assert head == b"HTTP/1.1 200 \r\nContent-Length: 100000\r\n\r\n"
    assert piece is body


@pytest.mark.covers("D7")
def test_received_pieces_of_counted_bodies_are_not_copied() -> None:
    connection = asked(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
    piece = bytes(100_000)

    connection.receive_data(piece)
    event = connection.next_event()

    assert isinstance(event, h1.Data)
    assert event.data is piece
    assert connection.next_event() is h1.NEED_DATA


def test_keep_alive_of_both_sides() -> None:
    connection = asked(GET)
    assert connection.keep_alive
    assert connection.their_keep_alive
    connection.send_message(h1.Response(status_code=200, headers=[("Connection", "close")]))
    assert not connection.keep_alive
    assert connection.their_keep_alive

    closing = asked(CLOSE)
    assert not closing.keep_alive
    assert not closing.their_keep_alive

    failed = asked(GET)
    failed.send_failed()
    assert not failed.keep_alive


def test_trusted_parts_are_shared() -> None:
    triples = [(b"Host", b"host", b"a"), (b"X-Y", b"x-y", b"z")]
    headers = h1.Headers(triples)

    request = h1.Request.trusted(b"GET", b"/", headers)
    response = h1.Response.trusted(200, headers, b"OK")

    assert request.headers.triples is triples
    assert response == h1.Response(status_code=200, headers=[("Host", "a"), ("X-Y", "z")], reason="OK")
    assert request == h1.Request(method="GET", target="/", headers=[("Host", "a"), ("X-Y", "z")])


def test_repr_of_a_connection_tells_where_it_is() -> None:
    connection = asked(CLOSE)
    connection.receive_data(b"abc")

    assert (
        repr(connection) == "<Connection of SERVER: <client MUST_CLOSE, server SEND_RESPONSE, not kept>, 3 B buffered>"
    )
