"""A kept connection that the server has closed as the next request arrives: sent again once, where that is safe."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import OK, Peer, answers, chunks, listen, run
from trio_http import Client
from trio_http.testing import VirtualNetwork


def closes_on(received: list[bytes], last_words: bytes = b"", *, after_body: int = 0) -> Any:
    async def script(peer: Peer) -> None:
        await peer.answer()
        received.append(await peer.head())
        await peer.exactly(after_body)
        await peer.send(last_words)

    return script


@pytest.mark.covers("B21")
@pytest.mark.parametrize(
    ("method", "options", "again"),
    [
        ("GET", {}, True),
        ("PUT", {"content": b"hello"}, True),
        ("DELETE", {}, True),
        ("POST", {"content": b"hello"}, False),
        ("POST", {"content": b"hello", "headers": {"Idempotency-Key": "7"}}, True),
        ("PUT", {"content": chunks(b"hello"), "headers": {"Content-Length": "5"}}, False),
    ],
)
def test_request_is_sent_again_if_that_is_safe(method: str, options: dict[str, Any], again: bool) -> None:
    received: list[bytes] = []

    async def fresh(peer: Peer) -> None:
        received.append(await peer.head())
        if options.get("content"):
            await peer.exactly(5)
        await peer.send(OK)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, closes_on(received, after_body=5 if "content" in options else 0), fresh)
        async with Client() as client:
            await client.get("http://api/")
            if again:
                assert (await client.request(method, "http://api/", **options)).content == b"ok"
            else:
                with pytest.raises(
                    trio_http.RemoteProtocolError, match=r"closed the connection without an answer; 2nd request"
                ):
                    await client.request(method, "http://api/", **options)

    run(main)
    assert len(received) == 1 + again


@pytest.mark.covers("B21")
def test_nothing_is_sent_again_once_a_byte_has_come_back() -> None:
    received: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        await listen(net, closes_on(received, b"HTTP/1.1 2"), answers)
        async with Client() as client:
            await client.get("http://api/")
            with pytest.raises(trio_http.RemoteProtocolError):
                await client.get("http://api/")
        assert len(received) == 1

    run(main)


@pytest.mark.covers("B21")
def test_it_is_sent_again_only_once_and_never_for_a_new_connection() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def refuse(peer: Peer) -> None:
            await peer.head()

        peers = await listen(net, closes_on([]), refuse)
        async with Client() as client:
            await client.get("http://api/")
            with pytest.raises(trio_http.RemoteProtocolError, match=r"1st request on this connection"):
                await client.get("http://api/")
            assert len(peers) == 2
            with pytest.raises(trio_http.RemoteProtocolError):
                await client.get("http://api/")
            assert len(peers) == 3

    run(main)


def test_reset_while_waiting_is_sent_again() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def reset(peer: Peer) -> None:
            await peer.answer()
            await peer.stream.receive_some(1)  # closing with bytes unread resets
            await trio.sleep(1)

        peers = await listen(net, reset, answers)
        async with Client() as client:
            await client.get("http://api/")
            assert (await client.get("http://api/")).content == b"ok"
        assert len(peers) == 2

    run(main)


def test_reset_of_a_request_that_is_not_repeated_is_told_with_the_url() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def reset(peer: Peer) -> None:
            await peer.answer()
            await peer.stream.receive_some(1)

        await listen(net, reset)
        async with Client() as client:
            await client.get("http://api/")
            with pytest.raises(
                trio_http.ReadError, match=r"POST http://api/x: reading from .* no answer yet; 2nd request"
            ):
                await client.post("http://api/x")

    run(main)
