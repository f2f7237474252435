"""Functions of users that are told of something, and may be async or not."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

__all__ = ["called"]

_Args = TypeVarTuple("_Args")


async def called(function: Callable[[*_Args], Awaitable[None] | None], *args: *_Args) -> None:
    """Call such a function, and wait for it if it is one to be waited for.

    Raises:
        Exception: What it raises.
    """
    result = function(*args)
    if inspect.isawaitable(result):
        await result
