"""Server-sent events."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from tests.wires import serving
from trio_http import Request, Response
from trio_http.web import EventSender, EventStream, Router


async def stream_of(source: object, *, ping: float | None = None, **fields: str) -> list[bytes]:
    """What a source sends, chunk by chunk."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    response = EventStream(Request("GET", "/", headers=headers), source, ping=ping)  # type: ignore[arg-type]
    chunks: list[bytes] = []

    async def take(chunk: bytes) -> None:
        chunks.append(chunk)

    await response.outgoing.send_to(take)
    return chunks


@pytest.mark.covers("A49")
async def test_events_on_the_wire() -> None:
    async def source(events: EventSender) -> None:
        await events.send("one")
        await events.send("two\nlines\r\nor\rmore", event="news", id="7", retry=1.5)
        await events.send(json={"a": "é"})
        await events.send(id="")
        await events.send("")
        await events.comment("still here")

    assert await stream_of(source) == [
        b"data: one\n\n",
        b"event: news\nid: 7\nretry: 1500\ndata: two\ndata: lines\ndata: or\ndata: more\n\n",
        'data: {"a":"é"}\n\n'.encode(),
        b"id: \n\n",
        b"data: \n\n",
        b": still here\n\n",
    ]


@pytest.mark.covers("A49")
async def test_the_peer_says_where_it_left_off() -> None:
    async def source(events: EventSender) -> None:
        await events.send(json=events.last_event_id)

    assert await stream_of(source) == [b"data: null\n\n"]
    assert await stream_of(source, last_event_id="7") == [b'data: "7"\n\n']


def test_fields() -> None:
    async def source(events: EventSender) -> None: ...

    response = EventStream(Request("GET", "/"), source, headers={"x-a": "1"})

    assert isinstance(response, Response)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-a"] == "1"
    with pytest.raises(ValueError, match="ping"):
        EventStream(Request("GET", "/"), source, ping=0)


@pytest.mark.parametrize("arguments", [{"event": "a\nb"}, {"id": "a\rb"}, {"id": "a\0b"}, {"retry": -1.0}])
async def test_what_would_break_the_stream_is_refused(arguments: dict[str, object]) -> None:
    async def source(events: EventSender) -> None:
        await events.send("x", **arguments)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"must not be in it|at least 0"):
        await stream_of(source)


@pytest.mark.covers("A49")
async def test_pings_fill_silence(autojump_clock: trio.testing.MockClock) -> None:
    times: list[tuple[float, bytes]] = []
    began = trio.current_time()

    async def source(events: EventSender) -> None:
        await trio.sleep(25)
        await events.send("x")
        await trio.sleep(14)

    response = EventStream(Request("GET", "/"), source, ping=10)

    async def take(chunk: bytes) -> None:
        times.append((trio.current_time() - began, chunk))

    await response.outgoing.send_to(take)

    assert times == [(10, b":\n\n"), (20, b":\n\n"), (25, b"data: x\n\n"), (35, b":\n\n")]


async def test_an_error_of_the_source_comes_out_bare(autojump_clock: trio.testing.MockClock) -> None:
    async def source(events: EventSender) -> None:
        raise KeyError("mine")

    for ping in (None, 10):
        with pytest.raises(KeyError, match="mine"):
            await stream_of(source, ping=ping)


async def test_a_peer_that_is_gone_is_noticed_by_a_ping(autojump_clock: trio.testing.MockClock) -> None:
    ended: list[float] = []

    async def source(events: EventSender) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async def broken(chunk: bytes) -> None:
        raise trio.BrokenResourceError("gone")

    began = trio.current_time()
    response = EventStream(Request("GET", "/"), source, ping=10)
    with pytest.raises(trio.BrokenResourceError, match="gone"):
        await response.outgoing.send_to(broken)
    assert ended == [began + 10]


@pytest.mark.covers("A49")
async def test_events_leave_at_once_and_the_source_ends_with_its_peer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ended = trio.Event()
    router = Router()

    @router.get("/events")
    async def events(request: Request) -> Response:
        async def source(events: EventSender) -> None:
            try:
                number = 0
                while True:
                    await events.send(json=number)
                    number += 1
                    await trio.sleep(1)
            finally:
                ended.set()

        return EventStream(request, source)

    async with serving(router) as wires:
        async with wires.connect() as peer:
            await peer.send(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await peer.receive_until(b"\r\n\r\n")
            assert b"text/event-stream" in head
            for number in range(3):
                assert json.loads((await peer.receive_until(b"\n\n")).split(b"data: ")[1]) == number
            assert not ended.is_set()
        with trio.fail_after(10):
            await ended.wait()
