"""The strict profile: what RFC 9112 calls invalid is refused, with the right status hint and a text that tells why."""

from __future__ import annotations

from typing import Any

import pytest
from h1_kit import client, server, tell

from trio_http import h1

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"

REFUSED: list[tuple[str, bytes, int, str]] = [
    # ---- two opinions about where a message ends: request smuggling
    (
        "length and chunked",
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "both Content-Length",
    ),
    (
        "chunked and length",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
        "both Content-Length",
    ),
    ("two lengths", POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, "more than one Content-Length"),
    ("equal lengths", POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, "more than one Content-Length"),
    ("list of lengths", POST + b"Content-Length: 3, 3\r\n\r\n", 400, "more than one Content-Length"),
    ("length with plus", POST + b"Content-Length: +3\r\n\r\n", 400, "bad Content-Length of 2 bytes"),
    ("negative length", POST + b"Content-Length: -3\r\n\r\n", 400, "bad Content-Length"),
    ("length with space", POST + b"Content-Length: 3 3\r\n\r\n", 400, "bad Content-Length"),
    ("hexadecimal length", POST + b"Content-Length: 0x3\r\n\r\n", 400, "bad Content-Length"),
    ("length with underscore", POST + b"Content-Length: 1_0\r\n\r\n", 400, "bad Content-Length"),
    ("empty length", POST + b"Content-Length:\r\n\r\n", 400, "bad Content-Length"),
    ("length of 21 digits", POST + b"Content-Length: " + b"1" * 21 + b"\r\n\r\n", 400, "1 to 20 decimal digits"),
    ("unknown coding", POST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "only chunked is supported"),
    ("coding list", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "only chunked is supported"),
    ("identity", POST + b"Transfer-Encoding: identity\r\n\r\n", 501, "only chunked is supported"),
    ("chunked twice in one", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 501, "only chunked is supported"),
    ("chunked twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501, "multiple"),
    ("coding with VT", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400, "0x0b"),
    ("quoted coding", POST + b'Transfer-Encoding: "chunked"\r\n\r\n', 501, "only chunked is supported"),
    ("chunked in 1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "in an HTTP/1.0 message"),
    ("space before colon", POST + b"Transfer-Encoding : chunked\r\n\r\n", 400, "whitespace between the field name"),
    ("tab before colon", POST + b"Content-Length\t: 3\r\n\r\n", 400, "whitespace between the field name"),
    ("folded length", POST + b"Content-Length:\r\n 3\r\n\r\n", 400, "obsolete line folding"),
    ("fold at start", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "obsolete line folding"),
    ("tab fold", GET + b"X: y\r\n\tz\r\n\r\n", 400, "field line 3"),
    ("bare LF", b"GET / HTTP/1.1\nHost: a\n\n", 400, "line 1 of the request head ends with LF alone"),
    ("bare LF later", GET + b"X: y\nZ: 1\r\n\r\n", 400, "line 3 of the request head ends with LF alone"),
    ("bare CR", GET + b"X: y\rZ: 1\r\n\r\n", 400, "0x0d"),
    ("CR CR LF", GET + b"X: y\r\r\n\r\n", 400, "0x0d"),
    ("NUL", GET + b"X: a\x00b\r\n\r\n", 400, "value of field 'X' of the request head holds the byte 0x00"),
    ("control byte", GET + b"X: a\x01b\r\n\r\n", 400, "0x01"),
    ("DEL", GET + b"X: a\x7fb\r\n\r\n", 400, "0x7f"),
    ("no colon", GET + b"X\r\n\r\n", 400, "field line 2 of the request head, 1 bytes long, has no colon"),
    ("empty name", GET + b": x\r\n\r\n", 400, "empty name"),
    ("name with space", GET + b"X Y: x\r\n\r\n", 400, "0x20"),
    ("name with NUL", GET + b"X\x00: x\r\n\r\n", 400, "0x00"),
    ("name not ASCII", GET + b"X\xe9: x\r\n\r\n", 400, "0xe9"),
    ("very long name", GET + b"(" * 100 + b": x\r\n\r\n", 400, "'..."),
    # ---- chunks
    ("chunk size with plus", CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", 400, "size '+3'"),
    ("chunk size with minus", CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400, "size '-3'"),
    ("chunk size 0x", CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400, "size '0x3'"),
    ("chunk size with underscore", CHUNKED + b"1_0\r\n", 400, "size '1_0'"),
    ("space after chunk size", CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400, "whitespace at the end"),
    ("space before extension", CHUNKED + b"3 ;a\r\nabc\r\n0\r\n\r\n", 400, "size '3 '"),
    ("space before chunk size", CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n", 400, "size ' 3'"),
    ("no chunk size", CHUNKED + b"\r\n0\r\n\r\n", 400, "of 0 bytes"),
    ("no chunk size, extension", CHUNKED + b";a\r\n0\r\n\r\n", 400, "of 0 bytes"),
    ("17 digits", CHUNKED + b"0" * 16 + b"1\r\na\r\n", 400, "1 to 16 hexadecimal digits"),
    ("chunk size ends with LF", CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400, "ends with LF alone"),
    ("chunk ends with LF", CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400, "the byte 0x0a where CR is expected"),
    ("chunk too long", CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400, "the byte 0x64 where CR is expected"),
    ("chunk ends with CR x", CHUNKED + b"3\r\nabc\rx0\r\n\r\n", 400, "the byte 0x78 where LF is expected"),
    ("NUL in extension", CHUNKED + b"3;a=\x00\r\nabc\r\n0\r\n\r\n", 400, "extensions hold the byte 0x00"),
    ("CR in extension", CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n", 400, "extensions hold the byte 0x0d"),
    ("LF in extension", CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n", 400, "ends with LF alone"),
    ("LF after last chunk", CHUNKED + b"0\r\n\n", 400, "line 1 of the trailer section ends with LF alone"),
    ("length in trailers", CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n", 400, "'Content-Length' in the trailer section"),
    ("coding in trailers", CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "in the trailer section"),
    ("host in trailers", CHUNKED + b"0\r\nhost: b\r\n\r\n", 400, "'host' in the trailer section"),
    ("trailer in trailers", CHUNKED + b"0\r\nTrailer: b\r\n\r\n", 400, "in the trailer section"),
    ("folded trailer", CHUNKED + b"0\r\nX: b\r\n c\r\n\r\n", 400, "field line 2 of the trailer section"),
    # ---- Host
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400, "missing Host"),
    ("no host in 1.2", b"GET / HTTP/1.2\r\n\r\n", 400, "missing Host"),
    ("two hosts", GET + b"Host: b\r\n\r\n", 400, "2 Host fields"),
    ("same host twice", GET + b"Host: a\r\n\r\n", 400, "2 Host fields"),
    *[
        (f"host {bad!r}", b"GET / HTTP/1.1\r\nHost: " + bad + b"\r\n\r\n", 400, "Host field is not valid")
        for bad in (
            b"a b|a/b|a@b|a:b|a:1:2|"
            b"a:99999|a:-1|a:000080|[::1|::1|[::1]x|[1]|[1:2:3:4:5:6:7]|[1:2:3:4:5:6:7:8:9]|[:::]|"
            b"[::1%25eth0]|[12345::]|[g::]|[::1.2.3]|[::1.2.3.256]|[1.2.3.4::]|[1::2::3]|%zz|a\xe9|http://a|[]|[v.x]|a,b?"
        ).split(b"|")
    ],
    # ---- request lines
    ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/2.0 is not supported"),
    ("HTTP/0.9", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "HTTP/0.9 is not supported"),
    ("HTTP/1.10", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "version 'HTTP/1.10'"),
    ("HTTP/1", b"GET / HTTP/1\r\nHost: a\r\n\r\n", 400, "version 'HTTP/1'"),
    ("http/1.1", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400, "version 'http/1.1'"),
    ("no version", b"GET /\r\nHost: a\r\n\r\n", 400, "1 spaces"),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "3 spaces"),
    ("space at the end", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "3 spaces"),
    ("tabs", b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, "0 spaces"),
    ("method no token", b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method 'G(T' is not a token"),
    ("long method no token", b"(" * 99 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "is not a token"),
    ("target with space", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "3 spaces"),
    ("target with tab", b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target holds the byte 0x09"),
    ("target with NUL", b"GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target holds the byte 0x00"),
    ("target not ASCII", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target holds the byte 0xc3"),
    ("empty target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400, "the target is empty"),
    ("target no path", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "neither a path nor an absolute URI"),
    ("authority with GET", b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "goes with CONNECT only"),
    ("* with GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "goes with OPTIONS only"),
    ("path with CONNECT", b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not host:port"),
    ("CONNECT without port", b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not host:port"),
    ("CONNECT without host", b"CONNECT :1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not host:port"),
    ("CONNECT empty port", b"CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not host:port"),
    ("absolute without host", b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no valid host"),
    ("absolute, only port", b"GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no valid host"),
    ("absolute, no authority", b"GET http:x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no valid host"),
    ("absolute with password", b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no valid host"),
    ("TLS", b"\x16\x03\x01\x02\x00", 400, "byte 0x16; is the peer speaking TLS"),
    ("space first", b" GET / HTTP/1.1\r\n", 400, "byte 0x20"),
    ("two empty lines", b"\r\n\r\n" + GET + b"\r\n", 400, "byte 0x0d"),
    ("CR and something", b"\rG", 400, "byte 0x0d"),
    ("LF first", b"\nGET", 400, "byte 0x0a"),
]
TAKEN: list[tuple[str, bytes, list[str]]] = [
    ("plain", GET + b"\r\n", ["Request", "EndOfMessage"]),
    ("empty line first", b"\r\n" + GET + b"\r\n", ["Request", "EndOfMessage"]),
    ("empty line between", GET + b"\r\n\r\n" + GET + b"\r\n", ["Request", "EndOfMessage"] * 2),
    ("length", POST + b"Content-Length: 3\r\n\r\nabc", ["Request", "Data", "EndOfMessage"]),
    ("chunked", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", ["Request", "Data", "EndOfMessage"]),
    ("Chunked", POST + b"transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", ["Request", "EndOfMessage"]),
    ("16 digits", CHUNKED + b"0" * 15 + b"3\r\nabc\r\n0\r\n\r\n", ["Request", "Data", "EndOfMessage"]),
    ("extensions", CHUNKED + b'3;a;b=c; d="e f"\r\nabc\r\n0;x\r\n\r\n', ["Request", "Data", "EndOfMessage"]),
    ("trailers", CHUNKED + b"0\r\nX: y\r\nZ: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", ["Request", "EndOfMessage"]),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("absolute", b"GET http://a:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("other scheme", b"GET urn:x HTTP/1.1\r\nHost: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("CONNECT", b"CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("own method", b"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", ["Request", "EndOfMessage"]),
    ("obs-text and tab", GET + b"X: \xe9\ta\r\n\r\n", ["Request", "EndOfMessage"]),
    ("repeated lists", GET + b"Connection: a\r\nConnection: b\r\n\r\n", ["Request", "EndOfMessage"]),
    *[
        (f"host {good!r}", b"GET / HTTP/1.1\r\nHost: " + good + b"\r\n\r\n", ["Request", "EndOfMessage"])
        for good in (
            b"|a.example:8080|127.0.0.1|[::1]|[::1]:80|[1:2:3:4:5:6:7:8]|[::ffff:1.2.3.4]|[1::]|[::]|[1:2:3:4:5:6:1.2.3.4]|"
            b"[v1.x:y]|a%20b|a_b|a:|a:65535|[1:2:3:4:5:6:7::]|[::1.2.3.4]"
        ).split(b"|")
    ],
]


@pytest.mark.covers("D4")
@pytest.mark.parametrize(("stream", "hint", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_strict_server_refuses(stream: bytes, hint: int, text: str) -> None:
    told = tell(h1, server(strict=True), [stream])
    slowly = tell(h1, server(strict=True), [stream[i : i + 1] for i in range(len(stream))])

    assert (slowly.events, slowly.error, slowly.text) == (told.events, told.error, told.text)
    assert told.error == ("RemoteProtocolError", hint)
    assert text in told.text
    assert told.states[1] == "ERROR"


@pytest.mark.parametrize(("stream", "events"), [case[1:] for case in TAKEN], ids=[case[0] for case in TAKEN])
def test_a_strict_server_takes(stream: bytes, events: list[str]) -> None:
    told = tell(h1, server(strict=True), [stream])
    slowly = tell(h1, server(strict=True), [stream[i : i + 1] for i in range(len(stream))])

    assert told.error is None, told.text
    assert [event[0] for event in told.events] == events
    assert (slowly.events, slowly.error) == (told.events, None)


def test_a_bare_cr_before_a_later_request_is_refused_at_once() -> None:
    connection = h1.Connection(h1.SERVER, strict=True)
    for piece in (GET, b"\r\n", b"\r"):
        connection.receive_data(piece)
        connection.receive_head()
    connection.send_message(h1.Response(status_code=204))
    connection.start_next_cycle()
    assert connection.receive_head() is h1.NEED_DATA
    connection.receive_data(b"G")

    with pytest.raises(h1.RemoteProtocolError, match="0x0d"):
        connection.receive_head()


def test_trailers_are_not_merged_into_the_head() -> None:
    told = tell(h1, server(strict=True), [CHUNKED + b"0\r\nX: y\r\n\r\n"])

    assert told.events[0][4] == [(b"Host", b"a"), (b"Transfer-Encoding", b"chunked")]
    assert told.events[1] == ("EndOfMessage", [(b"X", b"y")])


@pytest.mark.parametrize("name", [b"Authorization", b"Cookie", b"X-Token"])
def test_errors_never_tell_values(name: bytes) -> None:
    told = tell(h1, server(strict=True), [GET + name + b": swordfish\x00tuna\r\n\r\n"])

    assert name.decode() in told.text
    assert "swordfish" not in told.text
    assert "tuna" not in told.text


# ---------------------------------------------------------------- clients and their quirks

QUIRK_CASES: list[tuple[str, bytes, list[Any]]] = [
    ("bare_lf", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", []),
    ("bare_lf", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\n", []),
    ("bare_lf", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\n", [(b"X", b"y")]),
    ("chunk_size_whitespace", OK + b"Transfer-Encoding: chunked\r\n\r\n0 \t\r\n\r\n", []),
    ("control_bytes", OK + b"Content-Length: 0\r\nX: a\x01\r\n\r\n", []),
    ("control_bytes", b"HTTP/1.1 200 \x01\r\nContent-Length: 0\r\n\r\n", []),
    ("control_bytes", OK + b"Transfer-Encoding: chunked\r\n\r\n0;\x01\r\n\r\n", []),
    ("http10_chunked", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []),
    ("length_and_chunked", OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []),
    ("missing_reason", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", []),
    ("obs_fold", OK + b"Content-Length: 0\r\nX: a\r\n  b\r\n\r\n", []),
    ("repeated_length", OK + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", []),
    ("repeated_length", OK + b"Content-Length: 0, 0\r\n\r\n", []),
    ("space_before_colon", OK + b"Content-Length \t: 0\r\n\r\n", []),
    (
        "trailer_fields",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Type: y\r\n\r\n",
        [(b"Content-Type", b"y")],
    ),
]


@pytest.mark.covers("D4")
@pytest.mark.parametrize(("quirk", "stream", "trailers"), QUIRK_CASES)
def test_a_quirk_is_taken_only_where_it_is_named(quirk: str, stream: bytes, trailers: list[Any]) -> None:
    strict = tell(h1, client(strict=True, lenient=set(h1.QUIRKS) - {quirk}), [stream], ask=("GET", ""))
    lenient = tell(h1, client(strict=True, lenient={quirk}), [stream], ask=("GET", ""))

    assert strict.error is not None
    assert lenient.error is None, lenient.text
    assert [event[0] for event in lenient.events] == ["Response", "EndOfMessage"]
    assert lenient.events[1] == ("EndOfMessage", trailers)


def test_every_quirk_has_a_case_and_a_reason() -> None:
    assert {quirk for quirk, _, _ in QUIRK_CASES} == set(h1.QUIRKS)
    assert all(h1.QUIRKS.values())


def test_quirks_do_not_make_conflicts_good() -> None:
    stream = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"

    told = tell(h1, client(strict=True, lenient=h1.QUIRKS), [stream], ask=("GET", ""))

    assert told.error is not None
    assert "conflicting Content-Length" in told.text


def test_servers_are_never_lenient() -> None:
    with pytest.raises(ValueError, match="lenient= is for clients"):
        h1.Connection(h1.SERVER, lenient={"bare_lf"})


def test_unknown_quirks_are_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        h1.Connection(h1.CLIENT, lenient={"nonsense"})


@pytest.mark.covers("D4")
@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (b"HTTP/1.1 200 O\x00K\r\n\r\n", "reason holds the byte 0x00"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP/2.0 is not supported"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 099 OK\r\n\r\n", "illegal status code 099"),
        (b"ICY 200 OK\r\n\r\n", "version 'ICY'"),
        (b"HTTP/1.1 200\r\n\r\n", "no space after the status code"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "no response begins with the byte 0x0d"),
        (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", "more than one Content-Length"),
    ],
)
def test_a_strict_client_refuses(stream: bytes, text: str) -> None:
    told = tell(h1, client(strict=True), [stream], ask=("GET", ""))

    assert told.error is not None
    assert text in told.text


def test_a_strict_client_does_not_send_two_framings() -> None:
    connection = h1.Connection(h1.CLIENT, strict=True)
    headers = [("Host", "a"), ("Content-Length", "3"), ("Transfer-Encoding", "chunked")]

    with pytest.raises(h1.LocalProtocolError, match="both Content-Length and Transfer-Encoding"):
        connection.send(h1.Request(method="PUT", target="/", headers=headers))


@pytest.mark.covers("S3.15")
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("status", [100, 103])
def test_which_informational_response_ends_the_waiting_for_continue(strict: bool, status: int) -> None:
    asking = h1.Connection(h1.CLIENT, strict=strict)
    answering = h1.Connection(h1.SERVER, strict=strict)
    headers = [("Host", "a"), ("Content-Length", "1"), ("Expect", "100-continue")]
    answering.receive_data(asking.send(h1.Request(method="PUT", target="/", headers=headers)))
    answering.next_event()
    assert answering.they_are_waiting_for_100_continue

    asking.receive_data(answering.send(h1.InformationalResponse(status_code=status)))
    asking.next_event()

    still = strict and status != 100
    assert answering.they_are_waiting_for_100_continue is still
    assert asking.client_is_waiting_for_100_continue is still

    asking.receive_data(answering.send(h1.Response(status_code=417)))
    asking.next_event()

    assert not answering.they_are_waiting_for_100_continue
    assert not asking.client_is_waiting_for_100_continue


@pytest.mark.parametrize("strict", [False, True])
def test_an_upgrade_in_http_1_0_is_strictly_not_seen(strict: bool) -> None:
    connection = h1.Connection(h1.SERVER, strict=strict)
    connection.receive_data(b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n")

    connection.receive_head()

    assert connection.their_state is (h1.MUST_CLOSE if strict else h1.MIGHT_SWITCH_PROTOCOL)
