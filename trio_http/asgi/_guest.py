"""Trio beside asyncio in one thread: for handlers of ours under a server that runs on asyncio, such as uvicorn.

Trio runs as a guest of the asyncio loop from the lifespan's start to its end (``trio.lowlevel.start_guest_run``). A
call that comes on asyncio becomes a task on trio, and what that task awaits of the server becomes a task on asyncio.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar, final

import outcome
import trio

__all__ = ["Guest"]

log = logging.getLogger("trio_http.asgi")

T = TypeVar("T")


@final
class Guest:
    """Trio as the guest of the running asyncio loop.

    Attributes:
        running: True between :meth:`run` and its end.
    """

    def __init__(self) -> None:
        self.running = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None

    async def run(self, main: Callable[[], Awaitable[None]]) -> None:
        """Run trio, on asyncio, until ``main`` ends; :meth:`call` works meanwhile.

        Raises:
            BaseException: What ``main`` raised.
        """
        loop = asyncio.get_running_loop()
        self._loop = loop
        done: asyncio.Future[outcome.Outcome[None]] = loop.create_future()

        def ended(result: outcome.Outcome[None]) -> None:
            if not done.done():
                done.set_result(result)

        trio.lowlevel.start_guest_run(
            self._main,
            main,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=ended,
            host_uses_signal_set_wakeup_fd=True,
        )
        try:
            result = await asyncio.shield(done)
        except asyncio.CancelledError:
            if self._token is not None and self._nursery is not None:
                self._token.run_sync_soon(self._nursery.cancel_scope.cancel)
            await done
            raise
        result.unwrap()

    async def _main(self, main: Callable[[], Awaitable[None]]) -> None:
        self._token = trio.lowlevel.current_trio_token()
        try:
            async with trio.open_nursery() as self._nursery:
                self.running = True
                await main()
                self._nursery.cancel_scope.cancel()
        finally:
            self.running = False

    async def call(self, fn: Callable[[], Awaitable[None]]) -> None:
        """Run ``await fn()`` on trio; for asyncio.

        Raises:
            BaseException: What it raised.

        Cancellation:
            Cancels it, and waits until it has ended.
        """
        nursery = self._nursery
        assert self._token is not None
        assert nursery is not None
        done: asyncio.Future[outcome.Outcome[None]] = asyncio.get_running_loop().create_future()
        scope = trio.CancelScope()

        async def task() -> None:
            result: outcome.Outcome[None] = outcome.Error(asyncio.CancelledError())  # what it means there
            try:
                with scope:
                    try:
                        await fn()
                        result = outcome.Value(None)
                    except trio.Cancelled:
                        raise
                    except BaseException as error:
                        cancelled, rest = _split(error)
                        if rest is not None:
                            result = outcome.Error(rest)
                        if cancelled is not None:
                            raise cancelled from None
            finally:
                finish(result)

        def start() -> None:
            try:
                nursery.start_soon(task)
            except RuntimeError as error:  # the lifespan has ended since
                finish(outcome.Error(error))

        def finish(result: outcome.Outcome[None]) -> None:
            if not done.done():
                done.set_result(result)

        self._token.run_sync_soon(start)
        try:
            result = await asyncio.shield(done)
        except asyncio.CancelledError:
            self._token.run_sync_soon(scope.cancel)
            result = await done
            if isinstance(result, outcome.Error) and isinstance(result.error, Exception):
                log.error("failed while being cancelled", exc_info=result.error)
            raise
        result.unwrap()

    def bridged(self, fn: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """Return a function for trio that awaits this function of asyncio's."""

        async def awaited(*args: object) -> T:
            return await fn(*args)

        async def on_asyncio(*args: object) -> T:
            loop, token = self._loop, self._token
            assert loop is not None
            assert token is not None
            over = trio.Event()
            task = loop.create_task(awaited(*args))
            task.add_done_callback(lambda _: token.run_sync_soon(over.set))
            try:
                await over.wait()
            except trio.Cancelled:
                task.cancel()
                raise
            return task.result()

        return on_asyncio


def _split(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Part what an error says of a cancellation from what else it says."""
    return error.split(trio.Cancelled) if isinstance(error, BaseExceptionGroup) else (None, error)
