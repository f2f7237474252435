"""Stream both ways: an upload made as it goes, a download read as it comes, each under a deadline.

python examples/client_streaming.py
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

import trio_http
from trio_http import Request, Response


async def shout(request: Request) -> Response:
    """Send back in capitals what comes in, while it comes in."""

    async def louder() -> AsyncIterator[bytes]:
        async for piece in request.body:
            yield piece.upper()

    return Response(louder())


async def words() -> AsyncIterator[bytes]:
    for word in (b"one ", b"two ", b"three"):
        yield word
        await trio.sleep(0.01)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, shout, 0)
        async with trio_http.Client(base_url=server.url, timeout=10) as client:
            async with client.stream("POST", "/", content=words()) as response:
                async for piece in response.body:
                    print(piece.decode())
            with trio.move_on_after(0.05) as patience:
                await client.post("/", content=forever())
            print("gave up" if patience.cancelled_caught else "answered", client.pool)
        nursery.cancel_scope.cancel()


async def forever() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await trio.sleep(0.01)


if __name__ == "__main__":
    trio.run(main)
