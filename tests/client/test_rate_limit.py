"""Requests to one server have their turns; in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import Peer, listen, run
from trio_http import Client, RateLimit, Retry
from trio_http.client import _rate_limit
from trio_http.testing import VirtualNetwork, for_each_cancel_point


def noting(times: list[float], *statuses: str) -> Any:
    """Answer each request, and note when it came."""
    left = list(statuses)

    async def script(peer: Peer) -> None:
        while True:
            await peer.head()
            times.append(trio.current_time())
            status = left.pop(0) if left else "200 OK"
            await peer.send(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return script


async def many(client: Client, count: int, **options: Any) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(lambda: client.get("http://api/", **options))


@pytest.mark.covers("B40")
@pytest.mark.parametrize(
    ("burst", "expected"),
    [(1, [0, 0.5, 1, 1.5, 2, 2.5]), (3, [0, 0, 0, 0.5, 1, 1.5]), (10, [0] * 6)],
)
def test_so_many_a_second_and_a_burst_after_a_time_of_quiet(burst: int, expected: list[float]) -> None:
    async def main(net: VirtualNetwork) -> None:
        times: list[float] = []
        await listen(net, noting(times))
        async with Client(on_request=[RateLimit(2, burst=burst)]) as client:
            await many(client, 6)
            assert times == expected
            await trio.sleep(100 - trio.current_time())
            times.clear()
            await many(client, 6)
            assert times == [100 + each for each in expected]

    run(main)


@pytest.mark.covers("B40")
def test_origins_are_apart_and_clients_may_share_one_rate() -> None:
    async def main(net: VirtualNetwork) -> None:
        times: list[float] = []
        for host in ("api", "other"):
            await listen(net, noting(times), host=host)
        limit = RateLimit(1)
        async with Client(on_request=[limit]) as one, Client(on_request=[limit]) as two:
            for client, url in ((one, "http://api/"), (one, "http://other/"), (two, "http://api/")):
                await client.get(url)
        assert times == [0, 0, 1]

    run(main)


@pytest.mark.covers("B40")
def test_retries_and_redirects_have_their_turns() -> None:
    async def main(net: VirtualNetwork) -> None:
        times: list[float] = []
        await listen(net, noting(times, "503 No\r\nRetry-After: 0", "302 Go\r\nLocation: /there"))
        async with Client(on_request=[RateLimit(0.1)], retry=Retry()) as client:
            assert (await client.get("http://api/")).status == 200
        assert times == [0, 10, 20]

    run(main)


@pytest.mark.covers("B40")
def test_turns_come_in_order_and_whoever_is_cancelled_takes_none_with_him() -> None:
    async def main(net: VirtualNetwork) -> None:
        times: list[float] = []
        await listen(net, noting(times))
        done: list[tuple[int, float]] = []
        async with Client(on_request=[RateLimit(1)]) as client, trio.open_nursery() as nursery:

            async def ask(number: int) -> None:
                with trio.move_on_after(0.5 if number in {1, 3} else 100):  # in its sleep, and in line
                    await client.get("http://api/")
                    done.append((number, trio.current_time()))

            for number in range(6):
                nursery.start_soon(ask, number)
                await trio.testing.wait_all_tasks_blocked()
        assert done == [(0, 0), (2, 1), (4, 2), (5, 3)]

    run(main)


@pytest.mark.covers("B40")
def test_turn_that_comes_too_late_is_refused_at_once() -> None:
    async def main(net: VirtualNetwork) -> None:
        times: list[float] = []
        await listen(net, noting(times))
        client = Client(on_request=[RateLimit(1, max_wait=3)])
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(many, client, 4)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio_http.PoolTimeout) as caught:
                await client.get("http://api/x")
            assert str(caught.value) == (
                "GET http://api/x: not sent, its turn would come in 4.0 s, and max_wait=3 "
                "(RateLimit(1, burst=1); 3 wait before it)"
            )
            await trio.sleep(1)
            with pytest.raises(trio_http.TotalTimeout, match=r"its turn would come in 3.0 s, after its 2 s in all"):
                await client.get("http://api/x", timeout=2)
            assert trio.current_time() == 1
            await client.get("http://api/", timeout=4)
        assert times == [0, 1, 2, 3, 4]

    run(main)


@pytest.mark.covers("B19", "B40")
def test_cancelled_at_every_checkpoint() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, noting([]))
        limit = RateLimit(2)
        async with Client(on_request=[limit]) as client:

            async def sound() -> None:
                assert [line.ahead for line in limit._lines.values()] in ([], [0])
                begun = trio.current_time()
                await client.get("http://api/")
                assert trio.current_time() - begun <= 0.5

            await for_each_cancel_point(lambda: many(client, 3), sound, report=False)

    run(main)


async def test_memory_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    limit = RateLimit(1000)
    for number in range(_rate_limit.ORIGINS_MAX * 3):
        await limit(trio_http.Request("GET", f"http://h{number}/"))
        await trio.sleep(0.0001)
    assert len(limit._lines) <= _rate_limit.ORIGINS_MAX + 1


@pytest.mark.parametrize("options", [{"rate": 0}, {"rate": "1"}, {"rate": 1, "burst": 0}, {"rate": 1, "max_wait": -1}])
def test_what_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        RateLimit(**options)
