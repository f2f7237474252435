"""Names and what they stand for: asked once, remembered for a while, forgotten when nobody answers there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, answers, listen, net_host, run
from trio_http import Client, ClientLimits, ClientTimeouts
from trio_http.testing import VirtualNetwork


class Resolver:
    """A resolver that counts, and takes a second for each answer."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[float] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(trio.current_time())
        await trio.sleep(1)
        if not self.addresses:
            raise OSError(None, "the resolver is out of order")
        return self.addresses


def closing(**options: object) -> Client:
    """A client that opens a connection for each request."""
    return Client(headers={"Connection": "close"}, **options)  # type: ignore[arg-type]  # as the client's


@pytest.mark.covers("B24")
def test_an_answer_is_remembered_for_its_time() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        resolver = Resolver(net_host(net, "api").ipv4)
        async with closing(resolver=resolver, dns_ttl=5) as client:
            for _ in range(3):
                response = await client.get("http://service/")
                await trio.sleep(1.5)
            assert resolver.asked == [0]
            assert response.timings is not None
            assert response.timings.dns == 0
            await trio.sleep(5)
            await client.get("http://service/")
            assert len(resolver.asked) == 2

    run(main)


@pytest.mark.covers("B24")
def test_without_a_time_each_connection_asks() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        resolver = Resolver(net_host(net, "api").ipv4)
        async with closing(resolver=resolver, dns_ttl=None) as client:
            await client.get("http://service/")
            await client.get("http://service/")
        assert resolver.asked == [0, 1]

    run(main)


@pytest.mark.covers("B24")
@pytest.mark.parametrize("ttl", [None, 10])
def test_many_at_once_ask_once(ttl: float | None) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        resolver = Resolver(net_host(net, "api").ipv4)
        async with Client(resolver=resolver, dns_ttl=ttl) as client, trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(client.get, "http://service/")
        assert resolver.asked == [0]
        assert trio.current_time() == 1

    run(main)


def test_failure_is_told_to_all_who_waited_and_to_nobody_later() -> None:
    async def main(net: VirtualNetwork) -> None:
        resolver = Resolver()
        texts: list[str] = []

        async def ask(client: Client, number: int) -> None:
            with pytest.raises(trio_http.ConnectError) as caught:
                await client.get(f"http://service/{number}")
            texts.append(str(caught.value))

        async with Client(resolver=resolver) as client:
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(ask, client, number)
            assert resolver.asked == [0]
            await ask(client, 3)
        assert resolver.asked == [0, 1]
        assert sorted(texts) == [
            f"GET http://service/{number}: cannot resolve the name 'service': the resolver is out of order"
            for number in range(4)
        ]

    run(main)


def test_whoever_waits_for_an_answer_asks_himself_if_the_one_who_asked_gives_up() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        resolver = Resolver(net_host(net, "api").ipv4)
        async with Client(resolver=resolver) as client, trio.open_nursery() as nursery:

            async def impatient() -> None:
                with trio.move_on_after(0.5):
                    await client.get("http://service/")

            nursery.start_soon(impatient)
            await trio.testing.wait_all_tasks_blocked()
            assert (await client.get("http://service/")).status == 200
        assert resolver.asked == [0, 0.5]

    run(main)


@pytest.mark.covers("B24")
@pytest.mark.parametrize("how", ["refuses", "is silent"])
def test_name_is_asked_for_anew_once_nobody_answers_there(how: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        gone = net.host("gone")
        resolver = Resolver(gone.ipv4)
        if how == "is silent":
            gone.drop_syn(80)
        async with Client(resolver=resolver, dns_ttl=1000, timeout=ClientTimeouts(connect=3)) as client:
            with pytest.raises((trio_http.ConnectError, trio_http.ConnectTimeout)):
                await client.get("http://service/")
            resolver.addresses = (net_host(net, "api").ipv4,)  # the service has moved
            assert (await client.get("http://service/")).status == 200

    run(main)


@pytest.mark.covers("B24")
def test_memory_is_bounded() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        address = net_host(net, "api").ipv4

        async def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return [address]

        asked: list[str] = []
        async with closing(resolver=resolve, dns_ttl=1e9, limits=ClientLimits(idle=0)) as client:
            for number in range(1025):
                await client.get(f"http://h{number}/")
            await client.get("http://h1/")
            await client.get("http://h0/")
        assert asked[1025:] == ["h0"]

    run(main)


@pytest.mark.covers("B24")
@pytest.mark.parametrize("target", ["{}", "{}:8000", "[{}]:8000", "inner:8000"])
def test_mapped_hosts(target: str) -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            heads.append(await peer.answer())

        await listen(net, script, port=8000)
        api = net_host(net, "api")
        net.dns["inner"] = [api]
        where = target.format(api.ipv6 if "[" in target else api.ipv4)
        url = "http://service.test/" if ":" in target else "http://service.test:8000/"
        async with Client(hosts={"service.test": where}) as client:
            response = await client.get(url)
        assert response.url is not None
        assert str(response.url) == url

    run(main)
    assert b"Host: service.test" in heads[0]
