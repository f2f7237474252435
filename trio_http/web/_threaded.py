"""Handlers that block: ordinary functions, run in threads."""

from __future__ import annotations

import functools
from collections.abc import Callable

import trio

from ..messages import Handler, Middleware, Request, Response

__all__ = ["apply", "threaded"]


def threaded(function: Callable[[Request], Response], *, limiter: trio.CapacityLimiter | None = None) -> Handler:
    """Make a handler of a function that blocks; it runs in a worker thread.

    The function gets the request without the right to await: read the body before, in middleware or
    in a handler of your own that calls :func:`trio.to_thread.run_sync`.

    Args:
        function: Takes a request, returns a response.
        limiter: How many at once; trio's default, 40 of all threads, unless given.

    Cancellation:
        Nobody waits any longer; the thread goes on to its end, and its result is dropped. The function may ask
        :func:`trio.from_thread.check_cancelled`.
    """

    @functools.wraps(function)
    async def handler(request: Request) -> Response:
        return await trio.to_thread.run_sync(function, request, abandon_on_cancel=True, limiter=limiter)

    return handler


def apply(handler: Handler, *middleware: Middleware) -> Handler:
    """Return the handler inside all of that middleware, the first outermost.

    Example: ``apply(router, access_log(), compression())`` is ``access_log()(compression()(router))``.
    """
    for one in reversed(middleware):
        handler = one(handler)
    return handler
