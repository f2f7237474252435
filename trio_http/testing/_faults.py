"""Faults: what may go wrong on the way, how often, and how badly. Values only; who asks decides what happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import ClassVar, TypeAlias, final

from ._draws import Draws
from ._options import is_number

__all__ = ["FaultPlan", "Faults"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often each kind of fault happens, as probabilities from 0 (the default: never) to 1 (always).

    Attributes:
        short_read: a read returns fewer bytes than have arrived.
        short_write: a send accepts fewer bytes than there is room for.
        delay: a segment takes longer, by ``delay_seconds``.
        stall: a direction stands still for ``stall_seconds``.
        reset: a send breaks the connection; both ends see ECONNRESET.
        cut: a send ends the connection early but orderly: both ends see the end of the stream.
        refuse: a connect is refused, whoever listens.
        drop_syn: one SYN is lost (the next attempt follows after 1, 2, 4, ... seconds).
        dns_fail: a look-up fails with EAI_AGAIN.
        dns_delay: a look-up takes longer, by ``delay_seconds``.
        corrupt: a bit of a segment flips. TCP's checksum hides most of these in life, so ``swarm`` never uses it.
        delay_seconds: the least and the most time a delay adds, in seconds.
        stall_seconds: the least and the most time a stall lasts, in seconds.

    Raises:
        ValueError: a probability outside 0..1, or seconds that are negative or in the wrong order.
    """

    short_read: float = 0.0
    short_write: float = 0.0
    delay: float = 0.0
    stall: float = 0.0
    reset: float = 0.0
    cut: float = 0.0
    refuse: float = 0.0
    drop_syn: float = 0.0
    dns_fail: float = 0.0
    dns_delay: float = 0.0
    corrupt: float = 0.0
    delay_seconds: tuple[float, float] = (0.001, 1.0)
    stall_seconds: tuple[float, float] = (1.0, 60.0)

    KINDS: ClassVar[tuple[str, ...]] = (
        "short_read",
        "short_write",
        "delay",
        "stall",
        "reset",
        "cut",
        "refuse",
        "drop_syn",
        "dns_fail",
        "dns_delay",
        "corrupt",
    )

    def __post_init__(self) -> None:
        for kind in self.KINDS:
            value = getattr(self, kind)
            if not is_number(value) or not 0 <= value <= 1:
                raise ValueError(f"Faults({kind}={value!r}): a probability is a number from 0 to 1")
        for name in ("delay_seconds", "stall_seconds"):
            pair = getattr(self, name)
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(f"Faults({name}={pair!r}): give (least, most) in seconds")
            least, most = pair
            if not 0 <= least <= most or math.isinf(most):
                raise ValueError(f"Faults({name}={pair!r}): 0 <= least <= most, and finite")

    @property
    def none(self) -> bool:
        """Whether no fault can happen at all."""
        return not any(getattr(self, kind) for kind in self.KINDS)

    @classmethod
    def swarm(cls, seed: int) -> Faults:
        """Choose a mix of faults for a seed: each kind is off with probability 1/2, else rare or frequent.

        A program that survives everything at once is often hit by the first fault only; leaving kinds out
        lets a run get far enough for the rest (swarm testing).
        """
        draws = Draws(seed, lambda: 0.0)
        chosen: dict[str, float] = {}
        for kind, most in (
            ("short_read", 1.0),
            ("short_write", 1.0),
            ("delay", 0.5),
            ("stall", 0.05),
            ("reset", 0.1),
            ("cut", 0.05),
            ("refuse", 0.3),
            ("drop_syn", 0.3),
            ("dns_fail", 0.3),
            ("dns_delay", 0.5),
        ):
            if draws.unit("swarm", kind) < 0.5:
                # a square makes rare more likely than frequent
                chosen[kind] = most * draws.unit("swarm-rate", kind) ** 2
        return cls(**chosen)  # type: ignore[arg-type]  # the keys are probabilities, never the pairs

    def only(self, *kinds: str) -> Faults:
        """Return these faults with every kind but the named ones switched off."""
        unknown = [kind for kind in kinds if kind not in self.KINDS]
        if unknown:
            raise ValueError(f"no such kind of fault: {', '.join(unknown)}; there are {', '.join(self.KINDS)}")
        off = {kind: 0.0 for kind in self.KINDS if kind not in kinds}
        return replace(self, **off)  # type: ignore[arg-type]  # the keys are probabilities, never the pairs

    @property
    def exact(self) -> str:
        """The call that makes exactly these."""
        default = Faults()
        parts = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self)
                 if getattr(self, f.name) != getattr(default, f.name)]  # fmt: skip
        return f"Faults({', '.join(parts)})"

    def __str__(self) -> str:
        shown = [
            f"{field.name}={getattr(self, field.name):.3g}"
            for field in fields(self)
            if field.name in self.KINDS and getattr(self, field.name)
        ]
        return f"Faults({', '.join(shown)})"


FaultPlan: TypeAlias = Faults | Callable[[int], Faults]
"""Faults, or how to choose them for a seed (:meth:`Faults.swarm` is one such way)."""
