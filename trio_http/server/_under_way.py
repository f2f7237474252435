"""What is under way in a server, and has to end before the server has: connections, handshakes, background work."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import final

import trio

from ..messages import Request
from ._answers import only_leaf
from ._connection import ServerConnection
from ._instruments import ServerStats

__all__ = ["ShutdownReport", "UnderWay"]

log = logging.getLogger("trio_http.server")

FORCE = 0.25  # seconds for cancelled connections to end by themselves; then their sockets are closed under them


@final
@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """How a shutdown went.

    Attributes:
        drained: Connections that ended by themselves within the grace.
        cut: What was cut off when the grace was over, one line each; background work too.
        stuck: Of these, what did not even end when cancelled: shielded or blocking user code. Its socket is closed.
        seconds: How long it took.
    """

    drained: int
    cut: Sequence[str]
    stuck: Sequence[str]
    seconds: float


@final
class UnderWay:
    """What is under way in one server.

    Args:
        stats: Where failures are counted.

    Attributes:
        connections: Those that are open, in the order in which they came.
        handshakes: The scopes of those whose TLS is not done.
        background: The nursery of background work; None while the server does not run.
    """

    __slots__ = ("_empty", "_open", "_stats", "_work", "background", "connections", "handshakes")

    def __init__(self, stats: ServerStats) -> None:
        self._stats = stats
        self.connections: dict[ServerConnection, None] = {}
        self.handshakes: dict[trio.CancelScope, None] = {}
        self.background: trio.Nursery | None = None
        self._work: dict[object, str] = {}
        self._open = 0  # accepted and not yet closed: their tasks, which begin a little later, and handshakes too
        self._empty = trio.Event()  # renewed by those who wait, set when the last connection or background task ends

    def start_background(
        self, fn: Callable[..., Awaitable[object]], args: tuple[object, ...], request: Request | None
    ) -> None:
        """Run ``await fn(*args)`` beside the connections."""
        if self.background is None:
            raise RuntimeError(f"{fn!r} cannot run in the background: the server does not run")
        key = object()
        name = getattr(fn, "__qualname__", repr(fn))
        self.background.start_soon(self._run_background, key, fn, args, name=name)  # raises if it is closed already
        self._work[key] = f"<background {name} of {request!r}>"

    async def _run_background(
        self, key: object, fn: Callable[..., Awaitable[object]], args: tuple[object, ...]
    ) -> None:
        try:
            await fn(*args)
        except* Exception as group:  # beside a cancellation, too, which goes on its way
            self._stats.errors += 1
            log.error("%s failed", self._work[key], exc_info=only_leaf(group))
        finally:
            del self._work[key]
            self._something_ended()

    def opened(self) -> None:
        """Count what was accepted, in the step in which it was: a shutdown may begin before its task does."""
        self._open += 1

    def closed(self) -> None:
        """Count it no more."""
        self._open -= 1
        self._something_ended()

    def came(self, connection: ServerConnection) -> None:
        """Know a connection."""
        self.connections[connection] = None

    def left(self, connection: ServerConnection) -> None:
        """Know it no more."""
        del self.connections[connection]

    def _something_ended(self) -> None:
        if not self._open and not self._work:
            self._empty.set()

    # ---------------------------------------------------------------- the end

    def drain(self) -> None:
        """Let all end as soon as may be: idle connections and handshakes now, others after their current answer."""
        for connection in list(self.connections):
            connection.drain()
        for handshake in self.handshakes:
            handshake.cancel()  # nothing has been asked yet

    def cut(self) -> Sequence[str]:
        """Cut off all that is left; return what that is, a line each."""
        left = [*self.connections]
        lines = [*map(repr, left), *self._work.values()]
        for connection in left:
            connection.cut("shutdown")
        if self.background is not None:
            self.background.cancel_scope.cancel()
        return lines

    def force(self) -> Sequence[str]:
        """Close the sockets under those who do not even end when cut off; return who that is, a line each."""
        stuck = [*map(repr, self.connections), *self._work.values()]
        for connection in list(self.connections):
            connection.force()
        if stuck:
            log.error("shutdown: user code does not end when cancelled (a shield, or blocking code): %s", stuck)
        return stuck

    async def wait_until_empty(self, seconds: float) -> None:
        """Wait until nothing is under way, but no longer than that."""
        if self._open or self._work:
            if self._empty.is_set():
                self._empty = trio.Event()  # one for all who wait
            with trio.move_on_after(seconds):
                await self._empty.wait()
        else:
            await trio.lowlevel.checkpoint()
