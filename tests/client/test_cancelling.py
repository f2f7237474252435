"""A request may be cancelled anywhere, and nothing is held afterwards: every checkpoint in turn, and a storm."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trio.testing

from tests.client.client_peers import OK, Peer, answers, chunks, listen, run, serve_app
from trio_http import Client, ClientLimits, ClientTimeouts, HTTPError, Request, Response
from trio_http.testing import CertificateAuthority, Checks, Link, VirtualNetwork, World, for_each_cancel_point

Block = Callable[[Client], Awaitable[None]]


async def plain(client: Client) -> None:
    assert (await client.get("http://api/")).status == 200


async def two_in_a_row(client: Client) -> None:
    await plain(client)
    await plain(client)


async def streamed(client: Client) -> None:
    async with client.stream("GET", "http://api/long") as response:
        async for _ in response.body:
            pass


async def left_early(client: Client) -> None:
    async with client.stream("GET", "http://api/long") as response:
        await response.body.receive_some()


async def secure(client: Client) -> None:
    assert (await client.get("https://safe/")).status == 200


async def redirected(client: Client) -> None:
    assert (await client.get("http://api/redirect")).redirects == 2


async def uploaded(client: Client) -> None:
    await client.post("http://api/", content=b"x" * 500_000)


closed_bodies: set[object] = set()


class CountedBody:
    """A body that notes when it is begun and when it is closed."""

    def __init__(self) -> None:
        self._left = 5

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(0.01)
        self._left -= 1
        if self._left < 0:
            raise StopAsyncIteration
        return b"x" * 50_000

    async def aclose(self) -> None:
        closed_bodies.add(self)
        await trio.lowlevel.checkpoint()


async def streamed_upload(client: Client) -> None:
    body = CountedBody()
    try:
        await client.post("http://api/", content=body)
    finally:
        assert body in closed_bodies


async def asked_first(client: Client) -> None:
    await client.post("http://api/", content=chunks(b"ab", b"cd"), expect_continue=1)


async def handed_over(client: Client) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(client.get, "http://api/")
            nursery.start_soon(client.get, "http://other/")


async def handler(request: Request) -> Response:
    if request.path == "/redirect":
        return Response(status=302, headers={"Location": "/once-more"})
    if request.path == "/once-more":
        return Response(status=307, headers={"Location": "http://other/"})
    if request.path == "/long":

        async def produce(send: Callable[[bytes], Awaitable[None]]) -> None:
            for _ in range(5):
                await send(b"x" * 20_000)
                await trio.sleep(0.01)

        return Response(produce)
    await request.read()
    return Response("ok")


def secure_client() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = CertificateAuthority()
    context = ssl.create_default_context(cadata=authority.pem)
    return authority.server_context("safe"), context


BLOCKS: list[Block] = [
    plain,
    two_in_a_row,
    streamed,
    left_early,
    secure,
    redirected,
    uploaded,
    streamed_upload,
    asked_first,
    handed_over,
]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shared", [True, False], ids=["one client", "a client each"])
def test_cancelled_at_every_checkpoint(block: Block, shared: bool) -> None:
    server, context = secure_client()

    async def main(net: VirtualNetwork) -> int:
        await serve_app(net, handler)
        await listen(net, answers, host="other")
        await listen(net, answers, host="safe", port=443, tls=server)
        options = {"limits": ClientLimits(connections=2), "timeout": ClientTimeouts(idle=0.5), "ssl_context": context}

        async def sound() -> None:
            await trio.testing.wait_all_tasks_blocked()
            assert [info for info in client.pool.connections if info.state != "idle"] == []
            assert client.pool.waiters == []
            assert client._core._nursery is None or len(client._core._nursery.child_tasks) == 1  # the sweeper

        if shared:
            async with Client(**options) as client:
                points = await for_each_cancel_point(lambda: block(client), sound, report=False)
                await plain(client)
        else:

            async def whole() -> None:
                nonlocal client
                async with Client(**options) as client:
                    await block(client)

            async def nothing_left() -> None:
                assert client.pool.connections == []

            client = Client()
            points = await for_each_cancel_point(whole, nothing_left, report=False)
        print(f"{block.__name__}: {len(points)} points")
        return len(points)

    assert run(main, world=World(link=Link(latency=0.001))) > 3


@pytest.mark.parametrize("seed", range(10))
def test_storm(seed: int) -> None:
    """20 requests a round to 6 origins through 3 slots, each cancelled after a random time."""
    rounds = 1000 if "TRIO_HTTP_LONG_STORM" in os.environ else 30

    async def main(net: VirtualNetwork) -> None:
        async def moody(peer: Peer) -> None:
            while True:
                await peer.head()
                await trio.sleep(net.chance("think") * 0.03)
                if net.decide("end", 0.1):
                    return
                await peer.send(OK)

        done = [0, 0, 0]
        for number in range(6):
            await listen(net, moody, host=f"h{number}")

        async def one(client: Client, url: str, patience: float) -> None:
            with trio.move_on_after(patience) as scope:
                try:
                    assert (await client.get(url)).content == b"ok"
                    done[0] += 1
                except HTTPError:
                    done[1] += 1
            done[2] += scope.cancelled_caught

        async with Client(limits=ClientLimits(connections=3)) as client:
            for _ in range(rounds):
                async with trio.open_nursery() as nursery:
                    for number in range(20):
                        patience = 0.003 + net.chance("patience") * 0.047
                        nursery.start_soon(one, client, f"http://h{number % 6}/", patience)
                assert all(info.state == "idle" for info in client.pool.connections)
                assert client.pool.waiters == []
                ours = [sock for sock in net.open_sockets if "on local" in repr(sock)]
                assert len(ours) == len(client.pool.connections) <= 3, ours
            for number in range(6):
                for _ in range(3):
                    try:
                        await client.get(f"http://h{number}/")
                    except HTTPError:
                        continue
        assert sum(done) == rounds * 20
        assert min(done[0], done[2]) > rounds // 2

    run(main, seed=seed, checks=Checks(), world=World(link=Link(latency=0.001)))
