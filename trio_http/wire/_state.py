"""What is known of one connection of HTTP/1.1, and the words for it; either role.

The parts that send and receive are built on this: `_sending.py`, then `_http1.py`.
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar

from .. import h1
from .._errors import HTTPError, HTTPTimeout, IncompleteBody, RemoteProtocolError, TotalTimeout
from ..transport import READ_SIZE, Pace, Transport, Watched, format_address
from ._timing import Timing

__all__ = ["Line", "ordinal"]

_E = TypeVar("_E", bound=HTTPError)


class Line:
    """One connection; the stream's owner is whoever created it, and one task reads and one task sends at a time.

    Args:
        transport: The connected bytes; closed by :meth:`aclose`.
        role: ``h1.CLIENT`` or ``h1.SERVER``.
        limits: What the peer may send.
        timing: The deadlines.
        timer: Where a server arms the deadlines of waits outside user code, and a client those of its waits for
            bytes; a client's timer calls :meth:`expire`.
        read_size: Bytes asked for at once; a piece of a body is no longer than that.

    Attributes:
        core: The sans-I/O connection.
        latest: The instant, on trio's clock, when the current exchange has to be over (a client's total timeout).
        total: The seconds that `latest` stands for; for texts.
        subject: What the current exchange is about; ``str()`` of it is put into errors.
        timing: The deadlines; a client may change them between two exchanges.
        fault: The error of this connection that ended its use, if one did.
        broken: True when bytes of unknown number were sent: it can only be closed.
        status: The status of the answer to a client's current request; None before its final head.
        exchanges: How many heads have been received or sent on it.
        asked_at: When the last wait of a client for bytes began, on trio's clock.
        overdue: True once a wait of a client has been ended because its time was over.
        wakeable: True if that is done by closing the connection under it.
        sent: Bytes given to the transport so far.
        waiting: True while somebody waits for a part of a body.
        answer_begun: True once a byte has come in the current exchange of a client.
        patient: True while silence is no fault of the peer, because our own message is still going out: then only
            ``latest`` ends a wait for bytes.
    """

    __slots__ = (
        "_head_begun",
        "_next",
        "_reading",
        "_timer",
        "_writing",
        "answer_begun",
        "asked_at",
        "broken",
        "core",
        "exchanges",
        "fault",
        "latest",
        "overdue",
        "patient",
        "read_size",
        "received",
        "sent",
        "status",
        "subject",
        "timing",
        "total",
        "transport",
        "waiting",
        "wakeable",
    )

    def __init__(
        self,
        transport: Transport,
        role: type[h1.CLIENT | h1.SERVER],
        *,
        limits: h1.Limits,
        timing: Timing,
        timer: Watched | None = None,
        read_size: int = READ_SIZE,
    ) -> None:
        self.transport: Transport = transport
        self.core: h1.Connection = h1.Connection(role, strict=True, limits=limits)
        self.timing: Timing = timing
        self.read_size: int = read_size
        self._timer = timer
        self._head_begun = False  # a byte of the head that is awaited has come
        self._next: h1.EndOfMessage | HTTPError | None = None
        self._reading: Pace | None = None
        self._writing: Pace | None = None
        self.latest: float = math.inf
        self.total: float | None = None
        self.subject: object = None
        self.fault: HTTPError | None = None
        self.broken: bool = False
        self.exchanges: int = 0
        self.received: int = 0
        self.asked_at: float = 0.0
        self.overdue: bool = False
        self.wakeable: bool = role is h1.CLIENT and transport.wakes
        self.sent: int = 0
        self.waiting: bool = False
        self.status: int | None = None
        self.answer_begun: bool = False
        self.patient: bool = False

    def __repr__(self) -> str:
        return (
            f"<HTTP1Stream with {format_address(self.transport.peer)}: {self.core.our_state} {self.core.their_state}>"
        )

    def failed(self, error: _E) -> _E:
        """Note the error that ended the use of this connection; return it, to be raised."""
        self.fault = error
        return error

    def about(self) -> str:
        """What the current exchange is, for the beginning of a text."""
        subject = self.subject
        if isinstance(subject, h1.Request):
            method, target = subject.method.decode("latin-1"), subject.target.decode("latin-1")
            return f"{method} {target} from {format_address(self.transport.peer)}"
        return str(subject) if subject is not None else f"connection with {format_address(self.transport.peer)}"

    def progress(self) -> str:
        """How far the incoming message has come, for the end of a text."""
        if self.subject is not None and not isinstance(self.subject, h1.Request):
            return f"{self._answer_so_far()}; {ordinal(self.exchanges)} request on this connection"
        length = self.core.their_body_length
        of = "" if length is None else f" of {length}"
        return f"{self.received}{of} bytes of the body had arrived; exchange {self.exchanges} on this connection"

    def _setting(self, name: Literal["read", "write"]) -> str:
        value = self.timing.read if name == "read" else self.timing.write
        return f"{self.timing.owner}.{name}" + ("" if value is None else f"={value:g}")

    def _answer_so_far(self) -> str:
        if self.status is None:
            begun = self.core.buffered
            return f"{begun} bytes of an answer's head had arrived" if begun else "no answer yet"
        length = self.core.their_body_length
        of = "" if length is None else f" of {length}"
        return f"status {self.status} and {self.received}{of} bytes of the body had arrived"

    def _explained(self, error: RemoteProtocolError) -> HTTPError:
        text = f"{self.about()}: {error}; {self.progress()}"
        kind = IncompleteBody if isinstance(error, IncompleteBody) else type(error)
        return kind(text, error.error_status_hint)

    def _total_timeout(self) -> HTTPTimeout:
        return TotalTimeout(
            f"{self.about()}: not over after {self.total:g} s in all (timeout={self.total:g}); {self.progress()}"
            if self.total is not None
            else f"{self.about()}: not over in time; {self.progress()}",
            limit=self.total,
        )


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
