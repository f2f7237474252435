"""Bodies of responses: however they are framed and cut, in pieces as they come, and out of reach after their block."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, answers, listen, run
from trio_http import Client
from trio_http.testing import Chunks, VirtualNetwork


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        ),
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["counted", "chunked", "after-1xx", "until-close", "http10"],
)
@pytest.mark.parametrize("sizes", [None, 1])
def test_response_body_however_it_is_framed_and_cut(answer: bytes, sizes: int | None) -> None:
    async def main(net: VirtualNetwork) -> None:
        if sizes is not None:
            net.chunks = Chunks.bytewise()

        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(answer)

        await listen(net, script)
        async with Client() as client:
            response = await client.get("http://api/")

        assert response.content == b"hello"
        assert response.reason == "OK"

    run(main)


@pytest.mark.covers("B8", "S1.23", "S1.24")
def test_stream_gives_pieces_as_they_come() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"ab")
            await trio.sleep(1)
            await peer.send(b"cd")

        await listen(net, script)
        async with Client() as client, client.stream("GET", "http://api/") as response:
            assert response.status == 200
            assert await response.body.receive_some() == b"ab"
            assert trio.current_time() == 0
            assert await response.body.receive_some() == b"cd"
            assert trio.current_time() == 1
            assert await response.body.receive_some() == b""

    run(main)


@pytest.mark.covers("B8")
def test_streamed_body_cannot_be_used_after_its_block() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"ab")
            await peer.end()

        await listen(net, script)
        async with Client() as client:
            async with client.stream("GET", "http://api/x") as response:
                pass
            with pytest.raises(trio_http.BodyScopeEnded, match=r"GET http://api/x: .*_bodies\.py:\d+") as caught:
                await response.body.receive_some()

            assert _line_of(str(caught.value)).strip() in {
                "pass",
                'async with client.stream("GET", "http://api/x") as response:',
            }
            assert client.pool.connections == []

    run(main)


def _line_of(text: str) -> str:
    name, _, rest = text.partition("at /")[2].partition(":")
    return Path("/" + name).read_text().splitlines()[int(rest.split(".")[0]) - 1]


@pytest.mark.covers("B8")
def test_content_of_an_unread_stream_says_what_to_do() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        async with Client() as client, client.stream("GET", "http://api/") as response:
            with pytest.raises(trio_http.BodyConsumed, match=r"await response\.read\(\)"):
                response.text()

            assert await response.read() == b"ok"
            assert response.text() == "ok"

    run(main)
