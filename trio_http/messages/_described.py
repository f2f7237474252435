"""Exceptions that one side describes in the body of an error answer, and the other raises again.

Two forms are understood: ``{"error": {"type": "KeyError", "message": "ann"}}`` and problem details (RFC 9457) with a
member ``exception`` of their own. What comes from a peer is a name and a text, never code: the name is looked up among
the types below and those the caller gives, the type is called with the text and nothing else, and nothing is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from ..semantics import MediaType

__all__ = ["Described", "describe", "read_described"]

LENGTH_MAX: Final = 64 * 1024  # bytes; a description that is longer is none
TEXT_MAX: Final = 500  # characters of it in the text of another error

# Built-in, made of one text, and without a meaning of their own for those who catch: no StopIteration, nothing about
# this process (MemoryError, RecursionError, SystemError), nothing that is a BaseException only.
_KNOWN: Final[dict[str, type[Exception]]] = {
    cls.__name__: cls
    for cls in (
        ArithmeticError,
        BlockingIOError,
        BrokenPipeError,
        ConnectionError,
        EOFError,
        Exception,
        FileExistsError,
        FileNotFoundError,
        FloatingPointError,
        IndexError,
        InterruptedError,
        IsADirectoryError,
        KeyError,
        LookupError,
        NotADirectoryError,
        NotImplementedError,
        OSError,
        OverflowError,
        PermissionError,
        ProcessLookupError,
        RuntimeError,
        TimeoutError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    )
}


class Described(NamedTuple):
    """What is told of an exception."""

    name: str
    """The name of its type; ``""`` where only a text was given."""
    text: str
    """Its text."""

    def as_line(self) -> str:
        """The same in one printable line of moderate length, for the text of another error."""
        text = " ".join("".join([char if char.isprintable() else " " for char in self.text]).split())
        name = self.name if self.name.isidentifier() else ""
        return (f"{name}: {text}" if name and text else name or text)[:TEXT_MAX]

    def exception(self, types: Iterable[type[Exception]]) -> Exception | None:
        """Return the exception if its type is one of these or a common built-in one; None otherwise."""
        found = next((cls for cls in types if cls.__name__ == self.name), None) or _KNOWN.get(self.name)
        if found is None:
            return None
        try:
            return found(self.text)
        except Exception:  # somebody's own type that is not made of one text
            return None


def describe(error: Exception) -> Described:
    """Return what a peer is told of an exception: the name of its type and its text."""
    # the text of a KeyError is the repr of its key, which would be quoted once more on the other side
    first = error.args[0] if len(error.args) == 1 else None
    text = first if isinstance(error, KeyError) and isinstance(first, str) else str(error)
    return Described(type(error).__name__, text)


def read_described(content_type: str | None, data: bytes) -> Described | None:
    """Return what the body of an error answer tells of an exception, or None if it tells nothing."""
    try:
        is_json = content_type is not None and MediaType.parse(content_type).is_json
        value = json.loads(data) if is_json and 0 < len(data) <= LENGTH_MAX else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    told = value.get("error")
    if isinstance(told, dict):
        return _described(told.get("type"), told.get("message"))
    if isinstance(told, str):
        return _described("", told)
    return _described(value.get("exception", ""), value.get("detail", value.get("title")))


def _described(name: Any, text: Any) -> Described | None:
    return Described(name, text) if isinstance(name, str) and isinstance(text, str) and (name or text) else None
