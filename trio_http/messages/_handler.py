"""The one shape that joins all: a handler takes a request and returns a response.

A router, a middleware's result, an application behind an adapter, a test double and ``Client.send`` are all handlers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from ._request import Request
from ._response import Response

__all__ = ["Handler", "Middleware", "Route", "RouteTable", "Routes"]

Handler = Callable[[Request], Awaitable[Response]]
Middleware = Callable[[Handler], Handler]
Route = tuple[str, str, Handler]
"""Method, pattern of the path, and what answers."""


class Routes(Protocol):
    """What has routes: a resource, a router."""

    def routes(self) -> Sequence[Route]:
        """Return them, in the order in which they are tried."""


@runtime_checkable
class RouteTable(Routes, Protocol):
    """A handler made of routes, to which more can be added: a router, for those who must not know one."""

    def register_routes(self, routes: Routes | Iterable[Route]) -> None:
        """Add the routes of a resource, or some one by one."""
