"""One attempt to open a connection: whose it is, how long each phase may take, and how long it took.

Routes (direct, through a proxy, to a unix socket) run their steps through a :class:`Dial`; it knows deadlines and
words, they know sockets.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeVar, TypeVarTuple, final

import trio

from .._errors import ConnectTimeout, HandshakeTimeout, HTTPTimeout, TotalTimeout

__all__ = ["Dial", "PhaseObserver"]

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")

Phase = Literal["connect", "tunnel", "handshake"]
ObservedPhase = Literal["dns", "connect", "tunnel", "handshake"]


class PhaseObserver(Protocol):
    """Somebody who wants to know where the time goes. Told in the task concerned; must not raise."""

    def phase_began(self, phase: ObservedPhase) -> None:
        """A phase begins; ``"dns"`` is a part of ``"connect"``."""
        ...

    def phase_ended(self, phase: ObservedPhase, error: BaseException | None) -> None:
        """It is over, in good order or by an error, :class:`trio.Cancelled` included."""
        ...


@final
class Dial:
    """The deadlines of one attempt, and its clock.

    Args:
        connect: Seconds for names, TCP and the words with a proxy; None for never.
        handshake: Seconds for each TLS handshake; None for never.
        latest: The instant, on trio's clock, when all must be over.
        total: The seconds that ``latest`` stands for, for texts.
        subject: What the connection is for; ``str()`` of it begins the texts of errors.
        observer: Told of each phase; None for nobody.

    Attributes:
        dns: Seconds spent on resolving names.
        connecting: Seconds spent on connecting, names included.
        handshaking: Seconds spent on TLS handshakes.
    """

    __slots__ = (
        "_connect",
        "_handshake",
        "_observer",
        "_total",
        "connecting",
        "dns",
        "handshaking",
        "latest",
        "subject",
    )

    def __init__(
        self,
        *,
        connect: float | None,
        handshake: float | None,
        latest: float = math.inf,
        total: float | None = None,
        subject: object = "connecting",
        observer: PhaseObserver | None = None,
    ) -> None:
        self._connect = connect
        self._handshake = handshake
        self._total = total
        self._observer = observer
        self.latest: float = latest
        self.subject: object = subject
        self.dns: float = 0.0
        self.connecting: float = 0.0
        self.handshaking: float = 0.0

    async def step(self, phase: Phase, what: str, function: Callable[[*_Args], Awaitable[_T]], /, *args: *_Args) -> _T:
        """Run one step under the deadline of its phase.

        Args:
            phase: ``"connect"``, ``"tunnel"`` (through a proxy, under the deadline for connecting) or ``"handshake"``.
            what: What the step waits for, for texts, such as ``"a connection to 127.0.0.1:80"``.
            function: The step.
            args: Its arguments.

        Raises:
            ConnectTimeout, HandshakeTimeout, TotalTimeout: It took too long.
            Exception: Whatever the step raises.
        """
        limit = self._handshake if phase == "handshake" else self._connect
        begun = trio.current_time()
        deadline = math.inf if limit is None else begun + limit
        try:
            with trio.CancelScope(deadline=min(self.latest, deadline)):
                return await self._observed(phase, function, *args)
        finally:
            spent = trio.current_time() - begun
            if phase == "handshake":
                self.handshaking += spent
            else:
                self.connecting += spent
        raise self._timeout(phase, what, None if self.latest < deadline else limit)

    async def resolving(self, function: Callable[[*_Args], Awaitable[_T]], /, *args: *_Args) -> _T:
        """Run the part of a step that turns a name into addresses; it has no deadline of its own.

        Raises:
            Exception: Whatever it raises.
        """
        begun = trio.current_time()
        try:
            return await self._observed("dns", function, *args)
        finally:
            self.dns += trio.current_time() - begun

    async def _observed(self, phase: ObservedPhase, function: Callable[[*_Args], Awaitable[_T]], *args: *_Args) -> _T:
        observer = self._observer
        if observer is None:
            return await function(*args)
        observer.phase_began(phase)
        try:
            result = await function(*args)
        except BaseException as error:
            observer.phase_ended(phase, error)
            raise
        observer.phase_ended(phase, None)
        return result

    def _timeout(self, phase: Phase, what: str, limit: float | None) -> HTTPTimeout:
        if limit is None:
            text = f"{self.subject}: not over after {self._total:g} s in all (timeout={self._total:g})"
            return TotalTimeout(f"{text}; it still waited for {what}", limit=self._total)
        kind = HandshakeTimeout if phase == "handshake" else ConnectTimeout
        return kind(
            f"{self.subject}: no {what} within {limit:g} s (ClientTimeouts.{kind.phase}={limit:g})", limit=limit
        )
