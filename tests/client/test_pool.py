"""Who gets which connection, who waits, and that nothing is ever lost; all in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import OK, Peer, answers, listen, run
from trio_http import Client, ClientLimits, ClientTimeouts
from trio_http.client import AttemptInfo, ClientInstrument, Phase
from trio_http.testing import VirtualNetwork


async def slow(peer: Peer) -> None:
    """Answer every request after a second."""
    while True:
        await peer.head()
        await trio.sleep(1)
        await peer.send(OK)


async def ask(client: Client, url: str, log: list[str], name: str) -> None:
    await client.get(url)
    log.append(name)


@pytest.mark.covers("B22", "B23")
def test_requests_beyond_the_limit_are_served_in_the_order_they_came() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, slow)
        log: list[str] = []
        async with Client(limits=ClientLimits(connections=1)) as client, trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(ask, client, "http://api/", log, str(number))
                await trio.testing.wait_all_tasks_blocked()
            assert [waiter.request for waiter in client.pool.waiters] == ["GET http://api/"] * 4
            assert [info.state for info in client.pool.connections] == ["active"]
        assert log == ["0", "1", "2", "3", "4"]
        assert len(peers) == 1
        assert trio.current_time() == 5

    run(main)


@pytest.mark.covers("B22")
def test_limit_per_origin_does_not_hold_up_others() -> None:
    async def main(net: VirtualNetwork) -> None:
        for host in ("a", "b"):
            await listen(net, slow, host=host)
        log: list[str] = []
        limits = ClientLimits(connections=3, per_origin=1)
        async with Client(limits=limits) as client, trio.open_nursery() as nursery:
            for name in ("a1", "a2", "a3", "b1"):
                nursery.start_soon(ask, client, f"http://{name[0]}/", log, name)
                await trio.testing.wait_all_tasks_blocked()
            assert len(client.pool.connections) == 2
        assert sorted(log[:2]) == ["a1", "b1"]
        assert log[2:] == ["a2", "a3"]

    run(main)


@pytest.mark.covers("B22")
def test_no_origin_starves_while_another_keeps_the_slots_busy() -> None:
    async def main(net: VirtualNetwork) -> None:
        for host in ("a", "b"):
            await listen(net, slow, host=host)
        log: list[str] = []
        client = Client(limits=ClientLimits(connections=1), timeout=ClientTimeouts(pool=None))
        async with client, trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(ask, client, "http://a/", log, "a")
                await trio.testing.wait_all_tasks_blocked()
                if number == 2:
                    nursery.start_soon(ask, client, "http://b/", log, "b")
                    await trio.testing.wait_all_tasks_blocked()
        assert len(log) == 31
        assert 0 < log.index("b") <= 10  # at most 8 hand-overs go past it

    run(main)


@pytest.mark.covers("B22")
def test_idle_connection_of_another_origin_makes_room_the_longest_idle_first() -> None:
    async def main(net: VirtualNetwork) -> None:
        for host in ("a", "b", "c"):
            await listen(net, answers, host=host)
        async with Client(limits=ClientLimits(connections=2)) as client:
            for host in ("a", "b", "a", "c"):
                await client.get(f"http://{host}/")
                await trio.sleep(1)

            assert sorted(info.key for info in client.pool.connections) == ["http://a:80", "http://c:80"]

    run(main)


@pytest.mark.covers("B22")
def test_number_of_idle_connections_is_limited() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, slow)
        async with Client(limits=ClientLimits(idle=2)) as client:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(client.get, "http://api/")

            assert len(peers) == 5
            assert [info.state for info in client.pool.connections] == ["idle", "idle"]

    run(main)


def test_the_connection_used_last_is_used_first() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, slow)
        async with Client() as client:
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(client.get, "http://api/")
            for _ in range(5):
                await client.get("http://api/")

            assert sorted(info.requests for info in client.pool.connections) == [1, 1, 6]
        assert len(peers) == 3

    run(main)


def test_connection_the_server_has_closed_is_noticed_when_it_is_picked() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def once(peer: Peer) -> None:
            await peer.answer()

        peers = await listen(net, once)
        async with Client() as client:
            for _ in range(3):
                await client.get("http://api/")
                await trio.sleep(1)
        assert len(peers) == 3

    run(main)


def test_unasked_bytes_on_an_idle_connection_end_it() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def chatty(peer: Peer) -> None:
            await peer.answer()
            await trio.sleep(1)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
            await trio.sleep_forever()

        peers = await listen(net, chatty)
        async with Client() as client:
            for _ in range(2):
                assert (await client.get("http://api/")).content == b"ok"
                await trio.sleep(2)
        assert len(peers) == 2

    run(main)


@pytest.mark.parametrize("moment", ["waiting", "same-tick"])
def test_waiter_that_is_cancelled_passes_its_place_on(moment: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, slow)
        log: list[str] = []
        async with Client(limits=ClientLimits(connections=1)) as client, trio.open_nursery() as nursery:
            nursery.start_soon(ask, client, "http://api/", log, "first")
            await trio.testing.wait_all_tasks_blocked()
            scope = trio.CancelScope()

            async def victim() -> None:
                with scope:
                    await ask(client, "http://api/", log, "victim")

            nursery.start_soon(victim)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, client, "http://api/", log, "third")
            await trio.testing.wait_all_tasks_blocked()
            if moment == "waiting":
                scope.cancel()
            else:
                # the first one gives its connection to the victim in the tick in which the victim is cancelled
                scope.deadline = 1
        assert log == ["first", "third"]

    run(main)


def test_failed_opening_gives_its_slot_to_the_next() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        net.host("gone")
        errors: list[type[Exception]] = []

        async def fail() -> None:
            try:
                await client.get("http://gone/")
            except trio_http.ConnectError as error:
                errors.append(type(error))

        async with Client(limits=ClientLimits(connections=1)) as client, trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(fail)
            nursery.start_soon(client.get, "http://api/")
        assert errors == [trio_http.ConnectError] * 3

    run(main)


async def waiting(client: Client) -> None:
    await client.get("http://api/")


async def streaming(client: Client) -> None:
    async with client.stream("GET", "http://api/") as response:
        await response.read()


@pytest.mark.covers("B19")
@pytest.mark.parametrize("use", [waiting, streaming])
def test_leaving_the_block_ends_what_is_under_way(use: Callable[[Client], Awaitable[None]]) -> None:
    async def main(net: VirtualNetwork) -> None:
        ended: list[float] = []

        async def hang(peer: Peer) -> None:
            await peer.head()
            await peer.stream.receive_some()
            ended.append(trio.current_time())

        async def expect_error(client: Client) -> None:
            with pytest.raises(trio_http.PoolError, match=r"GET http://api/: the client was closed"):
                await use(client)

        await listen(net, hang)
        net.host("nowhere").drop_syn(80)
        async with trio.open_nursery() as nursery:
            async with Client(limits=ClientLimits(connections=2)) as client:

                async def connecting() -> None:
                    with pytest.raises(trio_http.PoolError, match=r"GET http://nowhere/: the client was closed"):
                        await client.get("http://nowhere/")

                nursery.start_soon(expect_error, client)
                nursery.start_soon(connecting)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(expect_error, client)  # this one waits for a slot
                await trio.sleep(1)
            assert client.pool.connections == []
        assert ended == [1]
        assert trio.current_time() == 1

    run(main)


@pytest.mark.covers("B23")
def test_pool_describes_itself() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, slow)
        async with Client() as client, trio.open_nursery() as nursery:
            nursery.start_soon(client.get, "http://api/x", name="a task")
            await trio.sleep(0.5)

            [info] = client.pool.connections
            assert (info.state, info.request, info.task) == ("active", "GET http://api/x", "a task")
            assert (info.since, info.age) == (0.5, 0.5)
            assert repr(client.pool) == "<Pool: 1 connections (0 idle), 0 requests waiting>"
            await trio.sleep(1)
            assert repr(client.pool) == "<Pool: 1 connections (1 idle), 0 requests waiting>"
            assert str(client.pool.connections[0]) == "idle connection to http://api:80 for 0.5 s"

    run(main)


def test_connection_that_opens_in_the_moment_of_closing_is_closed() -> None:
    class Closes(ClientInstrument):
        def phase_ended(self, attempt: AttemptInfo, phase: Phase, error: BaseException | None) -> None:
            if phase == "connect":
                client._core.pool.close()  # as another task may do between the connecting and the next step

    async def main(net: VirtualNetwork) -> None:
        nonlocal client
        peers = await listen(net, answers)
        async with Client(instruments=[Closes()]) as client:
            with pytest.raises(trio_http.PoolError, match=r"GET http://api/: the client was closed"):
                await client.get("http://api/")
            await trio.testing.wait_all_tasks_blocked()
            assert [peer.buffer for peer in peers] == [b""]
            assert [sock for sock in net.open_sockets if "on local" in repr(sock)] == []

    client = Client()
    run(main)
