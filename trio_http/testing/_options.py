"""Checks of options that come from users whose type checker is off."""

from __future__ import annotations

__all__ = ["is_number", "is_whole"]


def is_whole(value: object) -> bool:
    """Return whether ``value`` is an int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Return whether ``value`` is an int or float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)
