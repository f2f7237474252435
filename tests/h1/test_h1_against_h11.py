"""The default profile and h11 tell the same about the same bytes, and write the same bytes for the same events.

Deliberate differences, which these tests leave out or take into account:

* Limits are judged on the bytes of a section, so a head that is too long in one piece is refused as it is in many
  (python-hyper/h11#182): ``test_h1_limits.py``.
* ``Data.chunk_start`` is true for the first bytes of a chunk even if its size line arrived before them; h11 forgets.
* Received bodies are ``bytes``, h11's are ``bytearray``; they compare equal.
* A truncated body raises IncompleteBody, which is a RemoteProtocolError.
* ``headers=None`` is no headers.
* A request at a time when the server does not wait for one is a ProtocolError; h11 raises AttributeError.
"""

from __future__ import annotations

from typing import Any

import h11
import pytest
from h1_kit import PLACES, cut, streams, tell
from hypothesis import example, given, settings, strategies as st

from trio_http import h1


@pytest.mark.covers("D1")
@settings(max_examples=600, deadline=None)
@given(stream=streams(responses=False), places=PLACES, eof=st.booleans())
@example(stream=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", places=[], eof=False)
def test_servers_tell_the_same(stream: bytes, places: list[int], eof: bool) -> None:
    pieces = cut(stream, places)

    ours = tell(h1, lambda: h1.Connection(h1.SERVER), pieces, eof=eof)
    theirs = tell(h11, lambda: h11.Connection(h11.SERVER), pieces, eof=eof)

    assert (ours.events, ours.error, ours.states) == (theirs.events, theirs.error, theirs.states)


@pytest.mark.covers("D1")
@settings(max_examples=600, deadline=None)
@given(
    stream=streams(responses=True),
    places=PLACES,
    eof=st.booleans(),
    ask=st.sampled_from([("GET", "")] * 4 + [("HEAD", ""), ("CONNECT", ""), ("GET", "a")]),
)
def test_clients_tell_the_same(stream: bytes, places: list[int], eof: bool, ask: tuple[str, str]) -> None:
    pieces = cut(stream, places)

    ours = tell(h1, lambda: h1.Connection(h1.CLIENT), pieces, eof=eof, ask=ask)
    theirs = tell(h11, lambda: h11.Connection(h11.CLIENT), pieces, eof=eof, ask=ask)

    assert (ours.events, ours.error, ours.states) == (theirs.events, theirs.error, theirs.states)


_HEADERS = st.lists(
    st.sampled_from(
        [
            tuple(line.split(":", 1))
            for line in [
                "Content-Length:3",
                "content-length:0",
                "Transfer-Encoding:chunked",
                "X:y",
                "Host:a",
                "Connection:close",
                "Upgrade:a",
                "x:",
                "Host:b",
                "Connection:keep-alive, x",
                "Connection:b, a",
                "Content-Length:3, 3",
                "Content-Length:x",
                "Transfer-Encoding:gzip",
                "X: y",
                "X y:z",
                "Expect:100-continue",
                "X:a\rb",
                "X:a\x01b",
                ":x",
                "X:a b",
            ]
        ]
    ),
    max_size=5,
)
_EVENTS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["GET", "POST", "HEAD", "CONNECT", "G T", ""]),
            "target": st.sampled_from(["/", "a:1", "", "/ "]),
            "headers": _HEADERS,
            "http_version": st.sampled_from(["1.1", "1.1", "1.0"]),
        }
    ).map(lambda fields: ("Request", fields)),
    st.fixed_dictionaries(
        {
            "status_code": st.sampled_from([200, 204, 304, 404, 100, 999, 1000, 101]),
            "headers": _HEADERS,
            "reason": st.sampled_from(["", "OK"]),
            "http_version": st.sampled_from(["1.1", "1.1", "1.0"]),
        }
    ).map(lambda fields: ("Response", fields)),
    st.fixed_dictionaries({"status_code": st.sampled_from([100, 101, 103, 200]), "headers": _HEADERS}).map(
        lambda fields: ("InformationalResponse", fields)
    ),
    st.sampled_from([b"abc", b"", b"abcd", b"x"]).map(lambda data: ("Data", {"data": data})),
    st.sampled_from([[], [], [("X", "y")], [("X", "y"), ("Host", "a")]]).map(
        lambda headers: ("EndOfMessage", {"headers": headers})
    ),
    st.just(("ConnectionClosed", {})),
)
_RECEIVED = {
    True: [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"!",
        b"",
    ],
    False: [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD / HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        b"abc",
        b"\x00",
        b"",
    ],
}


def _play(core: Any, is_client: bool, steps: list[Any]) -> list[Any]:
    """Do the steps on one connection and write down all that can be seen."""
    connection = core.Connection(core.CLIENT if is_client else core.SERVER)
    seen: list[Any] = []
    for step in steps:
        try:
            if step == "next cycle":
                connection.start_next_cycle()
            elif step == "failed":
                connection.send_failed()
            elif isinstance(step, int):
                connection.receive_data(_RECEIVED[is_client][step % len(_RECEIVED[is_client])])
                while (event := connection.next_event()) not in (core.NEED_DATA, core.PAUSED, core.ConnectionClosed()):
                    seen.append(type(event).__name__)
                seen.append(repr(event))
            else:
                name, fields = step
                seen.append(connection.send(getattr(core, name)(**fields)))
        except core.ProtocolError as error:
            # of two faults in what a user gives h11 may tell the other one
            local = isinstance(error, core.LocalProtocolError)
            seen.append("LocalProtocolError" if local else ("RemoteProtocolError", error.error_status_hint))
        except AttributeError:
            assert core is h11, "a request the server does not wait for: h11 stumbles over the text of its error"
            seen.append(("RemoteProtocolError", 400) if isinstance(step, int) else "LocalProtocolError")
        except RuntimeError:
            seen.append("RuntimeError")
        seen.append((repr(connection.states), connection.client_is_waiting_for_100_continue))
        seen.append((connection.they_are_waiting_for_100_continue, connection.their_http_version))
    return seen


@pytest.mark.covers("D1", "S3.3")
@settings(max_examples=800, deadline=None)
@given(
    is_client=st.booleans(),
    steps=st.lists(
        st.integers(0, 10) | st.integers(0, 10) | _EVENTS | st.sampled_from(["next cycle", "failed"]), max_size=7
    ),
)
def test_the_same_events_make_the_same_bytes_and_states(is_client: bool, steps: list[Any]) -> None:
    assert _play(h1, is_client, steps) == _play(h11, is_client, steps)


@pytest.mark.parametrize("method", ["GET", "HEAD", "CONNECT"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("status", [200, 204, 304, 500])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Length", "3")],
        [("Transfer-Encoding", "chunked"), ("X", "y")],
        [("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
        [("Connection", "keep-alive, B, a"), ("Content-Length", "3")],
        [("X", "y"), ("Host", "a"), ("Content-Length", "3")],
    ],
)
def test_heads_of_responses_are_the_same_on_the_wire(
    method: str, version: str, status: int, headers: list[tuple[str, str]]
) -> None:
    def head(core: Any) -> bytes:
        connection = core.Connection(core.SERVER)
        target = "a:1" if method == "CONNECT" else "/"
        connection.receive_data(f"{method} {target} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        connection.next_event()
        connection.next_event()
        head: bytes = connection.send(core.Response(status_code=status, headers=headers, reason="r"))
        return head + repr(connection.states).encode()

    assert head(h1) == head(h11)
