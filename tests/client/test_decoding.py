"""Content codings are undone in small pieces, under caps; what is cut off or wrong is never passed off as whole."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

import trio_http
from tests.client.client_peers import Peer, listen, run, serve_app
from trio_http import Client, ClientLimits, Request, Response
from trio_http.testing import Chunks, VirtualNetwork

TEXT = b"all work and no play " * 1000


def coded(data: bytes, coding: str, *, chunked: bool = False) -> Any:
    async def script(peer: Peer) -> None:
        while True:
            await peer.head()
            head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n"
            if chunked:
                await peer.send(
                    f"{head}Transfer-Encoding: chunked\r\n\r\n{len(data):x}\r\n".encode(), data, b"\r\n0\r\n\r\n"
                )
            else:
                await peer.send(f"{head}Content-Length: {len(data)}\r\n\r\n".encode(), data)

    return script


@pytest.mark.covers("B30", "S1.38")
@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    ],
    ids=["gzip", "deflate", "twice"],
)
@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("bytewise", [True, False])
def test_coded_body_whole_and_streamed(coding: str, data: bytes, chunked: bool, bytewise: bool) -> None:
    async def main(net: VirtualNetwork) -> None:
        if bytewise:
            net.chunks = Chunks.bytewise()
        await listen(net, coded(data, coding, chunked=chunked))
        async with Client() as client:
            response = await client.get("http://api/")
            assert response.content == TEXT
            assert "content-encoding" not in response.headers
            assert "content-length" not in response.headers
            async with client.stream("GET", "http://api/") as streamed:
                assert streamed.body.length is None
                assert await streamed.read() == TEXT
            assert (await client.get("http://api/", decompress=False)).content == data
            assert len(client.pool.connections) == 1

    run(main)


@pytest.mark.covers("B30")
def test_bomb_comes_in_small_pieces_and_is_capped() -> None:
    bomb = gzip.compress(bytes(64 << 20))

    async def main(net: VirtualNetwork) -> None:
        await listen(net, coded(bomb, "gzip"))
        async with Client(limits=ClientLimits(body=1 << 20)) as client:
            with pytest.raises(trio_http.BodyTooLarge, match=r"GET http://api/"):
                await client.get("http://api/")
            async with client.stream("GET", "http://api/") as response:
                for _ in range(100):
                    assert len(await response.body.receive_some()) <= 65536
        async with Client(limits=ClientLimits(ratio=100)) as client, client.stream("GET", "http://api/") as response:
            with pytest.raises(trio_http.BodyTooLarge):
                async for _ in response.body:
                    pass

    run(main)


@pytest.mark.parametrize(
    "data",
    [gzip.compress(TEXT)[:-8], gzip.compress(TEXT)[:50], gzip.compress(TEXT) + b"surplus", b"no gzip"],
    ids=["without its sum", "cut", "surplus", "no gzip"],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_broken_coding_is_told_with_the_url(data: bytes, streamed: bool) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, coded(data, "gzip"))
        async with Client() as client:
            with pytest.raises(trio_http.DecodingError, match=r"GET http://api/x: "):
                await (read_stream(client) if streamed else client.get("http://api/x"))

    run(main)


async def read_stream(client: Client) -> None:
    async with client.stream("GET", "http://api/x") as response:
        await response.read()


def test_unknown_coding_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, coded(b"x", "rot13"))
        async with Client() as client:
            with pytest.raises(trio_http.DecodingError, match=r"rot13"):
                await client.get("http://api/")
            assert (await client.get("http://api/", decompress=False)).content == b"x"

    run(main)


@pytest.mark.covers("B30", "S1.21", "S1.38")
def test_what_is_asked_for() -> None:
    async def handler(request: Request) -> Response:
        return Response(request.headers.get("accept-encoding") or "nothing")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:
            assert (await client.get("http://api/")).text().startswith("gzip, deflate")
            assert (await client.get("http://api/", headers={"Range": "bytes=0-"})).text() == "nothing"
        async with Client(decompress=False) as client:
            assert (await client.get("http://api/")).text() == "nothing"

    run(main)
