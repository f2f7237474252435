"""Middleware: how long a handler may take to answer."""

from __future__ import annotations

import logging

import trio

from ..messages import Handler, Middleware, Request, Response
from ._answers import answer

__all__ = ["timeout"]

log = logging.getLogger("trio_http.web")


def timeout(seconds: float, *, status: int = 503) -> Middleware:
    """Cancel a handler that takes longer, and answer for it.

    It covers the time until the handler returns; what is sent afterwards has the server's timeouts.

    Args:
        seconds: How long.
        status: The status of the answer.
    """
    if not seconds > 0:
        raise ValueError(f"timeout({seconds!r}): give seconds as a positive number")

    def middleware(handler: Handler) -> Handler:
        async def in_time(request: Request) -> Response:
            with trio.CancelScope(deadline=trio.current_time() + seconds):
                return await handler(request)
            log.warning("%s %s took longer than %g s; answered %d", request.method, request.path, seconds, status)
            return answer(status, "the request took too long")

        return in_time

    return middleware
