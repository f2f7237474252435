"""What tests of routes share: a handler that shows its matches, and a request without a wire."""

from __future__ import annotations

from trio_http import Request, Response
from trio_http.web import Router


async def matches(request: Request) -> Response:
    return Response(json=request.matches)


async def ask(router: Router, path: str, method: str = "GET", **headers: str) -> Response:
    return await router(Request(method, path, headers=headers))
