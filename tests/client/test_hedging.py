"""A slow request is sent once more, and the first answer counts; in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import OK, Peer, answers, chunks, listen, run, silence
from trio_http import Client, ClientLimits, ClientTimeouts
from trio_http.testing import VirtualNetwork, for_each_cancel_point


def after(seconds: float, body: bytes = b"ok") -> Callable[[Peer], Awaitable[None]]:
    """Answer each request after so many seconds."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.head()
            await trio.sleep(seconds)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    return script


@pytest.mark.covers("B40")
def test_second_try_beside_a_slow_first_one() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, silence, answers)
        async with Client() as client:
            response = await client.get("http://api/", hedge=0.5)

            assert response.content == b"ok"
            assert trio.current_time() == 0.5
            assert len(peers) == 2
            [info] = client.pool.connections  # that of the slow one is closed, the other one kept
            assert (info.state, info.requests) == ("idle", 1)

    run(main)


def test_quick_answer_needs_no_second_try() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, after(0.4))
        async with Client(hedge=0.5) as client:
            for _ in range(3):
                await client.get("http://api/")
        assert len(peers) == 1

    run(main)


@pytest.mark.covers("B40")
@pytest.mark.parametrize(
    ("method", "options", "tries"),
    [
        ("PUT", {"content": b"x"}, 2),
        ("POST", {"content": b"x"}, 1),
        ("POST", {"content": b"x", "headers": {"Idempotency-Key": "1"}}, 2),
        ("PUT", {"content": chunks(b"x")}, 1),  # cannot be sent twice
        ("GET", {"hedge": None}, 1),
    ],
)
def test_only_what_may_be_sent_twice_is(method: str, options: dict[str, Any], tries: int) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def slow(peer: Peer) -> None:
            await peer.until(b"x" if "content" in options else b"\r\n\r\n")
            await trio.sleep(2)
            await peer.send(OK)
            await trio.sleep_forever()

        peers = await listen(net, slow)
        async with Client(hedge=0.5) as client:
            assert (await client.request(method, "http://api/", **options)).status == 200
        assert trio.current_time() == 2
        assert len(peers) == tries

    run(main)


def test_first_try_may_still_win() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, after(1, b"first"), after(1, b"second"))
        async with Client() as client:
            assert (await client.get("http://api/", hedge=0.5)).content == b"first"
            assert trio.current_time() == 1
            async with client.stream("GET", "http://api/", hedge=0.5) as response:
                assert await response.read() == b"first"

    run(main)


@pytest.mark.covers("B40")
def test_failure_is_told_at_once_before_the_second_try_and_after_it_only_if_both_fail() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def breaks(peer: Peer) -> None:
            await peer.head()
            await trio.sleep(1)

        await listen(net, breaks, after(3), breaks, breaks)
        async with Client() as client:
            assert (await client.get("http://api/", hedge=0.5)).content == b"ok"
            assert trio.current_time() == 3.5
        async with Client() as client:
            with pytest.raises(trio_http.RemoteProtocolError, match=r"GET http://api/: the server closed"):
                await client.get("http://api/", hedge=0.5)
            assert trio.current_time() == 5
            with pytest.raises(trio_http.ConnectError):
                await client.get("http://nowhere/", hedge=100)
            assert trio.current_time() == 5

    run(main)


@pytest.mark.covers("B40")
def test_deadlines_span_both() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        async with Client(timeout=3) as client:
            with pytest.raises(trio_http.TotalTimeout):
                await client.get("http://api/", hedge=0.5)
            assert trio.current_time() == 3
        async with Client(timeout=ClientTimeouts(read=2)) as client:
            with pytest.raises(trio_http.ReadTimeout) as caught:
                await client.get("http://api/", hedge=0.5)
            assert trio.current_time() == 5.5  # the second has its own time to answer
            assert caught.value.limit == 2

    run(main)


@pytest.mark.covers("B40")
def test_server_that_is_slow_always_gets_few_more_requests() -> None:
    async def main(net: VirtualNetwork) -> None:
        count = 0

        async def slow(peer: Peer) -> None:
            nonlocal count
            while True:
                await peer.head()
                count += 1
                await trio.sleep(1)
                await peer.send(OK)

        await listen(net, slow)
        async with Client() as client:
            for _ in range(200):
                await client.get("http://api/", hedge=0.5)
        assert 200 + 20 <= count <= 200 + 20 + 11

    run(main)


@pytest.mark.covers("B19")
def test_hedged_request_cancelled_at_every_checkpoint() -> None:
    async def main(net: VirtualNetwork) -> int:
        await listen(net, after(1))

        async def hedged() -> None:
            await client.put("http://api/", content=b"x" * 100, hedge=0.5)
            async with client.stream("GET", "http://api/", hedge=0.5) as response:
                await response.read()

        async def sound() -> None:
            await trio.testing.wait_all_tasks_blocked()
            assert [info for info in client.pool.connections if info.state != "idle"] == []
            assert client.pool.waiters == []

        async with Client(limits=ClientLimits(connections=2), timeout=ClientTimeouts(idle=0.5)) as client:
            points = await for_each_cancel_point(hedged, sound, report=False)
        print(f"hedged: {len(points)} points")
        return len(points)

    assert run(main) > 10
