"""All the chance there is: boundaries, masks, nonces, jitter.

Everything random in the package is drawn here, so that a testing kit can seed it (same seed, same bytes).
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["random_bytes", "random_unit", "set_entropy"]

_source: Callable[[int], bytes] = os.urandom


def random_bytes(count: int) -> bytes:
    """Return ``count`` unpredictable bytes."""
    return _source(count)


def random_unit() -> float:
    """Return a float in [0, 1), with 53 random bits."""
    return (int.from_bytes(_source(7), "big") >> 3) / (1 << 53)


def set_entropy(source: Callable[[int], bytes] | None) -> Callable[[int], bytes]:
    """Replace the source of the process; None puts :func:`os.urandom` back. Returns the source before."""
    global _source
    before, _source = _source, os.urandom if source is None else source
    return before
