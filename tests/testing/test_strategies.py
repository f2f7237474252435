"""What Hypothesis makes up arrives: requests at a handler, bytes in pieces over a network."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, strategies as st

from trio_http import Client, Request, Response
from trio_http.testing import Chunks, VirtualNetwork, simulate
from trio_http.testing.strategies import chunks, requests

Seen = tuple[str, str, str, list[tuple[str, str]], bytes]


async def seen_of(request: Request) -> Seen:
    fields = [(name, value) for name, value in request.headers.get_all() if name.lower().startswith("x-")]
    return request.method, request.raw_path, request.query_string, fields, await request.read()


@pytest.mark.covers("C26")
@given(request=requests())
def test_requests_arrive_as_they_were_made(request: Request) -> None:
    async def main() -> None:
        arrived: list[Seen] = []

        async def handler(request: Request) -> Response:
            arrived.append(await seen_of(request))
            return Response("")

        async with Client(app=handler, base_url="http://test") as client:
            assert (await client.send(request)).status == 200
        assert arrived == [await seen_of(request)]

    trio.run(main)


@pytest.mark.covers("C26")
@given(cut=chunks(), data=st.binary(min_size=1, max_size=50))
def test_bytes_arrive_in_pieces_of_a_kind(cut: Chunks, data: bytes) -> None:
    async def main(net: VirtualNetwork) -> bytes:
        net.chunks = cut

        async def send(stream: trio.SocketStream) -> None:
            async with stream:
                await stream.send_all(data)

        await net.host("api").start(trio.serve_tcp, send, 80)
        async with await trio.open_tcp_stream("api", 80) as stream:
            return b"".join([piece async for piece in stream])

    assert simulate(main).value == data


@pytest.mark.covers("C26")
@given(data=st.data())
def test_methods_and_content_can_be_chosen(data: st.DataObject) -> None:
    request = data.draw(requests(["PUT"], most_content=3))

    assert request.method == "PUT"
    assert len(trio.run(request.read)) <= 3
