"""A part of a handler that must not stop half-way: protection from cancellation, with an end of its own."""

from __future__ import annotations

from types import TracebackType
from typing import final

import trio

from ..transport import Sweeper, Watched

__all__ = ["Shield"]


@final
class Shield(Watched):
    """A shielded scope that is lifted, not cancelled, when its time is over.

    Args:
        sweeper: Who watches the time.
        among: The shields that are up, for whoever may lift them before.
        seconds: How long it may stay up; 0 for not at all.
    """

    __slots__ = ("_among", "_holds", "_scope", "_seconds")

    def __init__(self, sweeper: Sweeper, among: list[Shield], seconds: float) -> None:
        super().__init__(sweeper)
        self._among = among
        self._seconds = seconds
        self._scope = trio.CancelScope(shield=True)
        self._holds = False

    def lift(self) -> None:
        """End the protection: what has been cancelled around the block now reaches into it."""
        self._scope.shield = False
        self._let_go()

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            self._sweeper.release()

    def expire(self) -> None:
        """Time is over."""
        self.lift()

    def __enter__(self) -> None:
        self._among.append(self)
        if self._seconds > 0:
            self.arm(trio.current_time() + self._seconds)
            # If all around is cancelled, its end would otherwise come to nobody: the sweeper is cancelled, too.
            self._sweeper.hold()
            self._holds = True
        else:
            self.lift()
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.unwatch()
        self._let_go()
        self._among.remove(self)
        return bool(self._scope.__exit__(kind, error, traceback))
