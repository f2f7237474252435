"""The public face of the core, member by member, as those who know h11 expect it."""

from __future__ import annotations

from typing import Any

import pytest

from trio_http import HTTPError, h1

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"


def server(received: bytes) -> h1.Connection:
    """A server that has been asked, and has taken the events of it."""
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(received)
    while connection.next_event() not in (h1.NEED_DATA, h1.PAUSED):
        pass
    return connection


@pytest.mark.covers("S3.1", "S3.11", "S3.12", "S3.18")
def test_a_connection_knows_its_role() -> None:
    ours = h1.Connection(our_role=h1.SERVER, max_incomplete_event_size=100)
    theirs = h1.Connection(h1.CLIENT)

    assert (ours.our_role, ours.their_role) == (h1.SERVER, h1.CLIENT)
    assert (theirs.our_role, theirs.their_role) == (h1.CLIENT, h1.SERVER)


@pytest.mark.covers("S3.1")
def test_an_event_that_stays_incomplete_for_too_long_is_refused() -> None:
    connection = h1.Connection(h1.SERVER, max_incomplete_event_size=100)
    connection.receive_data(b"GET / HTTP/1.1\r\nX: " + b"x" * 100)

    with pytest.raises(h1.RemoteProtocolError) as caught:
        connection.next_event()

    assert caught.value.error_status_hint == 431


@pytest.mark.covers("S3.8", "S3.9", "S3.10", "S3.19")
def test_states_follow_a_request_and_its_answer() -> None:
    connection = h1.Connection(h1.SERVER)
    seen = [connection.states]
    connection.receive_data(PUT + b"abc")
    for _ in range(3):
        connection.next_event()
        seen.append(connection.states)
    connection.send(h1.Response(status_code=200, headers=[("Content-Length", "0"), ("Connection", "close")]))
    seen.append(connection.states)
    connection.send(h1.EndOfMessage())
    seen.append(connection.states)
    connection.send(h1.ConnectionClosed())
    seen.append({connection.their_role: connection.their_state, connection.our_role: connection.our_state})

    assert [(states[h1.CLIENT], states[h1.SERVER]) for states in seen] == [
        (h1.IDLE, h1.IDLE),
        (h1.SEND_BODY, h1.SEND_RESPONSE),
        (h1.SEND_BODY, h1.SEND_RESPONSE),
        (h1.DONE, h1.SEND_RESPONSE),
        (h1.MUST_CLOSE, h1.SEND_BODY),
        (h1.MUST_CLOSE, h1.MUST_CLOSE),
        (h1.MUST_CLOSE, h1.CLOSED),
    ]
    mark: Any = h1.IDLE
    with pytest.raises(TypeError):
        mark()
    assert repr(h1.IDLE) == "IDLE"


@pytest.mark.covers("S3.19", "D6")
@pytest.mark.parametrize(
    ("request_bytes", "status", "state"),
    [
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, h1.SWITCHED_PROTOCOL),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 404, h1.DONE),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\n\r\n", 101, h1.SWITCHED_PROTOCOL),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\n\r\n", 404, h1.DONE),
    ],
)
def test_a_switch_waits_for_its_answer(request_bytes: bytes, status: int, state: type) -> None:
    connection = server(request_bytes + b"more")
    assert connection.their_state is h1.MIGHT_SWITCH_PROTOCOL
    assert connection.next_event() is h1.PAUSED

    kind = h1.InformationalResponse if status == 101 else h1.Response
    connection.send(kind(status_code=status, headers=[]))
    if status == 404:
        connection.send(h1.EndOfMessage())

    assert connection.their_state is state
    assert connection.trailing_data == (b"more", False)


@pytest.mark.covers("S3.2", "S3.17", "D6")
def test_events_come_until_there_are_no_more_and_a_second_request_waits() -> None:
    connection = h1.Connection(h1.SERVER)
    assert connection.next_event() is h1.NEED_DATA
    connection.receive_data(GET + GET)

    assert [type(connection.next_event()) for _ in range(2)] == [h1.Request, h1.EndOfMessage]
    assert connection.next_event() is h1.PAUSED
    assert connection.next_event() is h1.PAUSED
    assert repr([h1.NEED_DATA, h1.PAUSED]) == "[NEED_DATA, PAUSED]"


@pytest.mark.covers("S3.3", "S3.24", "S3.25", "S3.26", "S3.27", "D6")
def test_events_become_bytes() -> None:
    connection = server(PUT)

    sent = [
        connection.send(h1.InformationalResponse(status_code=100, headers=[])),
        connection.send(h1.Response(status_code=200, headers=[("X", "y")], reason="Fine")),
        connection.send(h1.Data(data=b"abc")),
        connection.send(h1.EndOfMessage(headers=[("Sum", "6")])),
    ]

    assert sent == [
        b"HTTP/1.1 100 \r\n\r\n",
        b"HTTP/1.1 200 Fine\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"3\r\nabc\r\n",
        b"0\r\nSum: 6\r\n\r\n",
    ]


@pytest.mark.covers("S3.3", "S3.28")
def test_the_end_of_a_connection_has_no_bytes() -> None:
    connection = h1.Connection(h1.CLIENT)

    assert connection.send(h1.ConnectionClosed()) is None


@pytest.mark.covers("S3.2", "S3.5", "S3.28")
def test_the_end_of_the_stream_is_an_event() -> None:
    connection = h1.Connection(h1.SERVER)
    connection.receive_data(b"")

    assert connection.next_event() == h1.ConnectionClosed()
    assert connection.next_event() == h1.ConnectionClosed()


@pytest.mark.covers("S3.6")
def test_the_next_request_comes_in_the_next_cycle() -> None:
    connection = server(GET + PUT)
    connection.send(h1.Response(status_code=204, headers=[]))
    connection.send(h1.EndOfMessage())

    connection.start_next_cycle()

    event = connection.next_event()
    assert isinstance(event, h1.Request)
    assert event.method == b"PUT"


@pytest.mark.covers("S3.7")
def test_a_failed_send_is_an_error_for_good() -> None:
    connection = server(GET)
    connection.send(h1.Response(status_code=200, headers=[("Content-Length", "3")]))

    connection.send_failed()

    assert connection.our_state is h1.ERROR
    with pytest.raises(h1.LocalProtocolError):
        connection.send(h1.Data(data=b"abc"))


@pytest.mark.covers("S3.13")
def test_the_version_of_the_peer_is_known_from_its_first_head_on() -> None:
    connection = h1.Connection(h1.SERVER)
    assert connection.their_http_version is None
    connection.receive_data(b"GET / HTTP/1.0\r\n\r\n")
    connection.next_event()

    assert connection.their_http_version == b"1.0"


@pytest.mark.covers("S3.14", "S3.15")
def test_both_sides_know_that_a_client_waits() -> None:
    connection = server(PUT)
    assert connection.they_are_waiting_for_100_continue
    assert connection.client_is_waiting_for_100_continue

    connection.send(h1.InformationalResponse(status_code=100, headers=[]))

    assert not connection.they_are_waiting_for_100_continue
    assert not connection.client_is_waiting_for_100_continue


@pytest.mark.covers("S3.16")
def test_what_follows_is_told_with_the_end() -> None:
    connection = server(GET + b"GE")
    assert connection.trailing_data == (b"GE", False)

    connection.receive_data(b"")

    assert connection.trailing_data == (b"GE", True)


@pytest.mark.covers("S3.20")
def test_errors_say_whose_they_are_and_what_to_answer() -> None:
    with pytest.raises(h1.ProtocolError) as remote:
        server(b"nonsense\r\n\r\n")
    with pytest.raises(h1.ProtocolError) as local:
        h1.Connection(h1.CLIENT).send(h1.Data(data=b"x"))

    assert isinstance(remote.value, h1.RemoteProtocolError)
    assert isinstance(local.value, h1.LocalProtocolError)
    assert isinstance(local.value, HTTPError)
    assert remote.value.error_status_hint == 400


@pytest.mark.covers("S3.21")
def test_it_has_a_name_and_a_version() -> None:
    assert f"trio-http-h1/{h1.__version__}" == h1.PRODUCT_ID
    assert h1.__version__.split(".")[0].isdigit()


@pytest.mark.covers("S3.22", "S3.23", "S3.26", "S3.27", "S3.28")
def test_all_events_have_one_base() -> None:
    request = h1.Request(method="GET", target="/x", headers=[("Host", "a")], http_version="1.0")
    events = [request, h1.Data(data=b"x", chunk_start=True), h1.EndOfMessage(), h1.ConnectionClosed()]

    assert all(isinstance(event, h1.Event) for event in events)
    assert (request.method, request.target, request.http_version) == (b"GET", b"/x", b"1.0")
    assert h1.NEED_DATA not in events


@pytest.mark.covers("S3.24", "S3.25")
@pytest.mark.parametrize("status", [99, 100, 199, 200, 999, 1000])
def test_each_kind_of_answer_has_its_codes(status: int) -> None:
    taken = []
    for kind in (h1.InformationalResponse, h1.Response):
        try:
            taken.append((kind(status_code=status, headers=None).status_code, kind))
        except h1.LocalProtocolError:
            continue

    wanted = {100: h1.InformationalResponse, 199: h1.InformationalResponse, 200: h1.Response, 999: h1.Response}
    assert taken == ([(status, wanted[status])] if status in wanted else [])
