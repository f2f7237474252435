"""Patterns of paths: what ``/user/:id<int>`` matches, and the path that it makes of values.

Pure text: a pattern knows no requests, no handlers and no other patterns.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final
from urllib.parse import quote

__all__ = ["PATH_TYPES", "VARIANTS_MAX", "Part", "PathType", "Pattern", "check_pattern"]

_PARAMETER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)(?:<([A-Za-z_][A-Za-z0-9_]*)>)?([?+*]?)")
_FOREIGN = re.compile(r"\{(\w+)(?::\w+)?\}|<(?:\w+:)?(\w+)>")  # a parameter, as other libraries write it
OPTIONAL_MAX = 6  # each one doubles the number of plain patterns that stand for it
VARIANTS_MAX = 1 << OPTIONAL_MAX


@final
@dataclass(frozen=True, slots=True)
class PathType:
    """A type of parameters, for ``:name<type>``.

    Args:
        expression: A regular expression for the decoded component, matched as a whole.
        parse: Makes the value of it; a ValueError says that the component does not match after all.
        format: Makes the component of a value, for ``url_for``.
    """

    expression: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str] = str


PATH_TYPES: Final[Mapping[str, PathType]] = {
    "str": PathType(r"[^/]+", str),
    "int": PathType(r"-?[0-9]{1,18}", int),  # as much as a database's integer holds; int() of more is not linear
    "float": PathType(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", float, repr),
    "uuid": PathType(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", uuid.UUID),
}


def check_pattern(given: object) -> None:
    """Refuse what is no text: a function, where a decorator was not called.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(given, str):
        name = getattr(given, "__name__", repr(given))
        raise TypeError(f"the pattern of a route is a str, and this is {name}: say @router.get('/path'), with a path")


@final
class Part:
    """One component of a pattern.

    Attributes:
        literal: The text itself; None for a parameter.
        name: The name of the parameter.
        type_name: The name of its type; None for any text.
        many: ``""`` (one component), ``"?"``, ``"+"`` or ``"*"``.
    """

    __slots__ = ("literal", "many", "name", "type_name")

    def __init__(self, literal: str | None, name: str = "", type_name: str | None = None, many: str = "") -> None:
        self.literal = literal
        self.name = name
        self.type_name = type_name
        self.many = many


@final
class Pattern:
    """A pattern of paths.

    ``/abc`` matches exactly this. ``:a`` stands for one component, ``:a?`` for zero or one, ``:a+`` for one or more,
    ``:a*`` for zero or more; ``:a<int>`` for one that is a number. What ``+`` and ``*`` match is one text with its
    slashes, empty if it is nothing; it does not begin with a slash. A parameter that is left out (``?``) is None.
    The slash before something that is left out may be there or not.

    Args:
        text: The pattern; it begins with ``/``.
        types: The types of parameters, by name.

    Raises:
        ValueError: It is no pattern.
    """

    __slots__ = ("parts", "text", "types")

    def __init__(self, text: str, types: Mapping[str, PathType] = PATH_TYPES) -> None:
        check_pattern(text)
        if not text.startswith("/"):
            raise ValueError(f"pattern {text!r} does not begin with a slash: say {'/' + text!r}")
        self.text: str = text
        self.types: Mapping[str, PathType] = types
        self.parts: list[Part] = [self._part(component) for component in text[1:].split("/")]
        names = self.names
        if len(set(names)) < len(names):
            raise ValueError(f"pattern {text!r} names a parameter twice: give each its own name")
        if sum(part.many in {"+", "*"} for part in self.parts) > 1:
            # where one ends and the next begins would be a guess, and finding it would cost the square of the path
            raise ValueError(f"pattern {text!r} has several parameters with + or *: it can have one")
        if sum(part.many in {"?", "*"} for part in self.parts) > OPTIONAL_MAX:
            raise ValueError(
                f"pattern {text!r} has more than {OPTIONAL_MAX} optional parameters: make it several routes"
            )

    def _part(self, component: str) -> Part:
        if not component.startswith(":"):
            foreign = _FOREIGN.fullmatch(component)
            if foreign is not None:
                raise ValueError(
                    f"{component!r} in pattern {self.text!r} would match these very characters only: "
                    f"a parameter is written :{foreign[1] or foreign[2]}, or :{foreign[1] or foreign[2]}<int>"
                )
            return Part(component)
        match = _PARAMETER.fullmatch(component)
        if match is None:
            raise ValueError(
                f"{component!r} in pattern {self.text!r} is no parameter: expected ':name', ':name<type>', "
                "and perhaps one of ?, + and * behind it"
            )
        name, type_name, many = match.groups()
        if type_name is not None:
            if type_name not in self.types:
                raise ValueError(
                    f"{component!r} in pattern {self.text!r}: there is no type {type_name!r}; "
                    f"known are {', '.join(sorted(self.types))}"
                )
            if many in {"+", "*"}:
                raise ValueError(f"{component!r} in pattern {self.text!r}: several components have no type")
            if type_name == "str":
                type_name = None
        return Part(None, name, type_name, many)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    @property
    def names(self) -> list[str]:
        """The names of its parameters, in order."""
        return [part.name for part in self.parts if part.literal is None]

    def variants(self) -> list[tuple[list[Part], dict[str, str | None]]]:
        """Return the patterns without ``?`` and ``*`` that stand for this one, the greediest first.

        Each comes with the values of the parameters that are left out in it.
        """
        variants: list[tuple[list[Part], dict[str, str | None]]] = [([], {})]
        for part in self.parts:
            if part.many not in {"?", "*"}:
                for parts, _ in variants:
                    parts.append(part)
                continue
            given = Part(None, part.name, part.type_name, "" if part.many == "?" else "+")
            nothing = None if part.many == "?" else ""
            variants = [
                variant
                for parts, values in variants
                for variant in (([*parts, given], values), (list(parts), {**values, part.name: nothing}))
            ]
        return variants

    def path(self, values: Mapping[str, Any]) -> str:
        """Return the path that these values make, percent-encoded.

        Raises:
            ValueError: A value is missing, is one too many, or does not fit; such a path would not lead back here.
        """
        unknown = set(values) - set(self.names)
        if unknown:
            raise ValueError(f"pattern {self.text!r} has no parameter {', '.join(sorted(unknown))}")
        text = ""
        for part in self.parts:
            if part.literal is not None:
                text += "/" + _component(part.literal)
                continue
            value = values.get(part.name)
            if value is None or value == "":
                if part.many not in {"?", "*"}:
                    raise ValueError(f"pattern {self.text!r} needs a value for {part.name!r}")
                continue
            if part.many in {"+", "*"}:
                if not isinstance(value, str) or value.startswith("/"):
                    raise ValueError(
                        f"{part.name}={value!r} for pattern {self.text!r}: give text without leading slash"
                    )
                text += "/" + "/".join([_component(piece) for piece in value.split("/")])
                continue
            kind = self.types[part.type_name or "str"]
            component = kind.format(value)
            if part.type_name is not None and re.fullmatch(kind.expression, component) is None:
                raise ValueError(f"{part.name}={value!r} for pattern {self.text!r} is no {part.type_name}")
            text += "/" + _component(component)
        return text or "/"


def _component(text: str) -> str:
    if text in {".", ".."}:
        raise ValueError(f"{text!r} cannot be a component of a path: every client would take it away")
    return quote(text, safe="!$&'()*+,;=:@~")
