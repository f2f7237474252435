"""The one shape that joins all: a handler takes a request and returns a response.

A router, a middleware's result, an application behind an adapter, a test double and ``Client.send`` are all handlers.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from ._request import Request
from ._response import Response

__all__ = [
    "Handler",
    "Middleware",
    "Route",
    "RouteTable",
    "Routes",
    "can_be_called_with",
    "check_handler",
    "no_response",
]

Handler = Callable[[Request], Awaitable[Response]]
Middleware = Callable[[Handler], Handler]
Route = tuple[str, str, Handler]
"""Method, pattern of the path, and what answers."""


class Routes(Protocol):
    """What has routes: a resource, a router."""

    def routes(self) -> Sequence[Route]:
        """Return them, in the order in which they are tried."""
        ...


@runtime_checkable
class RouteTable(Routes, Protocol):
    """A handler made of routes, to which more can be added: a router, for those who must not know one."""

    def register_routes(self, routes: Routes | Iterable[Route]) -> None:
        """Add the routes of a resource, or some one by one."""
        ...


def can_be_called_with(given: Callable[..., object], count: int) -> bool:
    """Tell whether something takes so many arguments; True where it does not say."""
    try:
        signature = inspect.signature(given, follow_wrapped=False)
    except ValueError:
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def check_handler(given: object, what: str) -> None:
    """Refuse what cannot be a handler, as far as that can be told without calling it.

    Whether it is async cannot: a plain function may return what another one gives to await.

    Args:
        given: What is to be called with a request.
        what: What to call it in the text, such as ``the handler``.

    Raises:
        TypeError: It is none; the text says what is wrong.
    """
    if inspect.iscoroutine(given):
        given.close()  # that it was never awaited is beside the point
        raise TypeError(f"{what} has been called already: give the function itself, {given.__name__} without ()")
    expected = "expected async def handler(request)"
    if not callable(given):
        hint = "; what has routes goes into a router: router.register_routes(...)" if hasattr(given, "routes") else ""
        raise TypeError(f"{what} is {given!r}; {expected}{hint}")
    if inspect.isasyncgenfunction(given):
        raise TypeError(f"{what} yields: {given!r}; {expected} that returns Response(...) of what yields")
    if not can_be_called_with(given, 1):
        name = getattr(given, "__name__", type(given).__name__)
        signature = inspect.signature(given, follow_wrapped=False)
        asgi = list(signature.parameters) == ["scope", "receive", "send"]
        hint = ". An ASGI application is served by trio_http.serve_asgi()" if asgi else ""
        raise TypeError(f"{what} is {name}{signature}, which does not take a request alone; {expected}{hint}")


def no_response(returned: object) -> str:
    """Return what to say of a handler that returned something else than a response."""
    if returned is None:
        return "returned None (a forgotten return?), not a Response"
    if inspect.isawaitable(returned):
        return f"returned a {type(returned).__name__} (a forgotten await?), not a Response"
    say = "Response(json=...)" if isinstance(returned, dict | list) else "Response(...)"
    if isinstance(returned, str | bytes | dict | list):
        return f"returned a {type(returned).__name__}, not a Response; say return {say}"
    return f"returned an object of type {type(returned).__name__}, not a Response"
