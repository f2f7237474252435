"""Asking a handler for a file without a server, and the large one that there is."""

from __future__ import annotations

from trio_http import Request, Response
from trio_http.messages import Handler

BIG = bytes(range(256)) * 4096  # 1 MiB: several pieces


async def ask(handler: Handler, path: str, method: str = "GET", **fields: str) -> Response:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    response = await handler(Request(method, path, headers=headers))
    if response.outgoing.data is None and method == "GET":
        pieces: list[bytes] = []

        async def take(piece: bytes) -> None:
            pieces.append(piece)

        await response.outgoing.send_to(take)
        response = Response(b"".join(pieces), status=response.status, headers=response.headers)
    return response
