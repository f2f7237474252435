"""Resources: classes whose methods answer related routes, and the decorators that say which.

A decorator only notes what it was told on the function; a :class:`~trio_http.web.Router` reads the notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, Unpack, final

from ..messages import Handler
from ._pattern import check_pattern
from ._websocket_route import WebSocketRouteOptions, websocket_handler

__all__ = [
    "MAX_CONTENT_LENGTH",
    "Note",
    "Resource",
    "delete",
    "get",
    "head",
    "notes_of",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "websocket",
]

F = TypeVar("F", bound=Callable[..., Any])

MAX_CONTENT_LENGTH: Final = 5 * 1024 * 1024
"""The bytes that a body may have where a route takes one and says nothing else."""

_NOTES: Final = "_trio_http_routes"


@final
@dataclass(frozen=True, slots=True)
class Note:
    """What a decorator was told.

    Attributes:
        method: The method; ``"*"`` for any.
        pattern: The pattern of the path.
        max_content_length: In bytes; None leaves it to the server.
        name: For ``url_for``; None for the name of the function.
        websocket: The options of a route for WebSockets; None for any other route.
    """

    method: str
    pattern: str
    max_content_length: int | None
    name: str | None
    websocket: WebSocketRouteOptions | None = None

    def __post_init__(self) -> None:
        check_pattern(self.pattern)


def notes_of(function: Callable[..., Any]) -> tuple[Note, ...]:
    """Return what the decorators have noted on a function."""
    notes: tuple[Note, ...] = getattr(function, _NOTES, ())
    return notes


def _noting(*notes: Note) -> Callable[[F], F]:
    def note(function: F) -> F:
        # decorators are applied from below; first match wins from above
        setattr(function, _NOTES, (*notes, *notes_of(function)))
        return function

    return note


def get(pattern: str, *, name: str | None = None) -> Callable[[F], F]:
    """Answer GET (and HEAD, unless there is a route for it)."""
    return _noting(Note("GET", pattern, None, name))


def head(pattern: str, *, name: str | None = None) -> Callable[[F], F]:
    """Answer HEAD."""
    return _noting(Note("HEAD", pattern, None, name))


def options(pattern: str, *, name: str | None = None) -> Callable[[F], F]:
    """Answer OPTIONS, which is otherwise answered with the methods there are."""
    return _noting(Note("OPTIONS", pattern, None, name))


def post(
    pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
) -> Callable[[F], F]:
    """Answer POST.

    Args:
        pattern: The pattern of the path.
        max_content_length: The largest body in bytes, 5 MiB unless said otherwise; more is answered with 413 before
            it is read. None leaves it to ``ServerLimits.body``, which holds in any case.
        name: For ``url_for``; the name of the function unless given.
    """
    return _noting(Note("POST", pattern, max_content_length, name))


def put(
    pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
) -> Callable[[F], F]:
    """Answer PUT; the arguments are those of :func:`post`."""
    return _noting(Note("PUT", pattern, max_content_length, name))


def patch(
    pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
) -> Callable[[F], F]:
    """Answer PATCH; the arguments are those of :func:`post`."""
    return _noting(Note("PATCH", pattern, max_content_length, name))


def delete(
    pattern: str, *, max_content_length: int | None = MAX_CONTENT_LENGTH, name: str | None = None
) -> Callable[[F], F]:
    """Answer DELETE; the arguments are those of :func:`post`."""
    return _noting(Note("DELETE", pattern, max_content_length, name))


def route(
    pattern: str,
    methods: Iterable[str] | None = None,
    *,
    max_content_length: int | None = MAX_CONTENT_LENGTH,
    name: str | None = None,
) -> Callable[[F], F]:
    """Answer several methods, or any.

    Args:
        pattern: The pattern of the path.
        methods: The methods; None for any.
        max_content_length: As for :func:`post`.
        name: As for :func:`post`.
    """
    wanted = ["*"] if methods is None else [methods] if isinstance(methods, str) else list(methods)
    return _noting(*(Note(method, pattern, max_content_length, name) for method in wanted))


def websocket(pattern: str, *, name: str | None = None, **options: Unpack[WebSocketRouteOptions]) -> Callable[[F], F]:
    """Answer a WebSocket's handshake; any other GET of that path is answered 426.

    The method is ``async def f(self, ws)`` or ``async def f(self, request, ws)``, for the life of the WebSocket, or
    ``async def f(self, request, opcode, payload)``, called for each event (see
    :class:`trio_http.websocket.PerMessage`): its parameters tell when the resource is registered, and any other form
    is a TypeError then.

    Args:
        pattern: The pattern of the path.
        name: For ``url_for``; the name of the function unless given.
        options: See :class:`WebSocketRouteOptions`.
    """
    return _noting(Note("GET", pattern, None, name, options))


class Resource:
    """A class of related routes; derive from it and decorate its methods.

    Example:
        >>> class Users(Resource):
        ...     @get("/user/:name")
        ...     async def show(self, request): ...
    """

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return ``(method, pattern, callback)`` for each route, in the order of their definition, bases first.

        A method that is defined again in a derived class keeps its place, and its new decorators count. The callback
        of a WebSocket is a handler that opens it.

        Raises:
            TypeError: A method for a WebSocket has none of the forms that :func:`websocket` names.
        """
        names = dict.fromkeys(name for cls in reversed(type(self).__mro__) for name in vars(cls))
        return [
            (note.method, note.pattern, self._callback(name, note))
            for name in names
            # from the class, so that no property is run
            for note in notes_of(getattr(type(self), name, None) or _nothing)
        ]

    def _callback(self, name: str, note: Note) -> Handler:
        function: Handler = getattr(self, name)
        return function if note.websocket is None else websocket_handler(function, note.websocket)


def _nothing() -> None: ...
