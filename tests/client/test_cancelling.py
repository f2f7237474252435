"""A request may be cancelled anywhere, and nothing is held afterwards: every checkpoint in turn, and a storm."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from tests.client.client_peers import OK, Peer, answers, chunks, listen, relay, run, serve_app
from trio_http import Client, ClientLimits, ClientTimeouts, Handler, HTTPError, PoolError, Request, Response
from trio_http.client import DigestAuth, Proxy, Retry
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


async def retried(client: Client) -> None:
    retry = Retry(attempts=3, backoff=0.01, jitter=0, budget=None)
    assert (await client.get("http://api/unwell", retry=retry)).status == 503


async def tunnelled(client: Client) -> None:
    through = {"http": Proxy(host="proxy", port=3128), "socks": Proxy(host="socks", scheme="socks5h")}
    for proxy in through.values():
        async with Client(proxy=proxy, ssl_context=CONTEXT) as other:
            for url in ("https://safe/", "http://api/"):
                assert (await other.get(url)).status == 200


async def challenged(client: Client) -> None:
    assert (await client.get("http://api/secret", auth=DigestAuth("me", "secret"))).status == 200


async def closed(client: Client) -> None:
    """A client of its own that is closed while requests are open, sending, receiving and waiting for their turn."""
    body = CountedBody()

    async def ask(block: Callable[[], Awaitable[object]]) -> None:
        try:
            await block()
        except PoolError:
            pass

    async with Client(limits=ClientLimits(connections=3), ssl_context=CONTEXT) as other:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, partial(streamed, other))
            nursery.start_soon(ask, partial(secure, other))
            nursery.start_soon(ask, partial(other.post, "http://api/", content=body))
            nursery.start_soon(ask, partial(plain, other))
            await trio.sleep(0.02)
            await other.aclose()
        assert other.pool.connections == []
        assert other.pool.waiters == []


async def gathered(client: Client) -> None:
    async with client.gather(limit=2) as group:
        for number in range(4):
            group.get(f"http://{'api' if number % 2 else 'other'}/")
        async for handle in group:
            assert handle.unwrap().status == 200


async def events_read(client: Client) -> None:
    async with client.sse("http://api/events") as events:
        assert [(await anext(events)).data for _ in range(4)] == ["1", "2"] * 2


async def through_middleware(client: Client) -> None:
    async def twice(request: Request, call: Handler) -> Response:
        await (await call(request)).read()
        return await call(request)

    assert (await client.with_(middleware=[twice]).get("http://api/")).status == 200


async def inside(client: Client) -> None:
    async with Client(app=handler, base_url="http://app.test") as other:
        assert len((await other.get("/long")).content) == 100_000
        await other.post("/", content=CountedBody())
        async with other.stream("GET", "/long") as response:
            await response.body.receive_some()


async def handler(request: Request) -> Response:
    if request.path == "/secret" and "authorization" not in request.headers:
        return Response(status=401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
    if request.path == "/unwell":
        return Response(status=503)
    if request.path == "/events":

        async def tell(send: Callable[[bytes], Awaitable[None]]) -> None:
            for number in (b"1", b"2"):
                await send(b"retry: 10\nid: %b\ndata: %b\n\n" % (number, number))
                await trio.sleep(0.01)

        return Response(tell, headers={"Content-Type": "text/event-stream"})
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


AUTHORITY = CertificateAuthority()
CONTEXT = ssl.create_default_context(cadata=AUTHORITY.pem)


async def socks_proxy(peer: Peer) -> None:
    await peer.exactly((await peer.exactly(2))[1])
    await peer.send(b"\5\0")
    await peer.exactly(4)
    name = await peer.exactly((await peer.exactly(1))[0])
    port = int.from_bytes(await peer.exactly(2), "big")
    await peer.send(b"\5\0\0\1\0\0\0\0\0\0")
    await relay(peer, name.decode(), port)


async def http_proxy(peer: Peer) -> None:
    while True:
        head = await peer.head()
        if head.startswith(b"CONNECT"):
            host, _, port = head.split()[1].decode().rpartition(":")
            await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await relay(peer, host, int(port))
            return
        await peer.send(OK)


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
    retried,
    challenged,
    closed,
    tunnelled,
    gathered,
    events_read,
    through_middleware,
    inside,
]


@pytest.mark.covers("B19")
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shared", [True, False], ids=["one client", "a client each"])
def test_cancelled_at_every_checkpoint(block: Block, shared: bool) -> None:
    async def main(net: VirtualNetwork) -> int:
        await listen(net, http_proxy, host="proxy", port=3128)
        await listen(net, socks_proxy, host="socks", port=1080)
        await serve_app(net, handler)
        await listen(net, answers, host="other")
        await listen(net, answers, host="safe", port=443, tls=AUTHORITY.server_context("safe"))
        options = {"limits": ClientLimits(connections=2), "timeout": ClientTimeouts(idle=0.5), "ssl_context": CONTEXT}

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


@pytest.mark.covers("B19")
@pytest.mark.parametrize("seed", range(8))
def test_cancelled_when_all_is_said_but_the_upload_has_not_ended(seed: int) -> None:
    """The answer to a form comes as soon as its last bytes have left, in the moment in which the upload ends."""

    async def take_forms(peer: Peer) -> None:
        while True:
            head = await peer.head()
            [length] = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
            await peer.exactly(int(length.partition(b": ")[2]) - 2)
            await peer.send(OK)
            await peer.exactly(2)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, take_forms)
        async with Client() as client:

            async def form() -> None:
                assert (await client.post("http://api/", files={"file": b"x" * 100})).status == 200

            async def sound() -> None:
                await trio.testing.wait_all_tasks_blocked()
                assert [info for info in client.pool.connections if info.state != "idle"] == []

            await for_each_cancel_point(form, sound, report=False)

    run(main, seed=seed, world=World(link=Link(latency=0)))


@pytest.mark.covers("B19")
@pytest.mark.parametrize("inside", [False, True])
def test_request_of_a_task_that_is_cancelled_already_is_not_sent(inside: bool) -> None:
    asked: list[str] = []

    async def note(request: Request) -> Response:
        asked.append(request.method)
        return Response("ok")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, note)
        async with Client(app=note if inside else None) as client:
            await client.get("http://api/")
            with trio.CancelScope() as scope:
                scope.cancel()
                await client.post("http://api/", content=b"an order")
            assert scope.cancelled_caught
            await trio.sleep(1)
            assert asked == ["GET"]
            assert len(client.pool.connections) == (0 if inside else 1)  # it is kept

    run(main)


@pytest.mark.covers("B19", "B22")
@pytest.mark.parametrize("seed", range(10))
def test_storm(seed: int) -> None:
    """20 requests a round to 6 origins through 3 slots, each cancelled after a random time."""
    rounds = 1000 if "TRIO_HTTP_LONG_STORM" in os.environ else 100  # of each of the seeds: 1,000 in all

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
