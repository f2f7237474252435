"""Each phase has its deadline, at its exact virtual time, with a text that explains it; the caller's scopes win."""

from __future__ import annotations

import ssl

import pytest
import trio

import trio_http
from tests.client.client_peers import OK, Peer, answers, chunks, listen, run, silence
from trio_http import Client, ClientLimits, ClientTimeouts
from trio_http.testing import CertificateAuthority, VirtualNetwork


@pytest.mark.covers("B17", "S1.15", "S2.56")
def test_connect_timeout() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api").drop_syn(80)
        async with Client(timeout=ClientTimeouts(connect=3)) as client:
            with pytest.raises(trio_http.ConnectTimeout) as caught:
                await client.get("http://api/x")

            assert trio.current_time() == 3
            assert (
                str(caught.value) == "GET http://api/x: no connection to api:80 within 3 s (ClientTimeouts.connect=3)"
            )
            assert (caught.value.phase, caught.value.limit) == ("connect", 3)
            assert isinstance(caught.value, TimeoutError)
            assert client.pool.connections == []

    run(main)


@pytest.mark.parametrize("start", [0.1, 0.3, 0.7, 1.1])  # 0.7 + 0.1 is a little less than 0.8
def test_connect_timeout_is_told_as_such_whatever_the_clock_says(start: float) -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api").drop_syn(80)
        await trio.sleep(start)
        async with Client(timeout=ClientTimeouts(connect=0.1)) as client:
            with pytest.raises(trio_http.ConnectTimeout, match=r"within 0\.1 s"):
                await client.get("http://api/x")
            assert trio.current_time() == start + 0.1

    run(main)


def test_slow_name_is_part_of_connecting() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api")
        net.dns.delay("api", 60)
        async with Client(timeout=ClientTimeouts(connect=3)) as client:
            with pytest.raises(trio_http.ConnectTimeout):
                await client.get("http://api/x")

            assert trio.current_time() == 3

    run(main)


@pytest.mark.covers("B17", "S2.36", "S2.57")
def test_read_timeout_for_the_head_and_within_the_body() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def slow_body(peer: Peer) -> None:
            await peer.head()
            await trio.sleep(4)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n", b"x" * 812)
            await trio.sleep_forever()

        await listen(net, silence, slow_body)
        async with Client(timeout=ClientTimeouts(read=5)) as client:
            with pytest.raises(trio_http.ReadTimeout) as caught:
                await client.get("http://api/x")

            assert trio.current_time() == 5
            assert str(caught.value) == (
                "GET http://api/x: no byte moved for 5 s (ClientTimeouts.read=5); "
                "no answer yet; 1st request on this connection"
            )
            with pytest.raises(trio_http.ReadTimeout) as caught:
                await client.get("http://api/x")

            assert trio.current_time() == 5 + 4 + 5
            assert "status 200 and 812 of 4096 bytes of the body had arrived" in str(caught.value)
            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B17")
def test_write_timeout() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        async with Client(timeout=ClientTimeouts(write=5)) as client:
            with pytest.raises(trio_http.WriteTimeout, match=r"PUT http://api/: the peer takes no bytes.*write"):
                await client.put("http://api/", content=b"x" * 1_000_000)

            assert trio.current_time() == 5
            with pytest.raises(trio_http.WriteTimeout):
                await client.put("http://api/", content=chunks(*[b"x" * 100_000] * 10))

            assert trio.current_time() == 10
            assert client.pool.connections == []

    run(main)


def test_silence_is_no_fault_while_our_body_is_still_going_out() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.until(b"0\r\n\r\n")
            await trio.sleep(4)
            await peer.send(OK)

        async def slow() -> object:
            for _ in range(10):
                await trio.sleep(3)
                yield b"x"

        await listen(net, script)
        async with Client(timeout=ClientTimeouts(read=5)) as client:
            response = await client.post("http://api/", content=slow())

        assert response.content == b"ok"
        assert trio.current_time() == 34

    run(main)


@pytest.mark.covers("B17", "B22", "B23")
def test_pool_timeout_says_who_holds_the_slots() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        client = Client(limits=ClientLimits(connections=1), timeout=ClientTimeouts(pool=2, read=60))
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(client.get, "http://user:secret@api/slow", name="the slow one")
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio_http.PoolTimeout) as caught:
                await client.get("http://api/x")

            assert trio.current_time() == 2
            assert str(caught.value) == (
                "GET http://api/x: no connection of the pool came free within 2 s (ClientTimeouts.pool=2; "
                "ClientLimits.connections=1, held by: GET http://user:[redacted]@api/slow "
                "(task the slow one, active for 2.0 s))"
            )
            assert client.pool.waiters == []
            nursery.cancel_scope.cancel()

    run(main)


@pytest.mark.covers("B18", "S1.16")
@pytest.mark.parametrize("stage", ["connect", "pool", "head", "body", "write", "redirect"])
def test_total_timeout_spans_all_phases(stage: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def drip(peer: Peer) -> None:
            await peer.head()
            if stage != "head":
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            while True:
                await trio.sleep(0.15)
                if stage == "body":
                    await peer.send(b"x")

        async def around(peer: Peer) -> None:
            while True:
                await peer.head()
                await trio.sleep(0.15)
                await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

        if stage == "connect":
            net.host("api").drop_syn(80)
        else:
            await listen(net, around if stage == "redirect" else silence if stage == "write" else drip)
        limits = ClientLimits(connections=1)
        async with Client(timeout=0.5, limits=limits) as client, trio.open_nursery() as nursery:
            if stage == "pool":
                nursery.start_soon(_swallow, client, "http://api/", None)
                await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio_http.TotalTimeout, match=r"http://api/: not over after 0.5 s in all") as caught:
                await client.request(
                    "PUT" if stage == "write" else "GET",
                    "http://api/",
                    content=b"x" * 1_000_000 if stage == "write" else None,
                )

            assert trio.current_time() == 0.5
            assert caught.value.limit == 0.5
            nursery.cancel_scope.cancel()

    run(main)


async def _swallow(client: Client, url: str, timeout: float | None) -> None:
    await client.get(url, timeout=timeout)


@pytest.mark.covers("B18")
def test_total_goes_on_through_a_stream_but_never_cancels_the_user() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x")
            await trio.sleep_forever()

        await listen(net, script)
        async with Client(timeout=2) as client, client.stream("GET", "http://api/") as response:
            assert await response.body.receive_some() == b"x"
            await trio.sleep(10)  # the user's own time: nobody cancels it
            with pytest.raises(trio_http.TotalTimeout, match=r"1 of 100 bytes"):
                await response.body.receive_some()

            assert trio.current_time() == 10

    run(main)


@pytest.mark.covers("B18", "B33")
def test_nothing_is_sent_once_the_total_is_over() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer()
            await peer.end()

        async def dawdle(request: trio_http.Request) -> None:
            if request.method == "POST":
                await trio.sleep(3)

        await listen(net, script)
        async with Client(timeout=2, on_request=[dawdle]) as client:
            await client.get("http://api/")
            with pytest.raises(trio_http.TotalTimeout, match=r"POST http://api/: not sent, its 2 s in all are over"):
                await client.post("http://api/")
            assert trio.current_time() == 3

    run(main)


@pytest.mark.covers("B17", "B18", "S1.16")
def test_timeout_of_one_request_replaces_the_clients() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        async with Client(timeout=ClientTimeouts(read=50, total=40)) as client:
            with pytest.raises(trio_http.TotalTimeout):
                await client.get("http://api/", timeout=1)
            with pytest.raises(trio_http.ReadTimeout):
                await client.get("http://api/", timeout=ClientTimeouts(read=2))
            with pytest.raises(trio_http.ReadTimeout):
                await client.get("http://api/", timeout=None)

            assert trio.current_time() == 1 + 2 + 50

    run(main)


@pytest.mark.covers("B19")
@pytest.mark.parametrize("limit", [1, 2])
def test_the_callers_scope_wins_over_ours_even_at_the_same_instant(limit: float) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        async with Client(timeout=2) as client:
            with trio.move_on_after(limit) as scope:
                await client.get("http://api/")

            assert scope.cancelled_caught
            assert trio.current_time() == limit
            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B22")
def test_idle_connections_are_closed_in_virtual_time() -> None:
    async def main(net: VirtualNetwork) -> None:
        ended: list[float] = []

        async def script(peer: Peer) -> None:
            await peer.answer()
            await peer.end()
            ended.append(trio.current_time())

        await listen(net, script)
        async with Client(timeout=ClientTimeouts(idle=5)) as client:
            await client.get("http://api/")
            await trio.sleep(1000)

            assert ended == [5]
            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B22")
def test_max_age_ends_a_connection_between_two_requests() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, answers)
        async with Client(limits=ClientLimits(max_age=10), timeout=ClientTimeouts(idle=None)) as client:
            for _ in range(4):
                await client.get("http://api/")
                await trio.sleep(4)

            assert len(peers) == 2
            await trio.sleep(20)
            assert client.pool.connections == []

    run(main)


@pytest.mark.parametrize("where", ["head", "body", "stream"])
def test_deadlines_hold_over_tls_too(where: str) -> None:
    authority = CertificateAuthority()

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            if where != "head":
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            await trio.sleep_forever()

        await listen(net, script, port=443, tls=authority.server_context("api"))
        context = ssl.create_default_context(cadata=authority.pem)
        async with Client(ssl_context=context, timeout=ClientTimeouts(read=3)) as client:
            with pytest.raises(trio_http.ReadTimeout, match=r"GET https://api/: no byte moved for 3 s"):
                await (read_stream(client) if where == "stream" else client.get("https://api/"))

            assert trio.current_time() == 3
            assert client.pool.connections == []
            with pytest.raises(trio_http.TotalTimeout):
                await client.get("https://api/", timeout=1)

            assert trio.current_time() == 4

    run(main)


async def read_stream(client: Client) -> None:
    async with client.stream("GET", "https://api/") as response:
        await response.read()
