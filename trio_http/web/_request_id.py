"""Middleware: a name for each request, for logs on both sides."""

from __future__ import annotations

import re

from .._entropy import random_bytes
from ..messages import Handler, Middleware, Request, Response

__all__ = ["request_id"]

_GIVEN = re.compile(r"[0-9A-Za-z._-]{1,64}")  # what may go into logs as it is


def request_id(*, header: str = "x-request-id", trust: bool = False) -> Middleware:
    """Give each request a name: in ``request.state["request_id"]``, and in a field of the answer.

    Args:
        header: The field.
        trust: Take the name that the peer gives, if it is one to 64 letters, digits or any of ``._-``; for servers
            behind a proxy of their own.
    """

    def middleware(handler: Handler) -> Handler:
        async def named(request: Request) -> Response:
            given = request.headers.get(header) if trust else None
            name = given if given is not None and _GIVEN.fullmatch(given) else random_bytes(12).hex()
            request.state["request_id"] = name
            response = await handler(request)
            response.headers[header] = name
            return response

        return named

    return middleware
