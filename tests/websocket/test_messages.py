"""Sending and receiving messages, and the end of a WebSocket as its user sees it."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from ws_pairs import AGREED, by_hand, end, pair

from trio_http import DecodingError, LocalProtocolError
from trio_http._errors import ConnectionClosed
from trio_http.websocket import WebSocketLimits, WebSocketTimeouts


@pytest.mark.covers("A55")
@pytest.mark.parametrize("deflate", [None, AGREED], ids=["plain", "deflate"])
@pytest.mark.parametrize(
    "message",
    ["", "text", "ä" * 70000, b"", b"bytes", bytes(200_000)],
    ids=lambda value: f"{type(value).__name__}{len(value)}",
)
async def test_messages_keep_their_type(
    message: str | bytes, deflate: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with pair(deflate=deflate) as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(client.send, message)
        there = await server.receive()
        nursery.start_soon(server.send, there)
        back = await client.receive()

    assert (there, back) == (message, message)
    assert type(back) is type(message)


@pytest.mark.parametrize("message", [bytearray(b"abc"), memoryview(b"abc")], ids=["bytearray", "memoryview"])
async def test_all_kinds_of_bytes_are_sent(message: bytearray, autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        await client.send(message)
        assert await server.receive() == b"abc"


async def test_what_is_no_message_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        with pytest.raises(TypeError, match="send_json"):
            await client.send({"a": 1})  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError, match="surrogates"):
            await client.send("\ud800")
        await client.send("still open")
        assert await server.receive() == "still open"


@pytest.mark.covers("A55")
async def test_json(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        await client.send_json({"ä": [1, None]})
        assert await server.receive() == '{"ä":[1,null]}'
        await client.send(b'{"a":1}')
        assert await server.receive_json() == {"a": 1}
        await client.send("{")
        with pytest.raises(DecodingError, match="not JSON"):
            await server.receive_json()
        assert server.is_open


@pytest.mark.covers("A61")
@pytest.mark.parametrize("code", [1000, 1001])
async def test_iteration_ends_on_a_normal_close(code: int, autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server), trio.open_nursery() as nursery:
        await client.send("one")
        await client.send("two")
        nursery.start_soon(client.close, code, "done")
        received = [message async for message in server]

    assert received == ["one", "two"]
    assert (server.close_code, server.close_reason) == (code, "done")
    assert (client.close_code, client.close_reason) == (code, "done")
    assert not server.is_open


@pytest.mark.covers("A61")
async def test_iteration_raises_on_any_other_close(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(client.close, 4321, "because")
        with pytest.raises(ConnectionClosed, match="4321: because") as caught:
            async for _ in server:
                pass

    assert (caught.value.code, caught.value.reason) == (4321, "because")


async def test_a_close_without_a_code_ends_the_iteration(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    async with ours as ws:
        await peer.send(8)
        assert [message async for message in ws] == []
        assert ws.close_code == 1005
        assert await peer.receive() == (0x88, b"")


async def test_a_lost_connection_is_1006(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    async with ours as ws:
        await peer.send(1, b"last words")
        await peer.stream.aclose()
        assert await ws.receive() == "last words"
        with pytest.raises(ConnectionClosed, match="1006"):
            await ws.receive()
        with pytest.raises(ConnectionClosed, match="1006"):
            await ws.send("x")
        with pytest.raises(ConnectionClosed, match="1006"):
            await ws.ping()


async def test_what_was_sent_before_closing_is_received_after_it(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    async with ours as ws:
        for i in range(3):
            await peer.send(1, b"%d" % i)
        await peer.send(8, b"\x03\xe8")
        await peer.close_frame()
        assert [message async for message in ws] == ["0", "1", "2"]


async def test_closing_twice_does_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        await client.close(4000, "first")
        await client.close(4001, "second")
        await server.close(4002, "third")

        assert client.close_code == server.close_code == 4000


@pytest.mark.parametrize("code", [999, 1005, 1006, 1015, 2999, 5000])
async def test_codes_that_may_not_travel_are_refused(code: int, autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, _):
        with pytest.raises(LocalProtocolError, match=str(code)):
            await client.close(code)
        assert client.is_open


@pytest.mark.covers("A61")
async def test_closing_waits_for_the_peer_no_longer_than_its_deadline(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(timeouts=WebSocketTimeouts(close=3))
    async with ours as ws:
        before = trio.current_time()
        await ws.close(1000)
        assert trio.current_time() - before == 3
        assert await peer.close_frame() == (1000, "")
        assert await peer.receive() is None


async def test_messages_that_cross_our_close_frame_are_dropped(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=WebSocketLimits(queue=1))
    async with ours as ws, trio.open_nursery() as nursery:
        for _ in range(5):
            await peer.send(1, b"late")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ws.close)
        assert await peer.close_frame() == (1000, "")
        await peer.send(9, b"nobody answers this any more")
        await peer.send(8, b"\x03\xe8")
        assert await peer.receive() is None

    assert trio.current_time() < 1


async def test_another_task_is_told_of_our_close(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, _), trio.open_nursery() as nursery:

        async def iterate() -> None:
            assert [message async for message in client] == []
            assert client.close_code == 1000

        async def wait_for_pong() -> None:
            with pytest.raises(ConnectionClosed):
                await client.ping()

        nursery.start_soon(iterate)
        nursery.start_soon(wait_for_pong)
        await client.close()


# ---------------------------------------------------------------- typed


@pytest.mark.parametrize(("method", "sent"), [("receive_text", b"bytes"), ("receive_bytes", "text")])
async def test_a_message_of_the_wrong_kind_closes_with_1003(
    method: str, sent: str | bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with pair() as (client, server):
        await client.send(sent)
        with pytest.raises(ConnectionClosed, match="1003"):
            await getattr(server, method)()
        with pytest.raises(ConnectionClosed, match=r"1003.*understood"):
            await client.receive()


async def test_messages_of_the_right_kind_pass(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        await client.send("text")
        await client.send(b"bytes")
        assert await server.receive_text() == "text"
        assert await server.receive_bytes() == b"bytes"


# ---------------------------------------------------------------- pings


@pytest.mark.covers("A57")
async def test_ping_returns_the_latency(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    async with ours as ws, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def answer() -> None:
            found = await peer.receive()
            assert found is not None
            assert found[0] == 0x89
            await trio.sleep(0.25)
            await peer.send(10, found[1])

        assert await ws.ping() == 0.25
        await peer.stream.aclose()


async def test_pings_are_answered_while_nobody_receives(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    async with ours:
        for payload in (b"", b"one", b"x" * 125):
            await peer.send(9, payload)
            assert await peer.receive() == (0x8A, payload)
        await peer.stream.aclose()


async def test_a_ping_ends_with_the_connection(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    async with ours as ws, trio.open_nursery() as nursery:
        nursery.start_soon(peer.stream.aclose)
        with pytest.raises(ConnectionClosed, match="1006"):
            await ws.ping()


# ---------------------------------------------------------------- channels


async def test_channels_are_trio_channels(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        send, receive = client.channels()
        await send.send("there")
        assert await server.receive() == "there"
        await server.send(b"back")
        assert await receive.receive() == b"back"

        async with send:
            pass
        with pytest.raises(trio.ClosedResourceError):
            await send.send("x")
        assert client.is_open
        await server.send("one more")
        async with receive:
            assert await receive.receive() == "one more"
        assert client.close_code == 1000
        with pytest.raises(trio.ClosedResourceError):
            await receive.receive()
        _, other = server.channels()
        assert [message async for message in other] == []


async def test_channels_break_on_an_unusual_close(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        send, receive = client.channels()
        await server.close(4000, "no")
        with pytest.raises(trio.BrokenResourceError, match="4000"):
            await receive.receive()
        with pytest.raises(trio.BrokenResourceError, match="4000"):
            await send.send("x")


# ---------------------------------------------------------------- bounds


@pytest.mark.covers("A60")
async def test_nothing_is_read_while_the_queue_is_full(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    sent = 0
    async with end(ours, limits=WebSocketLimits(queue=3)) as server, end(theirs, client=True) as client:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def flood() -> None:
                    nonlocal sent
                    while True:
                        await client.send("x" * 100)
                        sent += 1

                await trio.sleep(10)
                held = sent
                assert 3 <= held <= 6
                for _ in range(4):
                    await server.receive()
                await trio.sleep(10)
                assert held < sent <= 10
                scope.cancel()


async def test_a_message_beyond_the_limit_is_refused_with_1009(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=WebSocketLimits(message=1000))
    async with ours as ws:
        await peer.stream.send_all(b"\x82\xfe\x03\xe9")  # the header alone
        code, reason = await peer.close_frame()
        assert code == 1009
        assert "1000" in reason
        with pytest.raises(ConnectionClosed, match="1009"):
            await ws.receive()


@pytest.mark.covers("A60")
async def test_a_peer_that_never_reads_meets_a_deadline(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with end(ours, timeouts=WebSocketTimeouts(write=7)) as ws:
        with pytest.raises(ConnectionClosed, match="no byte for 7 s"):
            await ws.send("x")
        assert trio.current_time() == pytest.approx(7)
        with pytest.raises(ConnectionClosed, match="no byte for 7 s"):
            await ws.receive()
    await theirs.aclose()


async def test_what_it_says_of_itself(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, _):
        assert repr(client) == "<WebSocket /ws: open>"
        assert client.close_code is client.close_reason is None
        await client.close(4000, "bye")
        assert repr(client) == "<WebSocket /ws: closed with 4000>"
        assert (client.close_code, client.close_reason) == (4000, "bye")


async def test_what_inherits_from_text_or_bytes_is_sent_as_such(autojump_clock: trio.testing.MockClock) -> None:
    class Name(str):
        pass

    class Data(bytes):
        pass

    async with pair() as (client, server):
        await client.send(Name("x"))
        await client.send(Data(b"y"))
        assert [await server.receive(), await server.receive()] == ["x", b"y"]


async def test_a_half_that_is_closed_twice_is_closed_once(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        send, receive = client.channels()
        await send.aclose()
        await send.aclose()
        assert client.is_open
        await receive.aclose()
        await receive.aclose()
        assert not client.is_open
        with pytest.raises(trio.ClosedResourceError):
            await receive.receive()
        with pytest.raises(trio.ClosedResourceError):
            await send.send("x")
        assert [message async for message in server] == []


async def test_the_message_that_found_no_room_is_lost_with_the_rest_when_we_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, peer = by_hand(limits=WebSocketLimits(queue=1), timeouts=WebSocketTimeouts(close=1))
    async with ours as ws:
        for number in range(4):
            await peer.send(1, b"%d" % number)
        assert await ws.receive() == "0"
        with trio.move_on_after(1):
            while True:
                await ws.receive()
        await ws.close()
        with pytest.raises(ConnectionClosed, match="1000"):
            await ws.receive()
