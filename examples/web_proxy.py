"""A streaming reverse proxy: bodies pass through as they come, both ways; whoever leaves, nothing stays open.

Run it with the origin: ``python examples/web_proxy.py http://127.0.0.1:9000``; it listens on 8000, or on ``PORT``.
"""

from __future__ import annotations

import os
import sys

import trio

import trio_http
from trio_http import Client, Handler, HTTPTimeout, RemoteProtocolError, Request, Response, StatusError, TransportError
from trio_http.semantics import CookieJar


def make_proxy(client: Client, origin: str) -> Handler:
    """Return a handler that asks the origin for everything."""

    async def proxy(request: Request) -> Response:
        content = request.body if request.body.length != 0 else None
        # Not request.target: clients may send a whole URL there, and where to is not theirs to say.
        url = origin + request.raw_path + (f"?{request.query_string}" if request.query_string else "")
        try:
            upstream = await request.enter(client.stream(request.method, url, headers=request.headers, content=content))
        except HTTPTimeout as error:
            raise StatusError(504, "the origin takes too long") from error
        except (TransportError, RemoteProtocolError) as error:
            raise StatusError(502, "the origin cannot be reached, or makes no sense") from error
        return Response(upstream.body, status=upstream.status, headers=upstream.headers)

    return proxy


def open_client() -> Client:
    """Return a client that passes on what it gets; it serves many people, so it keeps nobody's cookies."""
    return Client(follow_redirects=False, decompress=False, cookies=CookieJar(max_total=0))


async def main(origin: str, port: int = 8000) -> None:
    async with open_client() as client, trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, make_proxy(client, origin), port)
        print(f"{server.url} passes on to {origin}; Ctrl-C ends it")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        trio.run(main, sys.argv[1], int(os.environ.get("PORT", "8000")))
    except* KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
