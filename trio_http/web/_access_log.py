"""Middleware: one line of log for each request."""

from __future__ import annotations

import logging

import trio

from .._errors import StatusError
from ..messages import Handler, Middleware, Request, Response
from ._answers import only_leaf
from ._limits import by_peer

__all__ = ["access_log"]


def access_log(logger: logging.Logger | None = None, *, level: int = logging.INFO) -> Middleware:
    """Log each request: peer, method, path, status, milliseconds, and its id if it has one.

    Queries are left out, because secrets travel in them; control characters are escaped. The time ends when the
    handler returns, before the body is sent. The status of a request whose handler failed is 500, of one that was
    cancelled (the peer left, the server stops) 499.

    Args:
        logger: ``trio_http.access`` unless given.
        level: The level of all lines.
    """
    target = logger or logging.getLogger("trio_http.access")

    def middleware(handler: Handler) -> Handler:
        async def logged(request: Request) -> Response:
            began = trio.current_time()
            status = 499
            try:
                response = await handler(request)
                status = response.status
                return response
            except Exception as error:
                leaf = only_leaf(error)
                status = leaf.status if isinstance(leaf, StatusError) and leaf.response is None else 500
                raise
            finally:
                took = (trio.current_time() - began) * 1000
                path = request.path.encode("unicode_escape").decode()
                name = request.state.get("request_id", "-")
                target.log(
                    level, "%s %s %s %d %.1fms %s", by_peer(request) or "-", request.method, path, status, took, name
                )

        return logged

    return middleware
