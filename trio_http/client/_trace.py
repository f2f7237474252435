"""Watching a client: what each attempt of a request spends its time on, told as it happens.

Nothing here is made, and nothing is asked for, where a client has no instruments.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, final

from ..messages import Request, Timings
from ._call import Call

__all__ = ["AttemptInfo", "ClientInstrument", "Phase", "Trace"]

Phase = Literal["queue", "dns", "connect", "tunnel", "handshake", "send", "wait", "receive"]
"""What an attempt does, in this order, as far as it has to: waiting for a connection of the pool; resolving the name
(a part of connecting); connecting; the words with a proxy; TLS; sending the request, which goes on beside the next two
while a long body is under way; waiting for the head of the answer; its body."""

log = logging.getLogger("trio_http.client")


@final
class AttemptInfo:
    """One request that is sent, or will be; retries and redirects are further ones.

    Attributes:
        request: The request. Do not change it.
        number: 1 for the first attempt, and so on through retries, redirects and the like.
        reused: True if it went over a connection that had been used before; None before it has one.
        status: The status of the answer; None before its head has come.
        sent: Bytes of the request, head included, that the connection took; known at the end.
        received: Bytes of the answer's body, as they travelled; known at the end.
        complete: True once the answer was read to its end.
        timings: How long what took.
    """

    __slots__ = ("complete", "number", "received", "request", "reused", "sent", "status", "timings")

    def __init__(self, request: Request, number: int, timings: Timings) -> None:
        self.request: Request = request
        self.number: int = number
        self.timings: Timings = timings
        self.reused: bool | None = None
        self.status: int | None = None
        self.sent: int = 0
        self.received: int = 0
        self.complete: bool = False

    def __repr__(self) -> str:
        return f"<attempt {self.number} of {self.request.method} {self.request.url.redacted}: {self.status or 'open'}>"


class ClientInstrument:
    """An observer of a client; a base for those that want to hear of some of this.

    All methods are synchronous and called in the task concerned. What they raise is logged and harms nobody. A client
    without one pays nothing for it.
    """

    def attempt_started(self, attempt: AttemptInfo) -> None:
        """A request is about to be sent."""

    def phase_started(self, attempt: AttemptInfo, phase: Phase) -> None:
        """It begins to do something that may take time."""

    def phase_ended(self, attempt: AttemptInfo, phase: Phase, error: BaseException | None) -> None:
        """That is over; by an error, :class:`trio.Cancelled` included, if there is one."""

    def attempt_ended(self, attempt: AttemptInfo, error: BaseException | None) -> None:
        """All is over, the answer's body included; ``attempt.complete`` tells whether all of it was read."""


@final
class Trace:
    """One attempt, and who wants to hear of it.

    Args:
        instruments: They.
        call: The request.
        timings: How long what took.
    """

    __slots__ = ("_instruments", "_open", "_over", "attempt", "sent_before")

    def __init__(self, instruments: Sequence[ClientInstrument], call: Call, timings: Timings) -> None:
        call.tries += 1
        self._instruments = instruments
        self._open: list[Phase] = []
        self._over = False
        self.sent_before = 0  # bytes that went over the connection for earlier requests
        self.attempt = AttemptInfo(call.request(), call.tries, timings)
        self._tell(lambda instrument: instrument.attempt_started(self.attempt))

    def phase_began(self, phase: Phase) -> None:
        """Note that something begins."""
        self._open.append(phase)
        self._tell(lambda instrument: instrument.phase_started(self.attempt, phase))

    def phase_ended(self, phase: Phase, error: BaseException | None = None) -> None:
        """Note that it is over; not if that has been told already."""
        if phase in self._open:
            self._open.remove(phase)
            self._tell(lambda instrument: instrument.phase_ended(self.attempt, phase, error))

    async def around(self, phase: Phase, function: Callable[[], Awaitable[None]]) -> None:
        """Run what is the rest of a phase."""
        try:
            await function()
        except BaseException as error:
            self.phase_ended(phase, error)
            raise
        self.phase_ended(phase)

    def answered(self, status: int) -> None:
        """Note that the head of the answer is there."""
        self.attempt.status = status
        self.phase_ended("wait")
        self.phase_began("receive")

    def ended(self, error: BaseException | None, *, complete: bool, received: int, sent: int = 0) -> None:
        """Note that all is over, with whatever is still open; calling it again is fine.

        Args:
            error: What ended it; None if nothing did.
            complete: The answer was read to its end.
            received: Bytes of the answer's body.
            sent: Bytes that went over the connection, those of earlier requests included.
        """
        if self._over:
            return
        self._over = True
        self.attempt.complete = complete
        self.attempt.received = received
        self.attempt.sent = sent - self.sent_before
        for phase in reversed(self._open[:]):
            self.phase_ended(phase, error)
        self._tell(lambda instrument: instrument.attempt_ended(self.attempt, error))

    def _tell(self, tell: Callable[[ClientInstrument], None]) -> None:
        for instrument in self._instruments:
            try:
                tell(instrument)
            except Exception:
                log.exception("the instrument %r failed", instrument)
