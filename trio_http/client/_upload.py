"""Sending a request's body beside the waiting for its answer.

An upload runs in the client's nursery, so that an early answer is seen while bytes are still going out. It never
raises out of there: what went wrong is kept, and the exchange it belongs to raises it at its next wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import final

import trio

from .._errors import TransportError

__all__ = ["Upload"]

CLOSE_GRACE = 1.5  # seconds for a cancelled upload to close the user's body; that itself is given 1 s


@final
class Upload:
    """One body on its way out.

    Attributes:
        error: What ended it early; None if nothing did, or if it was stopped.
        done: Set when it is over, the user's body closed.
        interrupt: The scope of the exchange's current wait, cancelled when the upload is over.
    """

    __slots__ = ("_scope", "done", "error", "interrupt")

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self.done = trio.Event()
        self.error: BaseException | None = None
        self.interrupt: trio.CancelScope | None = None

    @property
    def is_fatal(self) -> bool:
        """True if there is no use in waiting for an answer: the user's body failed, or the time is over.

        When the connection took no more bytes an answer may still be there to be read (RFC 9112 section 9.5).
        """
        return self.error is not None and not isinstance(self.error, TransportError)

    async def run(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send; the body of the task."""
        try:
            with self._scope:
                await send()
        except Exception as error:
            self.error = error
        except BaseExceptionGroup as group:
            # a body with a nursery of its own: its errors are kept, a cancellation or KeyboardInterrupt goes on
            cancelled, rest = group.split(trio.Cancelled)
            if rest is not None and not isinstance(rest, Exception):
                raise
            if rest is not None:
                self.error = rest
            if cancelled is not None:
                raise cancelled from None
        finally:
            self.done.set()
            if self.interrupt is not None:
                self.interrupt.cancel()

    async def stop(self) -> None:
        """Stop it, and wait until the user's body is closed; no longer than a moment."""
        self._scope.cancel()
        with trio.CancelScope(deadline=trio.current_time() + CLOSE_GRACE, shield=True):
            await self.done.wait()
