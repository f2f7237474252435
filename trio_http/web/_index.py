"""Finding the route of a path among many: a tree of path components, searched for the route registered first.

How it works
------------
* One index holds the routes of one method. A node has a child for each literal component, one child for ``:a`` and
  one for each type (``:a<int>``); so the way down does not depend on how many routes there are.
* ``?`` and ``*`` are taken apart before (:meth:`Pattern.variants`), so a node knows only ``+``: a *tail*, a regular
  expression for all that follows.
* First match wins, exactly: where several ways lead on, all are tried that may still lead to an earlier route than
  the one found. Every node knows the earliest route below it, so that most ways are cut off at once.
* A path of literals only is looked up in a dictionary, filled when such a path is first asked for. Its keys are
  patterns, never what peers made up, so it cannot grow beyond the number of routes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, final

from ._pattern import VARIANTS_MAX, Part, PathType, Pattern

__all__ = ["ENCODED_SLASH", "Index"]

T = TypeVar("T")

# Stands for a %2F in a decoded path while it is matched: a slash that separates nothing. No decoded path holds it,
# because decoding never gives a lone surrogate.
ENCODED_SLASH = "\udc2f"
_NEVER = 1 << 62


@final
class _End(Generic[T]):
    """Where a variant of a route ends: its place in the order, and what becomes of the values collected on the way."""

    __slots__ = ("names", "omitted", "order", "route")

    def __init__(self, order: int, route: T, names: tuple[str, ...], omitted: Mapping[str, Any]) -> None:
        self.order = order
        self.route = route
        self.names = names
        self.omitted = omitted


@final
class _Tail(Generic[T]):
    """The rest of a route from its ``+`` on."""

    __slots__ = ("_expression", "_types", "end")

    def __init__(self, expression: re.Pattern[str], types: list[PathType | None], end: _End[T]) -> None:
        self._expression = expression
        self._types = types
        self.end = end

    def match(self, rest: str) -> list[Any] | None:
        """Return the values in there, or None if it does not fit."""
        match = self._expression.fullmatch(rest)
        if match is None:
            return None
        try:
            return [
                text if kind is None else kind.parse(text.replace(ENCODED_SLASH, "/"))
                for kind, text in ((kind, match[f"_{number}"]) for number, kind in enumerate(self._types))
            ]
        except ValueError:
            return None


@final
class _Node(Generic[T]):
    __slots__ = ("end", "first", "literals", "one", "plain", "tails", "typed")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.one: _Node[T] | None = None
        self.typed: dict[PathType, tuple[re.Pattern[str], _Node[T]]] = {}
        self.tails: list[_Tail[T]] = []
        self.end: _End[T] | None = None
        self.first = _NEVER  # the earliest route in here
        self.plain = True  # neither typed children nor tails

    def search(
        self, parts: list[str], index: int, values: tuple[Any, ...], limit: int
    ) -> tuple[_End[T], tuple[Any, ...]] | None:
        """Find the earliest route before ``limit`` that fits ``parts[index:]``."""
        # Hot: once per request. One dictionary look-up per component as long as there is one way only.
        node = self
        count = len(parts)
        while index < count:
            part = parts[index]
            child = node.literals.get(part)
            if child is None:
                child = node.one
                if not node.plain:
                    return node._branch(parts, index, values, limit)
                if child is None or not part:
                    return None
                values = (*values, part)
            elif node.one is not None or not node.plain:
                return node._branch(parts, index, values, limit)
            node = child
            index += 1
        end = node.end
        return None if end is None or end.order >= limit else (end, values)

    def _branch(
        self, parts: list[str], index: int, values: tuple[Any, ...], limit: int
    ) -> tuple[_End[T], tuple[Any, ...]] | None:
        part = parts[index]
        best = None
        child = self.literals.get(part)
        if child is not None and child.first < limit:
            best = child.search(parts, index + 1, values, limit)
            if best is not None:
                limit = best[0].order
        if part and self.one is not None and self.one.first < limit:
            found = self.one.search(parts, index + 1, (*values, part), limit)
            if found is not None:
                best, limit = found, found[0].order
        for kind, (expression, child) in self.typed.items():
            if child.first < limit and expression.fullmatch(part) is not None:
                try:
                    value = kind.parse(part.replace(ENCODED_SLASH, "/"))
                except ValueError:
                    continue
                found = child.search(parts, index + 1, (*values, value), limit)
                if found is not None:
                    best, limit = found, found[0].order
        if self.tails:
            rest = "/".join(parts[index:])
            for tail in self.tails:
                more = tail.match(rest) if tail.end.order < limit else None
                if more is not None:
                    best, limit = (tail.end, (*values, *more)), tail.end.order
        return best


@final
class Index(Generic[T]):
    """The routes of one method."""

    __slots__ = ("_literal", "_root")

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._literal: dict[str, tuple[int, T]] = {}

    def add(self, pattern: Pattern, order: int, route: T) -> None:
        """Add a route; ``order`` says which came first."""
        self._literal.clear()
        # Of one route the greediest variant that fits is meant, so each has a place of its own in the order.
        for number, (parts, omitted) in enumerate(pattern.variants()):
            self._add(parts, omitted, pattern, order * VARIANTS_MAX + number, route)

    def _add(self, parts: list[Part], omitted: Mapping[str, Any], pattern: Pattern, order: int, route: T) -> None:
        node = self._root
        node.first = min(node.first, order)
        names = tuple([part.name for part in parts if part.literal is None])
        end = _End(order, route, names, omitted)
        for index, part in enumerate(parts):
            if part.many == "+":
                node.tails.append(_tail(parts[index:], pattern, end))
                node.plain = False
                return
            if part.literal is not None:
                node = node.literals.setdefault(part.literal, _Node())
            elif part.type_name is None:
                node.one = node.one or _Node()
                node = node.one
            else:
                kind = pattern.types[part.type_name]
                node.plain = False
                node = node.typed.setdefault(kind, (re.compile(kind.expression, re.DOTALL), _Node()))[1]
            node.first = min(node.first, order)
        if parts and (node.end is None or order < node.end.order):
            node.end = end
        if omitted and pattern.parts[-1].name in omitted:
            # what is left out at the end may leave its slash behind
            node = node.literals.setdefault("", _Node())
            node.first = min(node.first, order)
            if node.end is None or order < node.end.order:
                node.end = end

    def find(self, path: str) -> tuple[int, T, dict[str, Any]] | None:
        """Return the earliest route that matches: its number, itself, and the values of its parameters.

        Args:
            path: The decoded path; it begins with a slash. A slash that was encoded is :data:`ENCODED_SLASH`, and
                still is in the values returned, but for typed ones.
        """
        literal = self._literal.get(path)
        if literal is not None:
            return literal[0], literal[1], {}
        found = self._root.search(path.split("/"), 1, (), _NEVER)
        if found is None:
            return None
        end, values = found
        if not values:
            if not end.omitted:
                self._literal[path] = (end.order // VARIANTS_MAX, end.route)
            return end.order // VARIANTS_MAX, end.route, dict(end.omitted)
        if len(values) == 1:
            matches: dict[str, Any] = {end.names[0]: values[0]}  # a third of what dict(zip()) costs
        else:
            matches = dict(zip(end.names, values, strict=True))
        if end.omitted:
            matches.update(end.omitted)
        return end.order // VARIANTS_MAX, end.route, matches


def _tail(parts: list[Part], pattern: Pattern, end: _End[T]) -> _Tail[T]:
    pieces: list[str] = []
    types: list[PathType | None] = []
    for part in parts:
        if part.literal is not None:
            pieces.append(re.escape(part.literal))
            continue
        kind = None if part.type_name is None else pattern.types[part.type_name]
        expression = "[^/].*" if part.many == "+" else "[^/]+" if kind is None else kind.expression
        pieces.append(f"(?P<_{len(types)}>{expression})")
        types.append(kind)
    return _Tail(re.compile("/".join(pieces), re.DOTALL), types, end)
