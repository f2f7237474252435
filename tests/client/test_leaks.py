"""A response that was opened and never closed is told at the end of a simulation."""

from __future__ import annotations

import pytest

from tests.client.client_peers import run, serve_app
from trio_http import Client, Request, Response
from trio_http.testing import LeakError, VirtualNetwork


async def hello(request: Request) -> Response:
    return Response("hello")


def test_a_stream_that_is_never_left_is_named() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, hello)
        async with Client() as client:
            await client.stream("GET", "http://api/x").__aenter__()

    with pytest.raises(LeakError, match=r"response body left open: <stream\(\) of GET http://api/x>"):
        run(main)


def test_a_stream_that_is_left_is_none() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, hello)
        async with Client() as client, client.stream("GET", "http://api/x") as response:
            assert response.status == 200

    run(main)
