"""Chance in a simulation: every decision is a hash of (seed, key, n), never the next number of one stream.

How it works:
1. A key is (kind, label), such as ("reset", "app->10.0.0.2:80#1 client"); n counts how often that key was asked.
2. So leaving one fault out moves no other decision. Shrinking rests on that.
3. The size of a fault (how long a delay, how short a read) comes out of the same number that decided it: below its
   probability p the number is uniform in [0, p). A second draw would move when the first is left out.
4. ``only`` names the faults that may happen; the others are still drawn, and then do not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from random import Random
from struct import Struct
from typing import NamedTuple, final

__all__ = ["Draws", "FaultEvent", "keyed_bytes"]

_BLOCK = Struct("<8Q")
_UNIT = 2.0**-53


class FaultEvent(NamedTuple):
    """One fault that happened.

    Attributes:
        time: seconds since the simulation began.
        key: the name of the decision; give it to ``simulate(only=...)`` to let this fault happen and no other.
        text: what was done, for people.
    """

    time: float
    key: str
    text: str

    def __str__(self) -> str:
        return f"t={self.time:.3f} {self.text}"


def keyed_bytes(seed: int, key: str, count: int) -> bytes:
    """Return ``count`` bytes that depend on nothing but ``seed`` and ``key``."""
    blocks = range((count + 63) // 64)
    return b"".join(blake2b(f"{seed}|{key}|{block}".encode()).digest() for block in blocks)[:count]


@final
class Draws:
    """The keyed decisions of one simulation, and the record of the faults that came of them."""

    __slots__ = ("_blocks", "_now", "_only", "_random", "_seed", "happened", "interrupt")

    def __init__(
        self,
        seed: int,
        now: Callable[[], float],
        *,
        only: Iterable[str] | None = None,
        random: Random | None = None,
    ) -> None:
        self._seed = seed
        self._now = now
        self._only = None if only is None else frozenset(only)
        self._random = random
        # key -> [next n, the eight numbers of its current block]
        self._blocks: dict[tuple[str, str], list[int]] = {}
        self.interrupt: BaseException | None = None
        self.happened: list[FaultEvent] = []

    def _draw(self, kind: str, label: str) -> tuple[float, int]:
        key = (kind, label)
        state = self._blocks.get(key)
        if state is None:
            state = self._blocks[key] = [0]
        n = state[0]
        state[0] = n + 1
        if self._random is not None:
            return self._foreign_number(self._random), n
        at = n & 7
        if not at:
            digest = blake2b(f"{self._seed}|{kind}|{label}|{n >> 3}".encode()).digest()
            state[1:] = _BLOCK.unpack(digest)
        return (state[at + 1] >> 11) * _UNIT, n

    def _foreign_number(self, random: Random) -> float:
        if self.interrupt is None:
            try:
                # Hypothesis shrinks its numbers towards 0, which must mean "no fault"
                return 1.0 - random.random()
            except BaseException as interrupt:
                # Hypothesis ends an example so; inside a task, trio would wrap it in groups that Hypothesis does not
                # know. It is raised again at the end of the run, and until then there are no more faults.
                self.interrupt = interrupt
        return 1.0

    def unit(self, kind: str, label: str) -> float:
        """Return the next number of a key, uniform in [0, 1]."""
        return self._draw(kind, label)[0]

    def fault(self, kind: str, label: str, probability: float) -> float | None:
        """Decide whether a fault happens: None, or its size, uniform in [0, 1)."""
        if probability <= 0.0:
            return None
        number, n = self._draw(kind, label)
        if number >= probability and probability < 1.0:
            return None
        key = f"{kind} {label} {n}"
        if self._only is not None and key not in self._only:
            return None
        self.happened.append(FaultEvent(self._now(), key, f"{kind} on {label}"))
        return min(number / probability, 1.0 - _UNIT)
