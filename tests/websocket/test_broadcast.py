"""A hub that never waits for the slowest: what each policy does to a slow peer, and that the others notice nothing."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from ws_pairs import by_hand, drain, end, pair

from trio_http import Client, Request, Response
from trio_http._errors import ConnectionClosed
from trio_http.websocket import Broadcast, WebSocketResponse, WebSocketTimeouts

pytestmark = pytest.mark.covers("A64")


async def test_everybody_gets_everything_in_order(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast()
    async with pair() as (one, a), pair() as (two, b), trio.open_nursery() as nursery:
        nursery.start_soon(hub.join, a)
        nursery.start_soon(hub.join, b)
        await trio.testing.wait_all_tasks_blocked()
        assert len(hub) == 2

        for i in range(10):
            assert hub.publish(str(i)) == 2

        for ws in (one, two):
            assert [await ws.receive() for _ in range(10)] == [str(i) for i in range(10)]
        nursery.cancel_scope.cancel()
    assert len(hub) == 0


async def test_who_leaves_is_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast()
    async with pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(hub.join, server)
        await trio.testing.wait_all_tasks_blocked()
        await client.close()
        await trio.testing.wait_all_tasks_blocked()
        assert len(hub) == 0
        assert hub.publish("into the void") == 0


@pytest.mark.parametrize("how", ["closed", "lost", "closed here"])
async def test_joining_ends_with_the_websocket_though_nothing_is_published(
    how: str, autojump_clock: trio.testing.MockClock
) -> None:
    hub = Broadcast()
    ours, peer = by_hand(timeouts=WebSocketTimeouts(close=1))
    async with ours as ws, trio.open_nursery() as nursery:
        await nursery.start(hub.join, ws)
        await trio.sleep(5)
        if how == "closed":
            await peer.send(8, b"\x03\xe8")
        elif how == "lost":
            await peer.stream.aclose()
        else:
            nursery.start_soon(ws.close)
        await trio.testing.wait_all_tasks_blocked()
        assert len(hub) == 0
    assert trio.current_time() <= 6


async def test_a_hub_that_rests_does_not_keep_who_has_left(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast()

    async def handler(request: Request) -> Response:
        return WebSocketResponse(hub.join)

    async with Client(app=handler) as client, client.websocket("http://app.test/"):
        await trio.testing.wait_all_tasks_blocked()
        assert len(hub) == 1
    assert trio.current_time() == 0
    assert len(hub) == 0


def slow_peer(**options: Any) -> tuple[Any, trio.abc.Stream]:
    """A WebSocket whose peer takes nothing until it is read from."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    return end(ours, **options), theirs


async def test_a_slow_peer_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast(queue=5, policy="close")
    block, theirs = slow_peer(timeouts=WebSocketTimeouts(close=1))
    async with block as slow, pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(hub.join, slow)
        nursery.start_soon(hub.join, server)
        await trio.testing.wait_all_tasks_blocked()
        before = trio.current_time()

        for i in range(20):
            hub.publish(str(i))
            assert await client.receive() == str(i)

        assert trio.current_time() == before
        await trio.testing.wait_all_tasks_blocked()
        assert len(hub) == 1
        with pytest.raises(ConnectionClosed):
            await slow.receive()
        await theirs.aclose()
        nursery.cancel_scope.cancel()


async def test_a_slow_peer_misses_the_oldest(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast(queue=5)
    missed = []
    async with pair() as (client, server), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def join() -> None:
            missed.append(await hub.join(server, policy="drop"))

        await trio.testing.wait_all_tasks_blocked()
        for i in range(20):  # in one go: nobody else runs between
            assert hub.publish(str(i)) == 1

        assert [await client.receive() for _ in range(5)] == ["15", "16", "17", "18", "19"]
        await client.close()
        hub.publish("x")
        await trio.testing.wait_all_tasks_blocked()

    assert missed == [15]


async def test_a_peer_that_is_too_slow_for_one_moment_is_closed_with_1008(
    autojump_clock: trio.testing.MockClock,
) -> None:
    hub = Broadcast(queue=2)
    async with pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(hub.join, server)
        await trio.testing.wait_all_tasks_blocked()
        for i in range(4):
            hub.publish(str(i))
        with pytest.raises(ConnectionClosed, match="1008: too slow: 2 messages were waiting"):
            await drain(client)


@pytest.mark.parametrize("options", [{"queue": 0}, {"policy": "wait"}])
def test_nonsense_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="give"):
        Broadcast(**options)


async def test_start_returns_once_a_peer_has_joined(autojump_clock: trio.testing.MockClock) -> None:
    hub = Broadcast()

    async with pair() as (client, server), trio.open_nursery() as nursery:
        await nursery.start(hub.join, server)
        assert hub.publish("from the first moment") == 1
        assert await client.receive() == "from the first moment"
        nursery.cancel_scope.cancel()
