"""The router: from the path and method of a request to the handler that answers it. It is a handler itself.

How it works
------------
* Each method has its own index (:mod:`._index`); a route for any method is in all of them. Every route has a number:
  the first that was registered wins, across all of that.
* Patterns are matched against decoded components: an encoded slash (``%2F``) is part of a value, never a separator.
* A mounted router continues with the rest of the path; other mounted handlers see the request as it came, with the
  rest in ``request.matches["path"]``. So ``request.path`` and ``request.url`` are always what the peer asked for.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar, Unpack, final

from ..messages import Handler, Request, Response, Route, Routes, check_handler, unquote_path
from ..semantics import split_host_port
from ._answers import answer, answer_to
from ._body_limit import limit_body
from ._docs import RouteInfo, marks_of, split_doc
from ._index import ENCODED_SLASH, Index
from ._pattern import PATH_TYPES, PathType, Pattern, check_pattern
from ._registered import Host, Registered, name_of
from ._resource import MAX_CONTENT_LENGTH, notes_of
from ._websocket_route import WebSocketRouteOptions, websocket_handler

__all__ = ["Router"]

W = TypeVar("W", bound=Callable[..., Awaitable[Any]])
F = TypeVar("F", bound=Callable[..., Any])

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS"}


@final
class Router:
    """A handler that passes requests on to others, by path, method and host.

    The route that was registered first and matches wins. If there is none the answer is 404, or 405 with ``Allow``
    where only the method is wrong. HEAD is answered by GET's route unless it has one, and OPTIONS by what there is.
    A :class:`StatusError` that a handler raises is its answer.

    Args:
        types: Further types of parameters, for ``:name<type>``, beside ``str``, ``int``, ``float`` and ``uuid``.
        not_found: What answers where nothing matches; None for a plain 404.

    Example:
        >>> router = Router()
        >>> @router.get("/user/:name")
        ... async def user(request):
        ...     return Response(request.matches["name"])
        >>> router.url_for("user", name="ann")
        '/user/ann'
    """

    __slots__ = ("_any", "_hosts", "_indexes", "_not_found", "_routes", "_types")

    def __init__(self, *, types: Mapping[str, PathType] | None = None, not_found: Handler | None = None) -> None:
        self._types = PATH_TYPES if types is None else {**PATH_TYPES, **types}
        self._not_found = not_found
        self._routes: list[Registered[Router]] = []
        self._hosts: list[Host] = []
        self._any: Index[Registered[Router]] = (
            Index()
        )  # of routes for any method, asked for methods that no other route names
        self._indexes: dict[str, Index[Registered[Router]]] = {}

    def __repr__(self) -> str:
        return f"<Router with {len(self._routes)} routes>"

    # ---------------------------------------------------------------- registering

    def add(
        self,
        method: str,
        pattern: str,
        handler: Handler,
        *,
        max_content_length: int | None = None,
        name: str | None = None,
    ) -> None:
        """Register one route.

        Args:
            method: The method, as a rule in upper case; ``"*"`` for any.
            pattern: The pattern of the path, see :class:`Pattern`.
            handler: What answers.
            max_content_length: The largest body in bytes; None leaves it to the server.
            name: For :meth:`url_for`; the name of the function unless given.

        Raises:
            ValueError: The method or pattern is none.
        """
        if method != "*" and _TOKEN.fullmatch(method) is None:
            raise ValueError(f"{method!r} is no method: expected one like 'GET', or '*' for any")
        check_handler(handler, f"the handler for {method} {pattern}")
        if name is None:
            name = name_of(handler)
        self._register(Registered[Router](method, Pattern(pattern, self._types), handler, max_content_length, name))

    def _register(self, route: Registered[Router]) -> None:
        order = len(self._routes)
        self._routes.append(route)
        if route.method == "*":
            for index in (self._any, *self._indexes.values()):
                index.add(route.pattern, order, route)
            return
        if route.method not in self._indexes:
            index = self._indexes[route.method] = Index()
            for number, earlier in enumerate(self._routes[:-1]):
                if earlier.method == "*":
                    index.add(earlier.pattern, number, earlier)
        self._indexes[route.method].add(route.pattern, order, route)

    def get(self, pattern: str, *, name: str | None = None) -> Callable[[F], F]:
        """Answer GET (and HEAD, unless there is a route for it)."""
        return self._decorator(("GET",), pattern, None, name)

    def head(self, pattern: str, *, name: str | None = None) -> Callable[[F], F]:
        """Answer HEAD."""
        return self._decorator(("HEAD",), pattern, None, name)

    def options(self, pattern: str, *, name: str | None = None) -> Callable[[F], F]:
        """Answer OPTIONS, which is otherwise answered with the methods there are."""
        return self._decorator(("OPTIONS",), pattern, None, name)

    def post(
        self, pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
    ) -> Callable[[F], F]:
        """Answer POST.

        Args:
            pattern: The pattern of the path.
            max_content_length: The largest body in bytes, 5 MiB unless said otherwise; more is answered with 413
                before it is read. None leaves it to ``ServerLimits.body``, which holds in any case.
            name: For :meth:`url_for`; the name of the function unless given.
        """
        return self._decorator(("POST",), pattern, max_content_length, name)

    def put(
        self, pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
    ) -> Callable[[F], F]:
        """Answer PUT; the arguments are those of :meth:`post`."""
        return self._decorator(("PUT",), pattern, max_content_length, name)

    def patch(
        self, pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
    ) -> Callable[[F], F]:
        """Answer PATCH; the arguments are those of :meth:`post`."""
        return self._decorator(("PATCH",), pattern, max_content_length, name)

    def delete(
        self, pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
    ) -> Callable[[F], F]:
        """Answer DELETE; the arguments are those of :meth:`post`."""
        return self._decorator(("DELETE",), pattern, max_content_length, name)

    def route(
        self,
        pattern: str,
        methods: Iterable[str] | None = None,
        *,
        max_content_length: int | None = MAX_CONTENT_LENGTH,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """Answer several methods; None for any. The other arguments are those of :meth:`post`."""
        wanted = ("*",) if methods is None else (methods,) if isinstance(methods, str) else tuple(methods)
        return self._decorator(wanted, pattern, max_content_length, name)

    def websocket(
        self,
        pattern: str,
        *,
        name: str | None = None,
        **options: Unpack[WebSocketRouteOptions],
    ) -> Callable[[W], W]:
        """Answer a WebSocket's handshake; any other GET of that path is answered 426.

        The function is ``async def fn(ws)`` or ``async def fn(request, ws)``, for the life of the WebSocket, or
        ``async def fn(request, opcode, payload)``, called for each event (see
        :class:`trio_http.websocket.PerMessage`): its parameters tell.

        Args:
            pattern: The pattern of the path.
            name: For :meth:`url_for`; the name of the function unless given.
            options: See :class:`WebSocketRouteOptions`.

        Raises:
            TypeError: When it decorates: the function has none of these forms.
        """

        def register(fn: W) -> W:
            self.add("GET", pattern, websocket_handler(fn, options), name=name)
            return fn

        return register

    def _decorator(
        self, methods: tuple[str, ...], pattern: str, limit: int | None, name: str | None
    ) -> Callable[[F], F]:
        check_pattern(pattern)

        def register(handler: F) -> F:
            for method in methods:
                self.add(method, pattern, handler, max_content_length=limit, name=name)
            return handler

        return register

    def register_routes(self, routes: Routes | Iterable[Route]) -> None:
        """Register the routes of a resource, or ``(method, pattern, callback)`` one by one.

        What the decorators of :mod:`trio_http.web` say about a callback (limits, names) holds here, too; a bare
        callback for a method with a body takes 5 MiB.
        """
        given: object = routes
        if isinstance(given, type):
            raise TypeError(f"register_routes({given.__name__}) was given a class: make one, {given.__name__}(...)")
        for method, pattern, callback in routes if isinstance(routes, Iterable) else routes.routes():
            limit = None if method in _WITHOUT_BODY else MAX_CONTENT_LENGTH
            name = None
            for note in notes_of(callback):
                if (note.method, note.pattern) == (method, pattern):
                    limit, name = note.max_content_length, note.name
                    break
            self.add(method, pattern, callback, max_content_length=limit, name=name)

    def mount(self, prefix: str, handler: Handler, *, name: str | None = None) -> None:
        """Pass everything below a path on to another handler, whatever the method.

        A router continues with the rest of the path; the parameters of the prefix are in ``request.matches`` as well.
        Any other handler finds the rest, without its first slash, in ``request.matches["path"]``.

        Args:
            prefix: A pattern; ``"/"`` for everything.
            handler: What answers. If it is a router that has no fitting route, then the answer is 404 (or 405).
            name: Put with a colon before the names of a mounted router in :meth:`url_for`; None for none.
        """
        pattern = Pattern(prefix.rstrip("/") + "/:path*", self._types)
        route = Registered[Router]("*", pattern, handler, None, name)
        if isinstance(handler, Router):
            route.router = handler
        self._register(route)

    def host(self, pattern: str, handler: Handler) -> None:
        """Pass on all requests for a host to another handler, before any path is looked at.

        Args:
            pattern: A host without a port, such as ``"api.example.com"``; ``":name."`` stands for one label and
                ``":name+."`` for one or more, which are then in ``request.matches``. The first that matches wins.
            handler: What answers. Requests for other hosts go by the routes of this router.
        """
        self._hosts.append(Host(pattern, handler))

    # ---------------------------------------------------------------- answering

    async def dispatch(self, request: Request) -> Response:
        """Answer a request; the same as calling the router."""
        return await self(request)

    async def __call__(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            Exception: What the handler raises, but a :class:`StatusError`, which is its answer.
        """
        # Hot: once per request. With one parameter among 100 routes all of this costs about 1.5 us, half of it in
        # Index.find(); what is rare goes on in _answer(), which costs another coroutine.
        target = request.raw_target
        question = target.find(b"?")
        path = (target if question < 0 else target[:question]).decode("latin-1")
        if path[:1] != "/" or "#" in path:
            path = request.raw_path  # absolute-form, "*" or an authority; or a fragment behind it
        if "%" in path:
            path = _decoded(path)
        elif not self._hosts:
            index = self._indexes.get(request.method)
            if index is not None:
                found = index.find(path)
                if found is not None:
                    route = found[1]
                    if route.simple:
                        request.matches = found[2]
                        request.route = route.pattern.text
                        try:
                            return await route.handler(request)
                        except Exception as error:
                            response = answer_to(error)
                            if response is None:
                                raise
                            return response
        if self._hosts:
            by_host = self._find_host(request)
            if by_host is not None:
                handler, matches = by_host
                if isinstance(handler, Router):
                    return await handler._answer(request, path, matches, "")
                request.matches = matches
                return await _call(handler, request)
        return await self._answer(request, path, None, "")

    async def _answer(self, request: Request, path: str, outer: dict[str, Any] | None, base: str) -> Response:
        method = request.method
        index = self._indexes.get(method)
        found = self._any.find(path) if index is None else index.find(path)
        if method == "HEAD":
            found = self._find_head(path, found)
        if found is None:
            return await self._nothing(request, path)
        _, route, matches = found
        if outer is not None:
            matches = {**outer, **matches}
        if route.router is not None:
            base += route.pattern.text.removesuffix("/:path*")
            return await route.router._answer(request, "/" + matches.pop("path"), matches, base)
        if ENCODED_SLASH in path:
            for name, value in matches.items():
                if isinstance(value, str):
                    matches[name] = value.replace(ENCODED_SLASH, "/")
        request.matches = matches
        request.route = base + route.pattern.text
        try:
            if route.limit is not None:
                limit_body(request, route.limit)
            return await route.handler(request)
        except Exception as error:
            response = answer_to(error)
            if response is None:
                raise
            return response

    def _find_head(
        self, path: str, found: tuple[int, Registered[Router], dict[str, Any]] | None
    ) -> tuple[int, Registered[Router], dict[str, Any]] | None:
        """HEAD has a route of its own, or GET's; among the latter and those for any method the first wins."""
        if found is not None and found[1].method == "HEAD":
            return found
        index = self._indexes.get("GET")
        other = None if index is None else index.find(path)
        if found is None or other is None:
            return found or other
        return min(found, other, key=lambda item: item[0])

    async def _nothing(self, request: Request, path: str) -> Response:
        if request.method == "OPTIONS" and not path:
            allowed = set(self._indexes)  # OPTIONS *: the server as a whole, RFC 9110 section 9.3.7
        else:
            allowed = {method for method, index in self._indexes.items() if index.find(path) is not None}
        if not allowed:
            if self._not_found is not None:
                return await _call(self._not_found, request)
            return answer(404)
        if "GET" in allowed:
            allowed.add("HEAD")
        allowed.add("OPTIONS")
        if request.method == "OPTIONS":
            response = Response(status=204)
        else:
            response = answer(405, f"{request.method} is not answered here, but {', '.join(sorted(allowed))}")
        response.headers["allow"] = ", ".join(sorted(allowed))
        return response

    def _find_host(self, request: Request) -> tuple[Handler, dict[str, Any]] | None:
        try:
            name = split_host_port(request.host)[0].lower().rstrip(".")
        except ValueError:
            return None
        for host in self._hosts:
            match = host.expression.fullmatch(name)
            if match is not None:
                return host.handler, match.groupdict()
        return None

    # ---------------------------------------------------------------- telling

    def url_for(self, name: str, /, **params: Any) -> str:
        """Return the path of a route, percent-encoded.

        Args:
            name: The name it was registered with, or that of its function (``Class.method`` for a resource). The
                first route of that name that has just these parameters is taken. Names of a mounted router follow the
                name of the mount and a colon.
            params: The values of its parameters; optional ones may be left out.

        Raises:
            LookupError: There is no route of that name.
            ValueError: None of them takes these values.
        """
        complaints = []
        for pattern in self._patterns_of(name):
            try:
                return pattern.path(params)
            except ValueError as error:
                complaints.append(str(error))
        if complaints:
            raise ValueError(f"no route {name!r} for {params!r}: " + "; ".join(complaints))
        raise LookupError(f"no route has the name {name!r}")

    def _patterns_of(self, name: str) -> Iterable[Pattern]:
        for route in self._routes:
            if route.router is None:
                if route.name == name:
                    yield route.pattern
                continue
            prefix = f"{route.name}:" if route.name else ""
            if name.startswith(prefix):
                base = route.pattern.text.removesuffix("/:path*")
                for pattern in route.router._patterns_of(name[len(prefix) :]):
                    yield Pattern(base + pattern.text, {**self._types, **pattern.types})
        for host in self._hosts:
            if isinstance(host.handler, Router):
                yield from host.handler._patterns_of(name)

    def describe(self) -> list[RouteInfo]:
        """Return what there is to know about each route, those of mounted routers included, in order."""
        return list(self._describe("", None, ""))

    def _describe(self, base: str, host: str | None, prefix: str) -> Iterable[RouteInfo]:
        for route in self._routes:
            if route.router is not None:
                inner = base + route.pattern.text.removesuffix("/:path*")
                yield from route.router._describe(inner, host, f"{prefix}{route.name}:" if route.name else prefix)
                continue
            summary, description = split_doc(route.handler)
            yield RouteInfo(
                method=route.method,
                pattern=base + route.pattern.text,
                name=prefix + (route.name or ""),
                host=host,
                summary=summary,
                description=description,
                arguments=marks_of(route.handler),
                max_content_length=route.limit,
                handler=route.handler,
            )
        for one in self._hosts:
            if isinstance(one.handler, Router):
                yield from one.handler._describe(base, one.text, prefix)

    def routes(self) -> list[Route]:
        """Return ``(method, pattern, callback)`` for each route, those of mounted routers included, in order."""
        return [(info.method, info.pattern, info.handler) for info in self.describe()]


async def _call(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Exception as error:
        response = answer_to(error)
        if response is None:
            raise
        return response


def _decoded(raw: str) -> str:
    """Percent-decode each component; a slash that was encoded becomes one that separates nothing."""
    return "/".join(
        [unquote_path(part).replace("/", ENCODED_SLASH) if "%" in part else part for part in raw.split("/")]
    )
