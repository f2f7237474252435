"""Requests whose bytes are kept are the same as those that are made anew."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.client_peers import Peer, listen, run
from trio_http import Client
from trio_http.testing import VirtualNetwork


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
def test_second_request_has_the_bytes_of_the_first_on_any_connection(method: str) -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            for last in (b"", b"Connection: close\r\n"):
                heads.append(await peer.head())
                await peer.send(b"HTTP/1.1 204 No Content\r\n", last, b"\r\n")

        peers = await listen(net, script)
        async with Client(headers={"X-A": "b"}) as client:
            for _ in range(4):
                await client.request(method, "http://api/x")
            await client.request(method, "http://api/x", headers={"X-A": "b"})
        assert len(peers) == 3

    run(main)
    assert len(set(heads)) == 1


@pytest.mark.parametrize(
    ("client_options", "options", "field"),
    [
        ({"headers": {"Connection": "close"}}, {}, b"Connection: close\r\n"),
        ({"auth": ("a", "b")}, {}, b"Authorization: Basic "),
        ({"cookies": {"a": "b"}}, {}, b"Cookie: a=b\r\n"),
        ({}, {"headers": {"X-More": "1"}}, b"X-More: 1\r\n"),
        ({}, {"cookies": {"a": "b"}}, b"Cookie: a=b\r\n"),
        ({}, {"auth": ("a", "b")}, b"Authorization: Basic "),
        ({}, {"content": b"hello"}, b"Content-Length: 5\r\n"),
    ],
)
def test_kept_bytes_are_not_used_for_another_request(
    client_options: dict[str, Any], options: dict[str, Any], field: bytes
) -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            while True:
                heads.append(await peer.head())
                if b"Content-Length: 5" in heads[-1]:
                    await peer.exactly(5)
                await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

        await listen(net, script)
        async with Client() as client:
            plain = client.with_(**client_options) if client_options and "cookies" not in client_options else client
            if "cookies" in client_options:
                plain = client.with_(headers={"Cookie": "a=b"})
            for each in (client, plain, client):
                await each.get("http://api/")
            await plain.request("POST" if "content" in options else "GET", "http://api/", **options)
            await client.get("http://api/")

    run(main)
    assert field in heads[3]
    assert heads[0] == heads[2] == heads[4]
    assert field not in heads[0]


def test_secret_in_the_url_is_sent_whichever_way_it_is_asked_for() -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            while True:
                heads.append(await peer.answer())

        await listen(net, script)
        async with Client() as client:
            for _ in range(2):
                await client.get("http://user:pass@api/")
            async with client.stream("GET", "http://user:pass@api/") as response:
                await response.read()

    run(main)
    assert all(b"Authorization: Basic dXNlcjpwYXNz\r\n" in head for head in heads)
    assert len(heads) == 3
