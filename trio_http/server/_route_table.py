"""The routes of a server: those of its handler, if that is made of routes."""

from __future__ import annotations

from .._errors import LocalProtocolError, StatusError
from ..messages import Request, Response, RouteTable

__all__ = ["nothing_here", "route_table"]


async def nothing_here(request: Request) -> Response:
    """Answer 404: the handler of a server that was given none."""
    raise StatusError(404)


def route_table(handler: object) -> RouteTable:
    """Return the handler as a table of routes.

    Raises:
        LocalProtocolError: It takes no routes.
    """
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
