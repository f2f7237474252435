"""The same bytes have the same outcome however they were cut: events, error, its text and hint, and states."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from h1_kit import PLACES, Told, client, cut, server, streams, tell
from hypothesis import given, settings, strategies as st

from trio_http import h1

TIGHT = h1.Limits(target=12, head=90, header_count=4, chunk_line=20, chunk_extensions=8, trailers=20, trailer_count=2)
NONE = h1.Limits(
    target=None, head=None, header_count=None, chunk_line=None, chunk_extensions=None, trailers=None, trailer_count=None
)
SERVERS: dict[str, Callable[[], h1.Connection]] = {
    "default": server(),
    "default, small": server(max_incomplete_event_size=60),
    "default, tight": server(limits=TIGHT),
    "strict": server(strict=True),
    "strict, tight": server(strict=True, limits=TIGHT),
    "strict, limits": server(strict=True, limits=h1.Limits()),
    "strict, no limits": server(strict=True, limits=NONE),
}
CLIENTS: dict[str, Callable[[], h1.Connection]] = {
    "default": client(),
    "default, tight": client(limits=TIGHT),
    "strict": client(strict=True),
    "strict, tight": client(strict=True, limits=TIGHT),
    "every quirk": client(strict=True, lenient=h1.QUIRKS, limits=TIGHT),
    "some quirks": client(strict=True, lenient={"bare_lf", "obs_fold", "trailer_fields"}),
}


def outcome(told: Told) -> tuple[object, ...]:
    # our own state depends on when the kit came to answer
    return (told.events, told.error, told.text, told.states[1])


@pytest.mark.parametrize("make", SERVERS.values(), ids=SERVERS)
@settings(max_examples=100, deadline=None)
@given(stream=streams(responses=False), places=PLACES, eof=st.booleans())
def test_servers_do_not_see_the_cuts(
    make: Callable[[], h1.Connection], stream: bytes, places: list[int], eof: bool
) -> None:
    whole = outcome(tell(h1, make, [stream] if stream else [], eof=eof))

    assert outcome(tell(h1, make, cut(stream, places), eof=eof)) == whole
    assert outcome(tell(h1, make, [stream[i : i + 1] for i in range(len(stream))], eof=eof)) == whole


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
@settings(max_examples=100, deadline=None)
@given(
    stream=streams(responses=True),
    places=PLACES,
    eof=st.booleans(),
    ask=st.sampled_from([("GET", "")] * 4 + [("HEAD", ""), ("CONNECT", ""), ("GET", "a")]),
)
def test_clients_do_not_see_the_cuts(
    make: Callable[[], h1.Connection], stream: bytes, places: list[int], eof: bool, ask: tuple[str, str]
) -> None:
    whole = outcome(tell(h1, make, [stream] if stream else [], eof=eof, ask=ask))

    assert outcome(tell(h1, make, cut(stream, places), eof=eof, ask=ask)) == whole
    assert outcome(tell(h1, make, [stream[i : i + 1] for i in range(len(stream))], eof=eof, ask=ask)) == whole


@settings(max_examples=100, deadline=None)
@given(
    messages=st.lists(st.tuples(st.binary(max_size=40), st.sampled_from(["length", "chunked", "none"])), max_size=4),
    places=PLACES,
    strict=st.booleans(),
)
def test_what_is_sent_arrives(messages: list[tuple[bytes, str]], places: list[int], strict: bool) -> None:
    sender = h1.Connection(h1.CLIENT, strict=strict)
    receiver = h1.Connection(h1.SERVER, strict=strict)
    stream = b""
    sent: list[h1.Event] = []
    for body, framing in messages:
        headers = [("Host", "a"), ("X-Kept", "as Written")]
        if framing == "length":
            headers.append(("Content-Length", str(len(body))))
        elif framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        sent.append(h1.Request(method="PUT", target="/x", headers=headers))
        if body and framing != "none":
            sent.append(h1.Data(body))
        sent.append(h1.EndOfMessage(headers=[("T", "u")] if framing == "chunked" else None))
    expected = h1_told(sent)
    for event in sent:
        data = sender.send(event)
        stream += data or b""
        if type(event) is h1.EndOfMessage:
            sender.receive_data(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert type(sender.next_event()) is h1.Response
            assert type(sender.next_event()) is h1.EndOfMessage
            sender.start_next_cycle()

    told = tell(h1, lambda: receiver, cut(stream, places))

    assert told.error is None
    assert told.events == expected


def h1_told(events: list[h1.Event]) -> list[tuple[object, ...]]:
    told = Told()
    for event in events:
        told.add(event)
    return told.events
