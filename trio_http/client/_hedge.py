"""A second try beside a first that is slow, and the one that is answered first (Dean and Barroso, "The Tail at Scale").

Only requests that may be sent twice are: idempotent ones whose body can be replayed. A budget keeps a server that is
slow because it has too much to do from getting twice as much.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import outcome
import trio

from ..transport import leave_nursery
from ._attempt import Attempt, Head

__all__ = ["SHARE", "first_answer"]

SHARE = 0.1  # of a second try that each hedged request pays into the budget: one in ten, beyond a reserve


async def first_answer(
    send: Callable[[], Awaitable[tuple[Attempt, Head]]], delay: float, may_send_again: Callable[[], bool]
) -> tuple[Attempt, Head]:
    """Send a request, once more if no answer has come after a while, and return the first answer.

    The one that loses is cancelled; its connection is closed. If one fails, the other goes on.

    Args:
        send: Sends it.
        delay: Seconds until it is sent again.
        may_send_again: Asked then.

    Raises:
        Exception: What the first one raised, if there is no answer.

    Cancellation:
        Ends both.
    """
    results: list[outcome.Outcome[tuple[Attempt, Head]]] = []
    under_way = 0
    changed = trio.Event()

    async def one() -> None:
        nonlocal under_way
        try:
            results.append(outcome.Value(await send()))
        except Exception as error:
            results.append(outcome.Error(error))
        finally:
            under_way -= 1
            changed.set()

    def is_answered() -> bool:
        return any(isinstance(result, outcome.Value) for result in results)

    manager = trio.open_nursery()
    nursery = await manager.__aenter__()
    error: BaseException | None = None
    try:
        under_way = 1
        nursery.start_soon(one)
        with trio.move_on_after(delay):
            await changed.wait()
        if not results and may_send_again():
            under_way += 1
            nursery.start_soon(one)
        while under_way and not is_answered():
            changed = trio.Event()
            await changed.wait()
    except BaseException as caught:
        error = caught
    nursery.cancel_scope.cancel()
    try:
        await leave_nursery(manager, error)
        if error is not None:
            raise error
        # the caller's cancellation comes here when it was too late to stop an answer
        await trio.lowlevel.checkpoint_if_cancelled()
    except BaseException:
        await _abandon(results, None)
        raise
    winner = next((result for result in results if isinstance(result, outcome.Value)), None)
    await _abandon(results, winner)
    return (results[0] if winner is None else winner).unwrap()


async def _abandon(
    results: list[outcome.Outcome[tuple[Attempt, Head]]], keep: outcome.Outcome[tuple[Attempt, Head]] | None
) -> None:
    for result in results:
        if result is not keep and isinstance(result, outcome.Value):
            await result.value[0].abandon()
