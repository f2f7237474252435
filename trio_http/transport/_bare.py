"""Leaving a nursery of our own without leaving its mark on the user's exceptions.

A trio nursery wraps whatever ends its block into an exception group. Where the nursery is ours and the user has never
seen it, exactly that one level is taken off again.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import trio

__all__ = ["leave_nursery"]


async def leave_nursery(
    manager: AbstractAsyncContextManager[trio.Nursery],
    error: BaseException | None,
) -> None:
    """Exit a nursery whose tasks have been told to end, for use in an ``__aexit__``.

    The user's exception comes out as the same object with its own traceback, and his own groups as they are. Beside
    another exception (a cancellation from outside, say) the group stays as trio made it; but a KeyboardInterrupt wins
    over everything, and where there is nothing but cancellation it comes out bare.

    Raises:
        BaseException: What the tasks of the nursery raised; the user's exception is left to ``async with``.
    """
    # The nursery is not told of the user's exception: it would wrap it, and rebuild a group of his.
    try:
        await manager.__aexit__(None, None, None)
    except BaseExceptionGroup as group:
        if isinstance(error, KeyboardInterrupt):
            return
        interrupts = [each for each in group.exceptions if isinstance(each, KeyboardInterrupt)]
        if interrupts:
            raise interrupts[0] from None
        only_cancelled = group.split(trio.Cancelled)[1] is None
        if error is None and only_cancelled:
            await trio.lowlevel.checkpoint_if_cancelled()
        if error is None:
            raise
        if only_cancelled and isinstance(error, trio.Cancelled):
            return
        raise BaseExceptionGroup(group.message, [error, *group.exceptions]) from None
