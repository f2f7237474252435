"""What tests of the server share: handlers that greet and that echo, and whether a connection is over."""

from __future__ import annotations

import trio

from tests.wires import Peer
from trio_http import Request, Response


async def hello(request: Request) -> Response:
    return Response("Hello, World!")


async def echo(request: Request) -> Response:
    return Response(await request.read())


async def is_closed(peer: Peer) -> bool:
    with trio.fail_after(5):
        return await peer.receive() == b""
