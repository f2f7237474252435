"""Middleware: which other origins may use this one from browsers, by the Fetch standard (CORS)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..messages import Handler, Middleware, Request, Response
from ._vary import vary

__all__ = ["cors"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def cors(
    origins: Collection[str] | Callable[[str], bool],
    *,
    methods: Collection[str] = _METHODS,
    headers: Collection[str] | None = None,
    expose: Collection[str] = (),
    credentials: bool = False,
    max_age: int = 600,
) -> Middleware:
    """Allow pages of other origins to ask and to read the answers.

    Args:
        origins: Such as ``["https://app.example.com"]``, ``["*"]`` for all, or a function that tells of one.
        methods: Which they may use.
        headers: Which fields they may send; None for any that they ask for.
        expose: Which fields of answers they may read beyond the simple ones.
        credentials: Whether cookies and the like are sent along; not with ``"*"``.
        max_age: Seconds for which a browser keeps the answer to a preflight.

    Raises:
        ValueError: ``"*"`` with credentials, which browsers refuse, and which would give every page everything.
    """
    if isinstance(origins, str):
        raise TypeError(f"cors({origins!r}): give a list of origins, or a function")
    everyone = not callable(origins) and "*" in origins
    if everyone and credentials:
        raise ValueError("cors(['*'], credentials=True): name the origins that may use people's credentials")

    def allows(origin: str) -> bool:
        return everyone or (origins(origin) if callable(origins) else origin in origins)

    def middleware(handler: Handler) -> Handler:
        async def shared(request: Request) -> Response:
            origin = request.headers.get("origin")
            wanted = request.headers.get("access-control-request-method")
            if origin is not None and wanted is not None and request.method == "OPTIONS":
                response = Response(b"", status=204)
                vary(response, "origin", "access-control-request-method", "access-control-request-headers")
                if not allows(origin) or wanted not in methods:
                    return response  # the browser reads the silence as a no
                _allow(response, origin)
                response.headers["access-control-allow-methods"] = ", ".join(methods)
                asked = request.headers.get("access-control-request-headers")
                names = asked if headers is None else ", ".join(headers)
                if names:
                    response.headers["access-control-allow-headers"] = names
                response.headers["access-control-max-age"] = str(max_age)
                return response
            response = await handler(request)
            if not everyone:
                vary(response, "origin")
            if origin is not None and allows(origin):
                _allow(response, origin)
                if expose:
                    response.headers["access-control-expose-headers"] = ", ".join(expose)
            return response

        return shared

    def _allow(response: Response, origin: str) -> None:
        response.headers["access-control-allow-origin"] = "*" if everyone else origin
        if credentials:
            response.headers["access-control-allow-credentials"] = "true"

    return middleware
