"""Scripted peers: exact bytes both ways, on virtual sockets and on any stream."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import trio

from trio_http.testing import CertificateAuthority, Chunks, DeadlockError, PeerError, RawPeer, VirtualNetwork, simulate


def with_peers(client: Callable[[RawPeer], Awaitable[Any]], server: Callable[[RawPeer], Awaitable[Any]]) -> None:
    async def main(net: VirtualNetwork) -> None:
        async with net.listen_raw("api", 80) as peers:

            async def serve() -> None:
                await server(await peers.accept())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve)
                with net.host("app").active():
                    async with await net.connect_raw("api", 80) as peer:
                        await client(peer)

    simulate(main)


@pytest.mark.covers("C24")
def test_a_script_drives_httpx() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.chunks = Chunks.bytewise()
        async with net.listen_raw("api", 80) as peers, trio.open_nursery() as nursery:

            async def script() -> None:
                peer = await peers.accept()
                await peer.expect(b"GET /a HTTP/1.1\r\n")
                found = await peer.expect(re.compile(rb"(?:.+\r\n)*\r\n"))
                assert b"Host: api" in found[0]
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
                await peer.expect_silence(4)
                peer.reset()

            nursery.start_soon(script)
            async with httpx.AsyncClient(trust_env=False) as client:
                with pytest.raises(httpx.ReadError):
                    await client.get("http://api/a", timeout=5)
            assert trio.current_time() == 4

    simulate(main)


@pytest.mark.covers("C24")
def test_expecting_so_many_bytes_eof_and_reset() -> None:
    async def client(peer: RawPeer) -> None:
        await peer.send(b"hello world")
        assert await peer.expect(b"ok") == b"ok"
        await peer.send_eof()
        await peer.expect_reset()

    async def server(peer: RawPeer) -> None:
        assert await peer.expect(5) == b"hello"
        assert peer.pending == b"" or peer.pending == b" world"
        assert await peer.expect(6) == b" world"
        await peer.send(b"ok")
        await peer.expect_eof()
        peer.reset()

    with_peers(client, server)


def test_slow_sending_takes_virtual_time() -> None:
    async def client(peer: RawPeer) -> None:
        await peer.send_slowly(b"12345", size=2, interval=10)
        await peer.aclose()

    async def server(peer: RawPeer) -> None:
        assert await peer.expect(b"12345")
        assert trio.current_time() == 20

    with_peers(client, server)


async def silent(peer: RawPeer) -> None:
    await trio.sleep(100)


@pytest.mark.covers("C24")
@pytest.mark.parametrize(
    ("client", "server", "text"),
    [
        (
            lambda p: p.send(b"GET /b HTTP/1.1"),
            lambda p: p.expect(b"GET /a HTTP/1.1"),
            r"differ at byte 5:\n  expected b'GET /a HTTP/1\.1'\n  got      b'GET /b HTTP/1\.1'",
        ),
        (lambda p: p.aclose(), lambda p: p.expect(b"x"), r"the stream ended while waiting for b'x'"),
        (lambda p: p.send(b"ab"), lambda p: p.expect(3), r"ended while waiting for 3 bytes, 2 have come"),
        (lambda p: p.send(b"ab"), lambda p: p.expect_eof(), r"expected the end of the stream, but b'ab' came"),
        (lambda p: p.send(b"ab"), lambda p: p.expect_silence(5), r"expected silence, but b'ab' came after 0\.000 s"),
        (lambda p: p.aclose(), lambda p: p.expect_silence(5), r"but the end came"),
        (lambda p: p.aclose(), lambda p: p.expect_reset(), r"expected a reset, but the stream ended"),
        (lambda p: p.send(b"xy"), lambda p: p.expect(re.compile(b"a+")), r"waiting for bytes that match b'a\+'"),
    ],
)
def test_what_differs_is_told(client: Any, server: Any, text: str) -> None:
    async def failing(peer: RawPeer) -> None:
        with pytest.raises(PeerError, match=text):
            await server(peer)

    with_peers(client, failing)


def test_a_wait_that_can_never_end_is_a_deadlock() -> None:
    with pytest.raises(DeadlockError, match=r"test_peer\.py"):
        with_peers(lambda peer: peer.expect(b"x"), lambda peer: peer.expect(b"y"))


async def test_it_speaks_through_any_stream() -> None:
    left, right = trio.testing.memory_stream_pair()
    one, two = RawPeer(left), RawPeer(right)

    await one.send(b"hello")
    await two.expect(b"hello")
    await two.send_eof()
    await one.expect_eof()
    with pytest.raises(TypeError, match="only a SocketStream can be reset"):
        one.reset()


def test_two_clients_in_one_moment_are_both_accepted() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with net.listen_raw("api", 80) as peers:
            with trio.socket.socket() as one, trio.socket.socket(trio.socket.AF_INET6) as two:
                await one.connect(("10.0.0.1", 80))
                await two.connect(("fd00::1", 80))
                await peers.accept()
                await peers.accept()
        assert len(peers.peers) == 2

    simulate(main)


async def test_accepting_from_a_closed_listener_is_told_without_a_group(virtual_network: VirtualNetwork) -> None:
    async with virtual_network.listen_raw("api", 80) as peers:
        pass

    with pytest.raises(trio.ClosedResourceError):
        await peers.accept()


async def read_all(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


@pytest.mark.covers("C24")
async def test_a_connection_under_tls_can_be_reset(
    virtual_network: VirtualNetwork, test_ca: CertificateAuthority
) -> None:
    net = virtual_network
    async with net.listen_raw("api", 443) as peers, trio.open_nursery() as nursery:
        client = await trio.open_ssl_over_tcp_stream("api", 443, ssl_context=test_ca.client_context())
        nursery.start_soon(client.do_handshake)
        below = (await peers.accept()).stream
        async with RawPeer(trio.SSLStream(below, test_ca.server_context("api"), server_side=True)) as peer:
            await peer.send(b"hello")
            peer.reset()
        with pytest.raises(trio.BrokenResourceError):
            await read_all(client)
        await trio.aclose_forcefully(client)
