"""Signals as orders: SIGTERM and SIGINT end, a second one forces, SIGHUP reloads."""

from __future__ import annotations

import signal
from collections.abc import Callable

import trio

from ._served import Order

__all__ = ["follow_signals"]

ENDING = (signal.SIGINT, signal.SIGTERM)


async def follow_signals(
    obey: Callable[[Order], None],
    *,
    hang_up: Order | None = Order.RELOAD,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn the signals of this process into orders until the second one that ends it.

    After that each does what it does without us: whoever sends a third one wants the process gone, whatever it does.

    Args:
        obey: Called with each order.
        hang_up: What SIGHUP means; None to leave it alone.
        task_status: For ``nursery.start``: from then on signals are seen.

    Cancellation:
        Gives the signals back.
    """
    wanted = ENDING if hang_up is None else (*ENDING, signal.SIGHUP)
    with trio.open_signal_receiver(*wanted) as signals:
        task_status.started()
        ends = 0
        async for number in signals:
            if number == signal.SIGHUP and hang_up is not None:
                obey(hang_up)
            else:
                obey(Order.END)
                ends += 1
                if ends == 2:
                    return
