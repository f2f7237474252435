"""Routes given to a server: they go on to its handler, if that is a table of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._errors import LocalProtocolError, StatusError
from ..messages import Handler, Request, Response, Route, Routes, RouteTable

__all__ = ["Routed", "nothing_here"]


async def nothing_here(request: Request) -> Response:
    """Answer 404: the handler of a server that was given none."""
    raise StatusError(404)


class Routed:
    """A server whose handler may be a table of routes."""

    handler: Handler

    def register_routes(self, routes: Routes | Iterable[Route]) -> None:
        """Add routes to the handler, which must be a table of them: ``Server(Router()).register_routes(Files())``.

        Args:
            routes: A resource, or ``(method, pattern, callback)`` one by one.

        Raises:
            LocalProtocolError: The handler takes no routes.
        """
        self._table().register_routes(routes)

    def routes(self) -> Sequence[Route]:
        """Return method, pattern and callback of each route of the handler, in order.

        Raises:
            LocalProtocolError: The handler has no routes.
        """
        return self._table().routes()

    def _table(self) -> RouteTable:
        handler: object = self.handler
        if handler is nothing_here:
            raise LocalProtocolError(
                "this server has no handler, so there is nothing that could take or have routes: "
                "make it with one that does, Server(trio_http.web.Router(), port)"
            )
        if not isinstance(handler, RouteTable):
            raise LocalProtocolError(
                f"the handler of this server, {handler!r}, takes no routes: give the server a trio_http.web.Router, "
                "or, where middleware is around one, ask that router itself"
            )
        return handler
