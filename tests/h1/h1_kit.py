"""What the tests of the core share: feed bytes in pieces, tell what came out, in a form that two cores can agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from trio_http import h1

# "whichever core": trio_http.h1 or h11, which have the same names
Core = Any


@dataclass
class Told:
    """What a core told about a stream of bytes: events with bodies merged, the error, and the states at the end."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    error: tuple[str, int] | None = None
    text: str = ""
    states: tuple[str, str] = ("", "")

    def add(self, event: Any) -> None:
        name = type(event).__name__
        if name == "Data":
            if self.events and self.events[-1][0] == "Data":
                self.events[-1] = ("Data", self.events[-1][1] + bytes(event.data))
            else:
                self.events.append(("Data", bytes(event.data)))
        elif name == "Request":
            self.events.append((name, event.method, event.target, event.http_version, event.headers.raw_items()))
        elif name in {"Response", "InformationalResponse"}:
            items = event.headers.raw_items()
            self.events.append((name, event.status_code, event.reason, event.http_version, items))
        elif name == "EndOfMessage":
            self.events.append((name, event.headers.raw_items()))
        else:
            self.events.append((name,))


def drain(core: Core, connection: Any, told: Told, *, answer: bool) -> None:
    """Take all events there are; a server answers each request, so that pipelined ones are seen, too."""
    while True:
        event = connection.next_event()
        if event is core.PAUSED or event is core.NEED_DATA:
            if answer and connection.their_state in {core.DONE, core.MUST_CLOSE}:
                if connection.our_state is core.SEND_RESPONSE:
                    connection.send(core.Response(status_code=200, headers=[("Content-Length", "0")]))
                    connection.send(core.EndOfMessage())
                if connection.our_state is connection.their_state is core.DONE:
                    connection.start_next_cycle()
                    if event is core.PAUSED:
                        continue
            return
        told.add(event)
        if type(event) is core.ConnectionClosed:
            return


def tell(
    core: Core,
    make: Callable[[], Any],
    pieces: Iterable[bytes],
    *,
    eof: bool = False,
    ask: tuple[str, str] | None = None,
) -> Told:
    """Feed the pieces to a new connection; ``ask`` is the method and Upgrade field of a request to send first."""
    connection = make()
    told = Told()
    if ask is not None:
        method, upgrade = ask
        headers = [("Host", "a")] + ([("Upgrade", upgrade)] if upgrade else [])
        connection.send(core.Request(method=method, target="a:1" if method == "CONNECT" else "/", headers=headers))
        connection.send(core.EndOfMessage())
    try:
        drain(core, connection, told, answer=ask is None)
        for piece in pieces:
            connection.receive_data(piece)
            drain(core, connection, told, answer=ask is None)
        if eof:
            connection.receive_data(b"")
            drain(core, connection, told, answer=ask is None)
    except core.RemoteProtocolError as error:
        told.error = ("RemoteProtocolError", error.error_status_hint)
        told.text = str(error)
    told.states = (repr(connection.our_state), repr(connection.their_state))
    return told


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut ``data`` at the places, each taken modulo its length."""
    borders = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(borders)]


def server(**options: Any) -> Callable[[], h1.Connection]:
    return lambda: h1.Connection(h1.SERVER, **options)


def client(**options: Any) -> Callable[[], h1.Connection]:
    return lambda: h1.Connection(h1.CLIENT, **options)


# ---------------------------------------------------------------- nearly valid streams, for Hypothesis

PLACES = st.lists(st.integers(0, 10_000), max_size=12)

_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b""])
_STARTS = st.sampled_from(
    [b"GET / HTTP/1.1"] * 5
    + [b"POST /a?b#c HTTP/1.1"] * 5
    + [b"GET /a-long-target HTTP/1.1"]
    + [b"HEAD http://a/ HTTP/1.1", b"GET / HTTP/1.0", b"CONNECT a:1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET * HTTP/1.1"]
    + [b"GET / HTTP/2.0", b"GET / HTTP/1.2", b"GET / HTTP/0.9", b"GET / HTTP/1.10", b"GET /", b"GET  / HTTP/1.1", b""]
    + [
        b"G(T / HTTP/1.1",
        b"GET /\xe9 HTTP/1.1",
        b"GET /\t HTTP/1.1",
        b"GET / http/1.1",
        b" GET / HTTP/1.1",
        b"\x16\x03",
    ]
)
_STATUSES = st.sampled_from(
    [b"HTTP/1.1 200 OK"] * 8
    + [
        b"HTTP/1.1 404 ",
        b"HTTP/1.1 204 No",
        b"HTTP/1.1 304 x",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 100 Go",
        b"HTTP/1.1 101 ",
    ]
    + [b"HTTP/1.1 200", b"HTTP/1.1 099 x", b"HTTP/1.1 999 x", b"HTTP/1.1 2000 x", b"HTTP/1.1 20 x", b"HTTP/2.0 200 "]
    + [b"HTTP/1.1 200 O\x01K", b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 \xe9\t", b"HTTP/1.1  200 OK", b"ICY 200 OK", b""]
)
_FIELDS = st.sampled_from(
    [b"Host: a"] * 12
    + [b"Content-Length: 3", b"Content-Length: 0", b"content-length: 5", b"Transfer-Encoding: chunked"] * 4
    + [b"Connection: close", b"Connection: keep-alive", b"connection: a, Close ,b", b"Expect: 100-continue"] * 2
    + [
        b"Content-Length: 3, 3",
        b"Content-Length: +3",
        b"Content-Length: 3 3",
        b"Content-Length: ",
        b"Content-Length: 3,4",
    ]
    + [b"Content-Length: " + b"1" * 20, b"Content-Length: " + b"1" * 21, b"Content-Length: 0x3", b"Content-Length: -3"]
    + [b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: CHUNKED", b"Transfer-Encoding: identity"]
    + [b"Transfer-Encoding: chunked,", b"Transfer-Encoding:\tchunked\t", b"Transfer-Encoding : chunked"]
    + [
        b"X: y",
        b"X:",
        b"X: \t ",
        b"X-Y:z ",
        b" folded",
        b"\tfolded  ",
        b"X : y",
        b"X",
        b": y",
        b"X\x00: y",
        b"X: a\x00b",
    ]
    + [b"X: a\x01b", b"X: a\x0bb", b"X: a\rb", b"X: \xe9", b"X\xe9: y", b"Host: b", b"Upgrade: a, b", b"Upgrade: ,"]
    + [b"Host: [::1]:80", b"Host: a b", b"Host:", b"Trailer: X", b"X: y\x7f", b"X: a\x85", b"X: \x0c"]
)
_CHUNKS = st.sampled_from(
    [b"3\r\nabc\r\n", b"a\r\n0123456789\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"1;a=b\r\nx\r\n"] * 4
    + [
        b"003\r\nabc\r\n",
        b"A\r\n0123456789\r\n",
        b"3 \r\nabc\r\n",
        b"3\t \r\nabc\r\n",
        b"3 ;a\r\nabc\r\n",
        b"3;a \r\nabc\r\n",
    ]
    + [
        b"+3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"3_0\r\n",
        b" 3\r\nabc\r\n",
        b"\r\n",
        b"g\r\n",
        b"3\nabc\r\n",
        b"3\r\nabc\n",
    ]
    + [b"3\r\nabcd\r\n", b"3\r\nabc\rX", b"0" * 16 + b"\r\n\r\n", b"0" * 20 + b"\r\n\r\n", b"0" * 21 + b"\r\n\r\n"]
    + [
        b"3;\x00\r\nabc\r\n",
        b"3;a\nb\r\nabc\r\n",
        b"3;\r;\r\nabc\r\n",
        b"3;\x01\r\nabc\r\n",
        b"f" * 16 + b"\r\nabc",
        b"0\r\n",
    ]
    + [
        b"0\r\nContent-Length: 3\r\n\r\n",
        b"0\r\n X\r\n\r\n",
        b"0\r\n\n",
        b"0\r\nX: y\n\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\n\r",
    ]
    + [b"0\r\nTransfer-Encoding: x\r\n\r\n", b"0\r\nX:y\r\n z\r\n\r\n", b"0\r\nX\r\n\r\n"]
)
_BODIES = st.sampled_from([b"", b"", b"abc", b"abcde", b"\r\n", b"x"]) | st.lists(_CHUNKS, max_size=5).map(b"".join)


@st.composite
def streams(draw: st.DrawFn, *, responses: bool) -> bytes:
    """A stream of one to three messages that are valid, or nearly so."""
    stream = b""
    for _ in range(draw(st.integers(1, 3))):
        lines = [draw(_STATUSES if responses else _STARTS), *draw(st.lists(_FIELDS, max_size=6))]
        if not responses and draw(st.integers(0, 9)):
            lines.insert(1, b"Host: a")
        stream += b"".join(line + draw(_ENDS) for line in lines)
        stream += draw(_ENDS) + draw(_BODIES)
    return stream
