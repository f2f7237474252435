"""What routes say about themselves: the decorators that document, and the description that others read.

It knows names and texts; how they are shown (OpenAPI, a page) is decided elsewhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, final

__all__ = ["Argument", "RouteInfo", "header", "marks_of", "param"]

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "_trio_http_arguments"


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """A header field or query parameter that a handler expects.

    Attributes:
        kind: ``"header"`` or ``"query"``.
        name: Its name.
        description: What it is for.
        value_type: ``str``, ``int``, ``float`` or ``bool``.
        required: Whether it must be there.
    """

    kind: str
    name: str
    description: str = ""
    value_type: type = str
    required: bool = False


@final
@dataclass(frozen=True, slots=True)
class RouteInfo:
    """What there is to know about one route.

    Attributes:
        method: The method; ``"*"`` for any.
        pattern: The whole pattern, mounts included.
        name: Its name for ``url_for``.
        host: The pattern of the host it is for; None for any.
        summary: The first line of the handler's docstring.
        description: The rest of it.
        arguments: What ``@header`` and ``@param`` say.
        max_content_length: The largest body in bytes; None where the server's limit rules.
        handler: The handler.
    """

    method: str
    pattern: str
    name: str
    host: str | None
    summary: str
    description: str
    arguments: tuple[Argument, ...]
    max_content_length: int | None
    handler: Callable[..., Any]


def header(name: str, description: str = "", *, value_type: type = str, required: bool = False) -> Callable[[F], F]:
    """Say that a handler expects a header field: for :meth:`Router.describe` and the docs page; enforces nothing."""
    return _marker(Argument("header", name, description, value_type, required))


def param(name: str, description: str = "", *, value_type: type = str, required: bool = False) -> Callable[[F], F]:
    """Say that a handler expects a query parameter: for :meth:`Router.describe` and the docs page; enforces nothing."""
    return _marker(Argument("query", name, description, value_type, required))


def _marker(argument: Argument) -> Callable[[F], F]:
    def mark(function: F) -> F:
        # decorators are applied from below; people read them from above
        setattr(function, _MARK, (argument, *marks_of(function)))
        return function

    return mark


def marks_of(function: Callable[..., Any]) -> tuple[Argument, ...]:
    """Return what the decorators have said about a function."""
    marks: tuple[Argument, ...] = getattr(function, _MARK, ())
    return marks


def split_doc(function: Callable[..., Any]) -> tuple[str, str]:
    """Return the first line of the docstring and the rest."""
    summary, _, rest = (inspect.getdoc(function) or "").partition("\n")
    return summary.strip(), rest.strip()
