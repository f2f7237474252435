"""Server-sent events: what an event is, and what happens when the connection ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, listen, run
from trio_http import Client, ClientTimeouts
from trio_http.client import ServerSentEvent
from trio_http.testing import Chunks, VirtualNetwork

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def sending(*pieces: bytes, heads: list[bytes] | None = None, pause: float = 0) -> Any:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        if heads is not None:
            heads.append(head)
        await peer.send(HEAD)
        for piece in pieces:
            await trio.sleep(pause)
            await peer.send(piece)

    return script


@pytest.mark.covers("B10")
@pytest.mark.parametrize("bytewise", [True, False])
@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [ServerSentEvent("a")]),
        (b"data: a\r\ndata:b\r\n\r\n", [ServerSentEvent("a\nb")]),
        (b"data: a\rdata: b\r\r", [ServerSentEvent("a\nb")]),
        (b"\xef\xbb\xbfdata: \xc3\xbc\n\n", [ServerSentEvent("ü")]),
        (b": comment\n\ndata: a\n\n", [ServerSentEvent("a")]),
        (b"event: e\ndata: a\n\ndata: b\n\n", [ServerSentEvent("a", "e"), ServerSentEvent("b")]),
        (b"id: 1\ndata: a\n\ndata: b\n\n", [ServerSentEvent("a", id="1"), ServerSentEvent("b", id="1")]),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [ServerSentEvent("a", id="1"), ServerSentEvent("b")]),
        (b"data\n\ndata: a\n", [ServerSentEvent("")]),
        (b"retry: 1500\ndata: a\n\n", [ServerSentEvent("a", retry=1.5)]),
        (b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", [ServerSentEvent("a", retry=float("inf"))]),
        (b"data:  two spaces\nunknown: x\n\n", [ServerSentEvent(" two spaces")]),
        (b"event: e\n\ndata: a\n\n", [ServerSentEvent("a")]),
    ],
)
def test_format(stream: bytes, events: list[ServerSentEvent], bytewise: bool) -> None:
    async def main(net: VirtualNetwork) -> None:
        if bytewise:
            net.chunks = Chunks.bytewise()
        await listen(net, sending(stream))
        async with Client() as client, client.sse("http://api/", attempts=1) as source:
            assert [event async for event in source] == events

    run(main)


@pytest.mark.covers("B10")
def test_connects_again_from_the_last_event_until_204() -> None:
    heads: list[bytes] = []

    async def gone(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def main(net: VirtualNetwork) -> None:
        await listen(
            net,
            sending(b"retry: 2000\nid: 1\ndata: a\n\n", heads=heads),
            sending(b"id: 2\ndata: b\n\ndata: cut o", heads=heads),
            gone,
        )
        async with Client() as client, client.sse("http://api/", headers={"X-Mine": "1"}) as source:
            assert [event.data async for event in source] == ["a", "b"]
            assert trio.current_time() == 4

    run(main)
    assert b"Accept: text/event-stream\r\n" in heads[0]
    assert b"Last-Event-ID" not in heads[0]
    assert b"Last-Event-ID: 1\r\n" in heads[1]
    assert b"Last-Event-ID: 2\r\n" in heads[2]
    assert all(b"X-Mine: 1\r\n" in head for head in heads)


def test_gives_up_after_too_many_failures_in_a_row() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, sending(b"data: a\n\n"))
        async with Client() as client, client.sse("http://api/", attempts=3, backoff=1) as source:
            assert (await anext(source)).data == "a"
            net._hosts.by_name["api"].crash()
            with pytest.raises(trio_http.TransportError):
                await anext(source)

    run(main)


@pytest.mark.covers("B10")
def test_goes_on_without_end_where_that_is_wanted() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, sending(b"data: a\n\n"))
        async with Client() as client, client.sse("http://api/", attempts=None) as source:
            assert (await anext(source)).data == "a"
            net._hosts.by_name["api"].crash()
            with trio.move_on_after(80_000) as scope:  # 1,400 failures, a minute apart
                await anext(source)
            assert scope.cancelled_caught

    run(main)


@pytest.mark.covers("B10")
def test_server_that_wants_no_pause_is_not_asked_without_one_once_it_is_gone() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, sending(b"retry: 0\ndata: a\n\n"))
        async with Client() as client, client.sse("http://api/", attempts=5) as source:
            assert (await anext(source)).data == "a"
            net._hosts.by_name["api"].crash()
            with pytest.raises(trio_http.TransportError):
                await anext(source)
            assert trio.current_time() > 0.8  # 0.1 + 0.2 + 0.4 + 0.8, of each up to a fifth less

    run(main)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", trio_http.StatusError),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", trio_http.RemoteProtocolError),
    ],
)
def test_other_answers_are_errors_at_once(answer: bytes, error: type[Exception]) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(answer)

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(error, match=r"http://api/"):
                await client.sse("http://api/").__aenter__()

            assert [info.state for info in client.pool.connections if info.state != "idle"] == []

    run(main)


def test_time_in_all_ends_with_the_head_and_silence_is_no_fault() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, sending(b"data: a\n\n", b"data: b\n\n", pause=100))
        async with Client(timeout=5) as client, client.sse("http://api/", attempts=1) as source:
            assert [event.data async for event in source] == ["a", "b"]
            assert trio.current_time() == 200
        timeouts = ClientTimeouts(read=3)
        async with Client() as client, client.sse("http://api/", attempts=1, timeout=timeouts) as source:
            with pytest.raises(trio_http.ReadTimeout):
                await anext(source)

    run(main)


def test_data_as_json() -> None:
    assert ServerSentEvent('{"a": 1}').json() == {"a": 1}
    with pytest.raises(trio_http.DecodingError):
        ServerSentEvent("no").json()


@pytest.mark.covers("B9")
@pytest.mark.parametrize("bytewise", [True, False])
def test_lines_of_a_body(bytewise: bool) -> None:
    async def main(net: VirtualNetwork) -> None:
        if bytewise:
            net.chunks = Chunks.bytewise()

        async def script(peer: Peer) -> None:
            await peer.answer("a\r\nb\rü\n\nlast".encode())
            await peer.answer(b"x" * 100)

        await listen(net, script)
        async with Client() as client:
            async with client.stream("GET", "http://api/") as response:
                assert [line async for line in response.lines()] == ["a", "b", "ü", "", "last"]
            whole = await client.get("http://api/")
            with pytest.raises(trio_http.BodyTooLarge, match=r"max_line=10"):
                await anext(whole.lines(max_line=10))

    run(main)
