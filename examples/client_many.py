"""Many requests at once, few at a time, handled as they are done; retried where that helps.

python examples/client_many.py
"""

from __future__ import annotations

import trio

import trio_http
from trio_http import Request, Response, Retry, StatusError


async def moody(request: Request) -> Response:
    """Refuse every third request the first time."""
    number = int(request.path.strip("/"))
    if number % 3 == 0 and number not in refused:
        refused.add(number)
        raise StatusError(503, "come back")
    await trio.sleep(0.01 * (5 - number % 5))
    return Response(f"page {number}")


refused: set[int] = set()


async def main() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, moody, 0)
        retry = Retry(attempts=3, backoff=0.01)
        client = trio_http.Client(base_url=server.url, timeout=10, retry=retry)
        async with client, client.gather(limit=4) as group:
            for number in range(10):
                group.get(f"/{number}")
            async for handle in group:
                print(handle.unwrap().text())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
