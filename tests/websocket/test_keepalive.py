"""Signs of life: pings to a silent peer, what counts as an answer, and what is forgiven. All in virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from ws_pairs import by_hand, pair

from trio_http._errors import ConnectionClosed
from trio_http.websocket import Keepalive, WebSocketLimits

FIVE = Keepalive(interval=5, timeout=3)

pytestmark = pytest.mark.covers("A58")


async def test_a_dead_peer_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(keepalive=FIVE)
    async with ours as ws:
        with pytest.raises(ConnectionClosed, match=r"1011: no pong for 3 s \(loop lag 0\.0 s\)"):
            await ws.receive()
        assert trio.current_time() == 8
        found = await peer.receive()
        assert found is not None
        assert found[0] == 0x89
        assert await peer.close_frame() == (1011, "no pong for 3 s (loop lag 0.0 s)")
        assert await peer.receive() is None


async def test_pongs_keep_a_silent_connection_open(autojump_clock: trio.testing.MockClock) -> None:
    async with pair(keepalive=FIVE) as (client, server):
        await trio.sleep(1000)
        assert client.is_open
        assert server.is_open
        await client.send("still here")
        assert await server.receive() == "still here"


async def test_any_byte_is_an_answer(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(keepalive=FIVE)
    async with ours as ws:
        for byte in b"\x81\xfe\x00\x80":  # the beginning of a message, a byte every other second, and no pong ever
            await trio.sleep(7)
            await peer.stream.send_all(bytes([byte]))
        await trio.sleep(7)
        assert ws.is_open
        await peer.stream.aclose()


async def test_traffic_makes_pings_needless(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(keepalive=FIVE)
    async with ours as ws, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def drain() -> None:
            assert len([message async for message in ws]) == 20

        for _ in range(20):
            await trio.sleep(4)
            await peer.send(1, b"x")
        await peer.send(8, b"\x03\xe8")
        assert await peer.receive() == (0x88, b"\x03\xe8")  # and no ping before it


async def test_it_goes_on_while_the_handler_is_busy(autojump_clock: trio.testing.MockClock) -> None:
    async with pair(keepalive=FIVE) as (client, server):
        await client.send("one")
        await client.send("two")
        await server.receive()
        await trio.sleep(100)  # the server's handler; messages wait in its queue, pings are answered
        assert client.is_open
        assert await server.receive() == "two"


async def test_the_clock_stands_still_while_our_own_queue_is_full(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(keepalive=FIVE, limits=WebSocketLimits(queue=1))
    async with ours as ws:
        await peer.send(1, b"one")
        await peer.send(1, b"two")
        await peer.send(1, b"three")
        await trio.sleep(100)  # our reader stands on "two"; that the peer's pong is not read is our fault
        assert ws.is_open
        assert [await ws.receive() for _ in range(3)] == ["one", "two", "three"]
        resumed = trio.current_time()
        with pytest.raises(ConnectionClosed, match="no pong"):
            await ws.receive()
        assert trio.current_time() - resumed <= 8


async def test_time_that_we_lost_ourselves_is_forgiven_and_named(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0
    ours, peer = by_hand(keepalive=FIVE)
    async with ours as ws:
        await trio.sleep(6)
        mock_clock.jump(30)  # as if a task had held the event loop from 6 to 36; the deadline was 8
        await trio.sleep(1)
        assert ws.is_open
        with pytest.raises(ConnectionClosed, match=r"no pong for \d+ s \(loop lag 28\.0 s\)"):
            await ws.receive()
        assert trio.current_time() == 36 + 28
    assert peer is not None


async def test_an_answer_that_waited_for_our_own_loop_counts(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0
    ours, peer = by_hand(keepalive=FIVE)
    async with ours as ws:
        await trio.sleep(6)
        found = await peer.receive()
        assert found is not None
        await peer.send(10, found[1])  # it lies there unread while the loop is held
        mock_clock.jump(30)
        await trio.sleep(2)
        assert ws.is_open
        await peer.stream.aclose()


async def test_nothing_ticks(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(keepalive=Keepalive(interval=3600, timeout=60))
    async with ours as ws, trio.open_nursery() as nursery:
        nursery.start_soon(ws.receive)
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().seconds_to_next_deadline

        await peer.send(10)
        await trio.testing.wait_all_tasks_blocked()
        after = trio.lowlevel.current_statistics().seconds_to_next_deadline

        assert before == pytest.approx(3600)
        assert after == pytest.approx(3600)
        nursery.cancel_scope.cancel()
        await peer.stream.aclose()


@pytest.mark.parametrize("options", [{"interval": 0}, {"timeout": -1}])
def test_nonsense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        Keepalive(**options)
