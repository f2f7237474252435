"""Leaving a nursery of our own without leaving its mark on the user's exceptions.

A trio nursery wraps whatever ends its block into an exception group. Where the nursery is ours and the user has never
seen it, exactly that one level is taken off again.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType

import trio

__all__ = ["leave_nursery"]


async def leave_nursery(
    manager: AbstractAsyncContextManager[trio.Nursery],
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> bool:
    """Exit a nursery, for use in an ``__aexit__``.

    The user's exception comes out as the same object with its own traceback, and his own groups as they are. Beside
    another exception (a cancellation from outside, say) the group stays as trio made it; but a KeyboardInterrupt wins
    over everything, and where there is nothing but cancellation it comes out bare.

    Returns:
        What ``__aexit__`` is to return.
    """
    try:
        return bool(await manager.__aexit__(kind, error, traceback))
    except BaseExceptionGroup as group:
        if error is not None and len(group.exceptions) == 1 and group.exceptions[0] is error:
            return False
        interrupts = [each for each in group.exceptions if isinstance(each, KeyboardInterrupt)]
        if interrupts:
            raise interrupts[0] from None
        if group.split(trio.Cancelled)[1] is None:
            if isinstance(error, trio.Cancelled):
                return False
            await trio.lowlevel.checkpoint_if_cancelled()
        raise
