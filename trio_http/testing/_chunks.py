"""Chunks: how much of what has arrived one read returns. TCP promises order, never borders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from ._options import is_whole

__all__ = ["Chunks"]


@final
@dataclass(frozen=True, slots=True, repr=False)
class Chunks:
    """A rule for the size of reads; make one with the class methods.

    The rule is asked at each read. It never loses or reorders bytes, so a right program does not notice it.
    """

    name: str
    _rule: Callable[[bytes, int, float], int]

    def __repr__(self) -> str:
        return f"Chunks.{self.name}"

    @property
    def is_whole(self) -> bool:
        """Whether reads return all that has arrived, as they do without a rule."""
        return self.name == "whole()"

    @classmethod
    def whole(cls) -> Chunks:
        """Reads return everything that has arrived, up to what was asked for."""
        return cls("whole()", lambda data, n, unit: len(data))

    @classmethod
    def bytewise(cls) -> Chunks:
        """Each read returns one byte."""
        return cls("bytewise()", lambda data, n, unit: 1)

    @classmethod
    def random(cls) -> Chunks:
        """Each read returns a seeded random part of what has arrived."""
        return cls("random()", lambda data, n, unit: 1 + int(unit * len(data)))

    @classmethod
    def sizes(cls, sizes: Sequence[int]) -> Chunks:
        """Reads return at most these many bytes in turn, beginning anew at the end of the list.

        Raises:
            ValueError: no sizes, or one below 1.
        """
        wanted = tuple(sizes)
        if not wanted or any(not is_whole(size) or size < 1 for size in wanted):
            raise ValueError(f"Chunks.sizes({sizes!r}): give at least one size, each 1 or more bytes")
        return cls(f"sizes({list(wanted)!r})", lambda data, n, unit: wanted[n % len(wanted)])

    @classmethod
    def split_inside(cls, mark: bytes) -> Chunks:
        r"""Reads end in the middle of every ``mark``, such as ``b"\r\n"``, and are whole otherwise.

        Raises:
            ValueError: a mark of fewer than two bytes has no inside.
        """
        if len(mark) < 2:
            raise ValueError(f"Chunks.split_inside({mark!r}): a mark needs two bytes or more")

        def rule(data: bytes, n: int, unit: float) -> int:
            found = data.find(mark)
            return len(data) if found < 0 else found + 1 + int(unit * (len(mark) - 1))

        return cls(f"split_inside({mark!r})", rule)

    def size(self, data: bytes, *, n: int, unit: float) -> int:
        """Return how many bytes of ``data`` the ``n``-th read of an end returns: 1 to ``len(data)``."""
        return max(1, min(len(data), self._rule(data, n, unit)))
