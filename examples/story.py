"""The main job, told as it happens: a real server and a real client over loopback.

Plain requests, bodies streamed both ways, a request ended by a deadline, and a drain. Run it:
``python examples/story.py`` (or ``python -m nox -s demo`` in a checkout).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

import trio_http
from trio_http import Client, Request, Response
from trio_http.messages import SendChunk

MIB = 1024 * 1024


async def handler(request: Request) -> Response:
    """Answer four paths; one function is a whole service."""
    if request.path == "/hello":
        return Response("Hello, World!")
    if request.path == "/count":
        size = 0
        async for chunk in request.body:
            size += len(chunk)
        return Response(json={"bytes": size})
    if request.path == "/numbers":
        return Response(numbers)
    if request.path == "/slow":
        await trio.sleep(3600)
    return Response("no such page", status=404)


async def numbers(send: SendChunk) -> None:
    """Produce a body piece by piece; a client that reads slowly makes this wait."""
    for number in range(5):
        await send(b"%d " % number)
        await trio.sleep(0.05)


async def upload() -> AsyncIterator[bytes]:
    """Give a body of 8 MiB, one piece at a time."""
    for _ in range(128):
        yield b"x" * (64 * 1024)


class Teller:
    """Prints the story line by line, with the seconds since it began."""

    def __init__(self) -> None:
        self._began = trio.current_time()

    def __call__(self, text: str) -> None:
        """Print one line."""
        print(f"{trio.current_time() - self._began:7.3f} s  {text}", flush=True)


async def main() -> None:
    """Tell the story."""
    tell = Teller()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, handler)
        tell(f"the server listens on {server.url}")

        async with Client(base_url=server.url, timeout=30) as client:
            response = await client.get("/hello")
            tell(f"GET /hello: {response.status}, {response.text()!r}")

            response = await client.post("/count", content=upload())
            tell(f"POST /count, 8 MiB streamed up from an iterator: {response.json()}")

            async with client.stream("GET", "/numbers") as streamed:
                tell(f"GET /numbers: {streamed.status}, and its body piece by piece:")
                async for chunk in streamed.body:
                    tell(f"    {chunk!r}")

            try:
                await client.get("/slow", timeout=0.25)
            except trio_http.TotalTimeout as error:
                tell(f"GET /slow, given 0.25 s: {type(error).__name__}: {error}")

            with trio.move_on_after(0.25):
                await client.get("/slow")
            tell("GET /slow again, under a cancel scope of our own: moved on after 0.25 s, nothing raised")

            response = await client.get("/hello")
            tell(f"GET /hello still works: {response.status}")

        report = await server.shutdown(grace=1)
        tell(f"shut down: {report.drained} connections drained, {len(report.cut)} cut")


if __name__ == "__main__":
    trio.run(main)
