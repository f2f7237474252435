"""One process that serves: what it does on which order, whoever gives it."""

from __future__ import annotations

import enum
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import final

import trio

from ..server import Server, ShutdownReport

__all__ = ["Order", "ServedProcess", "WhenListening"]

log = logging.getLogger("trio_http.run")

LINGER = 2.0  # seconds for open connections to ask once more when another process takes over


class Order(enum.Enum):
    """What a process that serves can be told."""

    END = "end"
    """Drain and end; a second one forces."""
    FORCE = "force"
    """End now."""
    REPLACED = "replaced"
    """Another process serves the same sockets now: end, without a request being lost."""
    RELOAD = "reload"
    """Read certificates again."""


@final
class ServedProcess:
    """Runs a server, and obeys orders.

    Args:
        server: The server.
        grace: Seconds for requests under way when it ends.
        lame_duck: Seconds before that in which it goes on serving, but says ``Connection: close``.
        make_context: Makes the TLS context anew, for :attr:`Order.RELOAD`; None if there is none to reload.
        beside: Servers that tell of it, on addresses of their own: they begin before it and end after it, so that they
            can be asked how it ends.

    Attributes:
        server: The server.
        forced: True if it was ended by force.
        report: How the shutdown went; None before its end.
    """

    def __init__(
        self,
        server: Server,
        *,
        grace: float = 30.0,
        lame_duck: float = 0.0,
        make_context: Callable[[], ssl.SSLContext] | None = None,
        beside: Sequence[Server] = (),
    ) -> None:
        self.server = server
        self.forced = False
        self.report: ShutdownReport | None = None
        self._grace = grace
        self._lame_duck = lame_duck
        self._make_context = make_context
        self._beside = beside
        self._ending: Order | None = None
        self._patience = trio.CancelScope()
        self._told_to_end = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until an order ends it.

        Raises:
            ConnectError: An address cannot be bound.

        Cancellation:
            Ends it at once, as :meth:`Server.listen` does.
        """
        failure: Exception | None = None
        async with trio.open_nursery() as beside:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._shut_down_when_told)
                try:
                    for server in self._beside:
                        await beside.start(server.listen)
                    await self.server.listen(task_status=task_status)
                except Exception as error:
                    failure = error  # raised again below: the nurseries are ours, and their groups no help to anybody
                if self._ending is None or failure is not None:  # or somebody else has shut the server down
                    nursery.cancel_scope.cancel()
            beside.cancel_scope.cancel()
        if failure is not None:
            raise failure

    @property
    def ending(self) -> bool:
        """True once it has been told to end."""
        return self._ending is not None

    def stop_accepting(self) -> None:
        """Accept no more connections, the servers beside it included; those that are open go on."""
        for server in (self.server, *self._beside):
            server.stop_accepting()

    def obey(self, order: Order) -> None:
        """Carry out an order, as far as it can be done at once."""
        if order is Order.RELOAD:
            self._reload()
        elif order is Order.FORCE or (order is Order.END and self._ending is Order.END):
            self._force()
        elif self._ending is None:
            self._ending = order
            self._told_to_end.set()

    def _force(self) -> None:
        if not self.forced:
            self.forced = True
            log.warning("ending now, by force")
            self._ending = self._ending or Order.END
            self._told_to_end.set()
            self._patience.cancel()

    async def _shut_down_when_told(self) -> None:
        await self._told_to_end.wait()
        replaced = self._ending is Order.REPLACED
        active, count = self.server.active, len(self.server.connections)
        if not self.forced:
            log.info("ending: %d requests under way, %d connections, %g s of grace", active, count, self._grace)
        with self._patience:
            self.report = await self.server.shutdown(
                self._grace,
                lame_duck=0.0 if replaced else self._lame_duck,
                linger=min(LINGER, self._grace) if replaced else 0.0,
            )
            if self.report.cut:
                log.warning("the grace of %g s is over; cut off: %s", self._grace, "; ".join(self.report.cut))

    def _reload(self) -> None:
        if self._make_context is None:
            log.info("told to reload, but there are no certificates")
            return
        try:
            self.server.reload_tls(self._make_context())
        except Exception as error:  # the function is the program's; whatever it raises, the server goes on
            log.error("the certificate stays as it was: %s", error)
        else:
            log.info("certificates read again")


@final
class WhenListening(trio.TaskStatus[Server]):
    """A task status that calls a function."""

    def __init__(self, fn: Callable[[Server], None]) -> None:
        self._fn = fn

    def started(self, value: Server | None = None) -> None:
        """Call it."""
        assert value is not None
        self._fn(value)
