"""Many requests at once: begun as they are asked for, bounded, and handed out as they are done."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self, Unpack, final

import outcome
import trio

from ..messages import Response
from ..semantics import URL
from ..transport import leave_nursery
from ._options import RequestOptions
from ._send import close_unsent

__all__ = ["RequestGroup", "RequestHandle"]

Send = Callable[[str, str | URL, RequestOptions], Awaitable[Response]]


@final
class RequestHandle:
    """One request of a group.

    Attributes:
        method: Its method.
        url: Its URL, as given.
        outcome: How it ended: an :class:`outcome.Value` or an :class:`outcome.Error`; None before, and if it was given
            up.
        elapsed: Seconds it took, without the waiting for its turn; None before its end.
    """

    __slots__ = ("_options", "_over", "_scope", "elapsed", "method", "outcome", "url")

    def __init__(self, method: str, url: str | URL, options: RequestOptions) -> None:
        self.method: str = method
        self.url: str | URL = url
        self._options = options
        self._over = trio.Event()
        self._scope = trio.CancelScope()
        self.outcome: outcome.Outcome[Response] | None = None
        self.elapsed: float | None = None

    def __repr__(self) -> str:
        if self.outcome is None:
            state = "given up" if self._over.is_set() else "pending"
        else:
            state = "failed" if self.error is not None else "done"
        return f"<RequestHandle {self.method}: {state}>"

    @property
    def done(self) -> bool:
        """True once it has ended, unless it was given up."""
        return self.outcome is not None

    @property
    def response(self) -> Response | None:
        """The response, if there is one."""
        return self.outcome.value if isinstance(self.outcome, outcome.Value) else None

    @property
    def error(self) -> BaseException | None:
        """What went wrong, if something did; a :class:`trio.Cancelled` is never kept here."""
        return self.outcome.error if isinstance(self.outcome, outcome.Error) else None

    def unwrap(self) -> Response:
        """Return the response, or raise what went wrong; call it once.

        Raises:
            RuntimeError: It has not ended yet, or was given up.
            Exception: What the request has raised.
        """
        if self.outcome is None:
            if self._over.is_set():
                raise RuntimeError(f"{self!r}: by cancel(), or because the block of its group was left")
            raise RuntimeError(f"{self!r} has not ended: `await handle.wait()` first")
        return self.outcome.unwrap()

    async def wait(self) -> Response:
        """Wait for the end and :meth:`unwrap` it."""
        await self._over.wait()
        return self.unwrap()

    def cancel(self) -> None:
        """Give it up; it then counts as neither done nor failed, and is not handed out."""
        self._scope.cancel()


@final
class RequestGroup:
    """Requests that run beside each other, as a block: ``async with client.gather(limit=8) as group``.

    Iterating gives each handle as it is done, until none is pending; requests may be added meanwhile. A failed
    request fails nobody else: look at its handle. Leaving the block gives up what is still pending.

    Args:
        send: Makes one request.
        limit: How many run at once; None for as many as there are.

    Example:
        >>> async with client.gather(limit=8) as group:
        ...     for url in urls:
        ...         group.get(url)
        ...     async for handle in group:
        ...         print(handle.url, handle.error or handle.response.status)
    """

    __slots__ = ("_changed", "_limit", "_manager", "_nursery", "_queue", "_ready", "_running", "_send")

    def __init__(self, send: Send, limit: int | None) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"gather(limit={limit!r}) makes no sense: give at least 1, or None for no limit")
        self._send = send
        self._limit = limit
        self._queue: deque[RequestHandle] = deque()
        self._ready: deque[RequestHandle] = deque()
        self._running: set[RequestHandle] = set()
        self._changed = trio.lowlevel.ParkingLot()  # those who iterate
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> Self:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._manager is not None
        assert self._nursery is not None
        self.cancel()
        self._nursery.cancel_scope.cancel()
        await leave_nursery(self._manager, error)

    # ---------------------------------------------------------------- asking

    def request(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a request, or queue it; returns at once."""
        if self._nursery is None:
            raise RuntimeError("a group is used as a block: `async with client.gather() as group`")
        handle = RequestHandle(method, url, options)
        self._queue.append(handle)
        self._start()
        return handle

    def get(self, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a GET request."""
        return self.request("GET", url, **options)

    def head(self, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a HEAD request."""
        return self.request("HEAD", url, **options)

    def post(self, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a POST request."""
        return self.request("POST", url, **options)

    def put(self, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a PUT request."""
        return self.request("PUT", url, **options)

    def patch(self, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a PATCH request."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str | URL, **options: Unpack[RequestOptions]) -> RequestHandle:
        """Begin a DELETE request."""
        return self.request("DELETE", url, **options)

    # ---------------------------------------------------------------- results

    @property
    def pending(self) -> int:
        """How many have not ended."""
        return len(self._queue) + len(self._running)

    def poll(self) -> Sequence[RequestHandle]:
        """Return those that have ended since the last call or iteration, without waiting."""
        ready = list(self._ready)
        self._ready.clear()
        return ready

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RequestHandle:
        while not self._ready:
            if not self.pending:
                await trio.lowlevel.checkpoint()
                raise StopAsyncIteration
            await self._changed.park()
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._ready.popleft()

    async def first(self) -> Response:
        """Wait for the first success, and give up the others.

        Raises:
            ExceptionGroup: All have failed.
            RuntimeError: There was no request.
        """
        errors: list[Exception] = []
        async for handle in self:
            if handle.response is not None:
                self.cancel()
                return handle.response
            if isinstance(handle.error, Exception):
                errors.append(handle.error)
        if not errors:
            raise RuntimeError("first() of a group without requests")
        raise ExceptionGroup(f"all {len(errors)} requests of the group failed", errors)

    def cancel(self) -> None:
        """Give up all that have not ended."""
        for handle in (*self._running, *self._queue):
            handle.cancel()

    # ---------------------------------------------------------------- inside

    def _start(self) -> None:
        assert self._nursery is not None
        while self._queue and (self._limit is None or len(self._running) < self._limit):
            handle = self._queue.popleft()
            self._running.add(handle)
            self._nursery.start_soon(self._run, handle, name=f"{handle.method} of a group")

    async def _run(self, handle: RequestHandle) -> None:
        begun = trio.current_time()
        try:
            with handle._scope:
                try:
                    await trio.lowlevel.checkpoint_if_cancelled()  # given up before its turn: nothing is sent
                    response = await self._send(handle.method, handle.url, handle._options)
                    handle.outcome = outcome.Value(response)
                except Exception as error:
                    handle.outcome = outcome.Error(error)
                handle.elapsed = trio.current_time() - begun
                self._ready.append(handle)
        finally:
            if handle.outcome is None:
                await close_unsent(handle._options)
            handle._over.set()
            self._running.discard(handle)
            self._start()
            self._changed.unpark_all()
