"""The one shape that joins all: a handler takes a request and returns a response.

A router, a middleware's result, an application behind an adapter, a test double and ``Client.send`` are all handlers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ._request import Request
from ._response import Response

__all__ = ["Handler", "Middleware"]

Handler = Callable[[Request], Awaitable[Response]]
Middleware = Callable[[Handler], Handler]
