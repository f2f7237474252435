"""The lifespan of an application: its start before the server listens, its end after the last connection.

How it works
------------
* The application runs in a nursery of its own around the server, so what it holds open (task groups, pools) is open
  as long as requests come.
* An application that raises before it says ``lifespan.startup.complete`` does not speak this protocol; ``mode="on"``
  demands it. One that fails later takes the server with it: what it held open for the requests is gone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Literal, final

import trio

from .._errors import HTTPError
from ..transport import leave_nursery
from ._messages import ASGIError, text_of, unexpected
from ._scope import ASGI_LIFESPAN
from ._types import ASGIApplication, Message

__all__ = ["Lifespan", "LifespanError"]

log = logging.getLogger("trio_http.asgi")


@final
class LifespanError(HTTPError):
    """An application could not be started or ended."""


@final
class Lifespan:
    """``async with Lifespan(app) as state``: the application is started in the block; enter it once.

    Args:
        app: The application.
        mode: ``"auto"``, ``"on"`` or ``"off"``; see :class:`ASGIHandler`.
        startup_timeout: Seconds for its start.
        shutdown_timeout: Seconds for its end.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        mode: Literal["auto", "on", "off"] = "auto",
        startup_timeout: float | None = None,
        shutdown_timeout: float | None = 30.0,
    ) -> None:
        self._app = app
        self._mode = mode
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._state: dict[str, Any] = {}
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None
        self._asked = 0  # how many of our two messages have been received
        self._started = trio.Event()  # an answer to the first, or the end
        self._ending = trio.Event()  # the second is there to be received
        self._ended = trio.Event()  # an answer to the second, or the end
        self._over = False
        self._answered = False  # lifespan.startup.complete has come
        self._failed: str | None = None
        self._error: Exception | None = None

    async def __aenter__(self) -> Mapping[str, Any]:
        """Start the application; return its state.

        Raises:
            LifespanError: It cannot start, or does not say so in time.
        """
        if self._mode == "off":
            await trio.lowlevel.checkpoint()
            return self._state
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        try:
            self._nursery.start_soon(self._run, name=f"lifespan of {self._app!r}")
            with trio.move_on_after(_seconds(self._startup_timeout)) as scope:
                await self._started.wait()
            if scope.cancelled_caught:
                raise LifespanError(
                    f"{self._app!r} was not started after {self._startup_timeout:g} s (startup_timeout): "
                    "expected 'lifespan.startup.complete'"
                )
            self._check_start()
        except BaseException as error:
            self._nursery.cancel_scope.cancel()
            await leave_nursery(self._manager, error)
            raise
        return self._state

    def _check_start(self) -> None:
        if self._failed is not None:
            raise LifespanError(f"{self._app!r} could not start: {self._failed}") from self._error
        if self._answered:
            return
        if self._mode == "on":
            what = "returned" if self._error is None else f"raised {self._error!r}"
            raise LifespanError(
                f"{self._app!r} {what} before 'lifespan.startup.complete', and lifespan='on' demands that"
            ) from self._error
        if self._error is not None:
            log.info("%r does not speak the lifespan protocol: it raised %r", self._app, self._error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the application.

        Raises:
            LifespanError: It says that it cannot end, or does not end in time.

        Cancellation:
            Cancels it.
        """
        if self._manager is None or self._nursery is None:
            await trio.lowlevel.checkpoint()
            return
        failure: BaseException | None = None
        try:
            if not self._over and self._answered:
                await self._end()
        except BaseException as caught:
            failure = caught
        self._nursery.cancel_scope.cancel()
        await leave_nursery(self._manager, error if error is not None else failure)
        if failure is not None and error is None:
            raise failure
        if isinstance(failure, LifespanError):
            log.error("%s", failure)

    async def _end(self) -> None:
        self._ending.set()
        with trio.move_on_after(_seconds(self._shutdown_timeout)) as scope:
            await self._ended.wait()
        if scope.cancelled_caught:
            raise LifespanError(
                f"{self._app!r} was not ended after {self._shutdown_timeout:g} s (shutdown_timeout): "
                "expected 'lifespan.shutdown.complete'"
            )
        if self._failed is not None:
            raise LifespanError(f"{self._app!r} could not end: {self._failed}") from self._error

    # ---------------------------------------------------------------- the application's side

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": ASGI_LIFESPAN, "state": self._state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            self._error = error
            if self._answered and self._failed is None and not self._ended.is_set():
                if not self._ending.is_set():
                    raise  # in the midst of serving: that ends the server
                self._failed = f"it raised {error!r}"
            elif self._answered or self._failed is not None:
                log.debug("%r raised after its last word on its lifespan", self._app, exc_info=error)
        finally:
            self._over = True
            self._started.set()
            self._ended.set()

    async def _receive(self) -> Message:
        self._asked += 1
        if self._asked == 1:
            await trio.lowlevel.checkpoint()
            return {"type": "lifespan.startup"}
        if self._asked > 2:
            await trio.sleep_forever()  # there is no third one
        try:
            await self._ending.wait()
        except BaseException:
            self._asked = 1
            raise
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message.get("type")
        stage, _, result = str(kind).removeprefix("lifespan.").partition(".")
        expected = "startup" if not self._started.is_set() else "shutdown"
        if stage != expected or result not in {"complete", "failed"} or self._ended.is_set():
            after = "in its lifespan"
            unexpected(message, f"'lifespan.{expected}.complete' or 'lifespan.{expected}.failed'", after)
        if stage == "shutdown" and not self._ending.is_set():
            if result == "failed":
                return  # said on the way out, by one that was cancelled or fails: what it raises says the rest
            raise ASGIError(f"the application sent {kind!r} before it was asked to end; expected it to receive() first")
        if result == "failed":
            self._failed = text_of(message, "message") or "it gives no reason"
        else:
            self._answered = True
        (self._started if stage == "startup" else self._ended).set()


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else timeout
