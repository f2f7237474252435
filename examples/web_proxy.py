"""A streaming reverse proxy: bodies pass through as they come, both ways; whoever leaves, nothing stays open.

Run it: ``python examples/web_proxy.py http://127.0.0.1:9000``.
"""

from __future__ import annotations

import sys

import trio

import trio_http
from trio_http import Client, Handler, Request, Response
from trio_http.semantics import CookieJar


def make_proxy(client: Client, origin: str) -> Handler:
    """Return a handler that asks the origin for everything."""

    async def proxy(request: Request) -> Response:
        content = request.body if request.body.length != 0 else None
        upstream = await request.enter(
            client.stream(request.method, origin + request.target, headers=request.headers, content=content)
        )
        return Response(upstream.body, status=upstream.status, headers=upstream.headers)

    return proxy


def open_client() -> Client:
    """Return a client that passes on what it gets; it serves many people, so it keeps nobody's cookies."""
    return Client(follow_redirects=False, decompress=False, cookies=CookieJar(max_total=0))


async def main(origin: str, port: int = 8000) -> None:
    async with open_client() as client:
        await trio_http.serve(make_proxy(client, origin), port)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
