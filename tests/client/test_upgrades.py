"""Connections that leave HTTP behind."""

from __future__ import annotations

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, listen, run
from trio_http import Client
from trio_http.testing import VirtualNetwork


@pytest.mark.covers("B37")
def test_upgraded_connection_is_a_stream_with_the_first_bytes_first() -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            heads.append(await peer.head())
            await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
            assert await peer.exactly(4) == b"ping"
            await trio.sleep(100)
            await peer.send(b"pong")
            assert await peer.stream.receive_some() == b""

        await listen(net, script)
        async with Client(timeout=10) as client:
            block = client.upgrade("http://api/x", "echo", headers={"X-Mine": "1"})
            async with block as upgraded:
                assert block.response is not None
                assert block.response.headers["upgrade"] == "echo"
                assert await upgraded.receive_some(2) == b"he"
                assert await upgraded.receive_some() == b"llo"
                await upgraded.send_all(b"ping")
                assert await upgraded.receive_some() == b"pong"
                await upgraded.send_eof()
                assert await upgraded.receive_some() == b""
            assert client.pool.connections == []

    run(main)
    assert b"Connection: upgrade\r\nUpgrade: echo\r\n" in heads[0]
    assert b"X-Mine: 1\r\n" in heads[0]


@pytest.mark.covers("B37")
def test_server_that_does_not_switch() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer(b"no", status="426 Upgrade Required")

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(trio_http.StatusError, match=r"426.*upgrade to echo.*101") as caught:
                await client.upgrade("http://api/", "echo").__aenter__()

            assert caught.value.response.content == b"no"
            assert len(client.pool.connections) == 1
            with pytest.raises(trio_http.LocalProtocolError):
                await client.upgrade("http://api/", "e cho\r\n").__aenter__()

    run(main)


@pytest.mark.covers("B37")
def test_status_is_told_though_the_answer_is_long_or_cut_off() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9999999\r\n\r\n")

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(trio_http.StatusError, match=r"403"):
                await client.upgrade("http://api/", "echo").__aenter__()
            with pytest.raises(trio_http.HandshakeRejected, match=r"403"):
                await client.websocket("ws://api/").__aenter__()
            with pytest.raises(trio_http.StatusError, match=r"403"):
                await client.sse("http://api/").__aenter__()
            assert client.pool.connections == []

    run(main)


def test_blocks_are_entered_once() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            if b"Upgrade" in await peer.head():
                await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            else:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            await peer.end()

        await listen(net, script)
        async with Client() as client:
            for block in (
                client.upgrade("http://api/", "echo"),
                client.sse("http://api/"),
                client.stream("GET", "http://api/"),
            ):
                async with block:
                    with pytest.raises(RuntimeError, match="entered once"):
                        await block.__aenter__()

    run(main)
