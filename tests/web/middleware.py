"""A request from somewhere, and a handler, for the tests of middleware."""

from __future__ import annotations

from trio_http import Request, Response
from trio_http.messages import BareExchange


class From(BareExchange):
    """An exchange with an address."""

    def __init__(self, address: str, scheme: str = "http") -> None:
        self.peer = (address, 1)
        self.scheme = scheme


def request(
    method: str = "GET", path: str = "/", *, peer: str = "10.0.0.1", scheme: str = "http", **fields: str
) -> Request:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return Request(method, path, headers=headers, exchange=From(peer, scheme))


async def hello(request: Request) -> Response:
    return Response("hello")
