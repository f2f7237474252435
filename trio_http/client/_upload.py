"""Sending a request's body beside the waiting for its answer.

An upload runs in the client's nursery, so that an early answer is seen while bytes are still going out. It never
raises out of there: what went wrong is kept, and the exchange it belongs to raises it at its next wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import final

import trio

from .. import h1
from .._errors import TransportError
from ..messages import Content
from ..transport import WRITE_SLICE
from ..wire import HTTP1Stream, Unsent

__all__ = ["Upload"]

CLOSE_GRACE = 1.5  # seconds for a cancelled upload to close the user's body; that itself is given 1 s


@final
class Upload:
    """One body on its way out.

    Attributes:
        error: What ended it early; None if nothing did, or if it was stopped.
        done: Set when it is over, the user's body closed.
        sent: Bytes of a streamed body that the connection has taken.
        interrupt: The scope of the exchange's current wait, cancelled when the upload is over.
    """

    __slots__ = ("_ours", "_scope", "done", "error", "interrupt", "sent")

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self.done = trio.Event()
        self.error: BaseException | None = None
        self.interrupt: trio.CancelScope | None = None
        self.sent = 0
        self._ours: BaseException | None = None  # what our own sending raised, through the user's code

    @property
    def is_fatal(self) -> bool:
        """True if there is no use in waiting for an answer: the user's body failed, or the time is over.

        When the connection took no more bytes an answer may still be there to be read (RFC 9112 section 9.5).
        """
        return self.error is not None and not (self.error is self._ours and isinstance(self.error, TransportError))

    @property
    def users_error(self) -> BaseException | None:
        """What the user's own code raised, if it did."""
        return None if self.error is self._ours else self.error

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

    async def pour(
        self, stream: HTTP1Stream, content: Content, progress: Callable[[int, int | None], object] | None
    ) -> None:
        """Send a body that comes piece by piece, and its end.

        Args:
            stream: Where to; the head has been sent.
            content: The body; closed on every path.
            progress: Told after each piece ``(bytes sent, bytes in all or None)``.

        Raises:
            LocalProtocolError, WriteTimeout, TotalTimeout, WriteError: It cannot be sent.
            Exception: What the user's body raises.
        """
        total = content.length

        async def send(chunk: bytes) -> None:
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise TypeError(f"a piece of a body is bytes, not {type(chunk).__name__}: {chunk!r:.60}")
            if not chunk:
                await trio.lowlevel.checkpoint()  # an empty chunk would be the end on the wire
                return
            view = memoryview(chunk).cast("B")
            size = len(view) if progress is None else WRITE_SLICE
            for start in range(0, len(view), size):
                piece = view[start : start + size]
                await self._ourselves(stream.send_event(h1.Data(data=piece)))
                self.sent += len(piece)
                if progress is not None:
                    progress(self.sent, total)

        await content.send_to(send)
        await self._ourselves(stream.send_event(h1.EndOfMessage()))

    async def send_rest(self, stream: HTTP1Stream, unsent: Unsent) -> None:
        """Send the rest of a message that was in memory.

        Raises:
            WriteTimeout, TotalTimeout, WriteError: It cannot be sent.
        """
        await self._ourselves(stream.send_unsent(unsent))

    async def _ourselves(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except Exception as error:
            self._ours = error
            raise
