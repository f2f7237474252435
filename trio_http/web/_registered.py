"""What a router has been told: a handler for a path and method, or for some hosts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

from ..messages import Handler
from ._pattern import Pattern
from ._resource import Resource

__all__ = ["Host", "Registered", "name_of"]

R = TypeVar("R")

_HOST_LABEL = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)(\+?)")


@final
class Registered(Generic[R]):
    """One route.

    Attributes:
        method: The method; ``"*"`` for any.
        pattern: The pattern of the path.
        handler: What answers.
        limit: The largest body in bytes; None leaves it to the server.
        name: For ``url_for``.
        router: The handler, if it is a router that is mounted here.
        simple: Nothing is to be done but to call the handler.
    """

    __slots__ = ("handler", "limit", "method", "name", "pattern", "router", "simple")

    def __init__(self, method: str, pattern: Pattern, handler: Handler, limit: int | None, name: str | None) -> None:
        self.method = method
        self.pattern = pattern
        self.handler = handler
        self.limit = limit
        self.name = name
        self.router: R | None = None
        # "*" has to be weighed against other methods for HEAD
        self.simple = limit is None and method != "*"


@final
class Host:
    """A handler for some hosts.

    Attributes:
        text: The pattern of the hosts.
        expression: Matches them, in lower case and without a port.
        handler: What answers.
    """

    __slots__ = ("expression", "handler", "text")

    def __init__(self, text: str, handler: Handler) -> None:
        labels = []
        for label in text.lower().split(".") if ":" not in text else text.split("."):
            match = _HOST_LABEL.fullmatch(label)
            if match is not None:
                labels.append(f"(?P<{match[1]}>{'.+' if match[2] else '[^.]+'})")
            elif ":" in label or not label:
                raise ValueError(
                    f"{text!r} is no pattern of hosts: expected one like 'example.com' or ':name.example.com'"
                )
            else:
                labels.append(re.escape(label.lower()))
        self.text = text
        self.expression = re.compile(r"\.".join(labels))
        self.handler = handler


def name_of(handler: Callable[..., Any]) -> str:
    """Return the name that a route has unless it is given one."""
    name: str = getattr(handler, "__name__", type(handler).__name__)
    owner = getattr(inspect.unwrap(handler), "__self__", None)
    return f"{type(owner).__name__}.{name}" if isinstance(owner, Resource) else name
