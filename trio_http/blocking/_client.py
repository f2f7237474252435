"""A client whose methods block: each call is handed to a trio loop that runs in a thread for the client's life."""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, Unpack, final

import trio

from .._errors import PoolError
from ..client import Client as AsyncClient, ClientOptions, RequestOptions, ResponseStream
from ..messages import Response
from ..semantics import URL

__all__ = ["BlockingResponseStream", "Client"]

_T = TypeVar("_T")


@final
class _Loop:
    """A trio loop in a thread, and the way to have it do things."""

    def __init__(self) -> None:
        self._ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._end: trio.Event | None = None
        # a daemon: a program that forgets to close its client can end all the same
        self._thread = threading.Thread(target=self._run, name="trio_http.blocking", daemon=True)

    def start(self, client: AsyncClient) -> None:
        """Start the thread, and wait until the client in it is open; what it raised, if it could not be."""
        self._client = client
        self._thread.start()
        failure = self._ready.get()
        if failure is not None:
            raise failure

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # it must reach whoever waits
            self._ready.put(error)
            raise

    async def _serve(self) -> None:
        async with self._client, trio.open_nursery() as self._nursery:
            self._token = trio.lowlevel.current_trio_token()
            self._end = trio.Event()
            self._ready.put(None)
            await self._end.wait()
            self._nursery.cancel_scope.cancel()

    def call(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """Have the loop run a function, and wait for its result; an interrupt cancels it."""
        token, nursery = self._token, self._nursery
        if token is None or nursery is None:
            raise PoolError("this client is not open: use it as a block, `with Client() as client: ...`")
        future: Future[_T] = Future()
        scope = trio.CancelScope()

        async def run() -> None:
            try:
                with scope:
                    future.set_result(await function())
                if scope.cancelled_caught:
                    future.cancel()
            except trio.Cancelled:
                future.set_exception(PoolError("the client was closed while this request was under way"))
                raise
            except Exception as error:
                future.set_exception(error)

        try:
            token.run_sync_soon(partial(nursery.start_soon, run))
        except trio.RunFinishedError:
            raise PoolError("this client is closed") from None
        try:
            return future.result()
        except CancelledError:
            raise PoolError("this request was cancelled") from None
        except KeyboardInterrupt:
            token.run_sync_soon(scope.cancel)
            raise

    def stop(self) -> None:
        """End the loop and wait for its thread."""
        token, end = self._token, self._end
        self._token = None
        if token is not None and end is not None:
            try:
                token.run_sync_soon(end.set)
            except trio.RunFinishedError:
                pass
        if self._thread.is_alive():
            self._thread.join()


@final
class Client:
    """The blocking face of :class:`trio_http.Client`; its methods may be called from several threads.

    Args:
        options: As of :class:`trio_http.Client`.

    Example:
        >>> with Client(base_url="http://127.0.0.1:8000", timeout=10) as client:
        ...     print(client.get("/").text())
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._client = AsyncClient(**options)
        self._loop = _Loop()

    def __repr__(self) -> str:
        return f"<blocking {self._client!r}>"

    def __enter__(self) -> Self:
        self._loop.start(self._client)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, end what is under way, and the thread."""
        self._loop.stop()

    def request(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a request and return the whole response; see :meth:`trio_http.Client.request`."""
        return self._loop.call(partial(self._client.request, method, url, **options))

    fetch = request

    def get(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a GET request."""
        return self.request("GET", url, **options)

    def head(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a HEAD request."""
        return self.request("HEAD", url, **options)

    def options(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make an OPTIONS request."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a POST request."""
        return self.request("POST", url, **options)

    def put(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PUT request."""
        return self.request("PUT", url, **options)

    def patch(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a PATCH request."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
        """Make a DELETE request."""
        return self.request("DELETE", url, **options)

    def stream(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> BlockingResponseStream:
        """Make a request and read the response piece by piece: ``with client.stream("GET", url) as response``."""
        return BlockingResponseStream(self._loop, self._client.stream(method, url, **options))


@final
class BlockingResponseStream:
    """A response whose body is read piece by piece, inside a ``with`` block: ``for chunk in response``.

    Attributes:
        response: Status, headers and the like.
    """

    def __init__(self, loop: _Loop, stream: ResponseStream) -> None:
        self._loop = loop
        self._stream = stream
        self.response: Response | None = None

    def __enter__(self) -> Self:
        self.response = self._loop.call(self._stream.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call(partial(self._stream.__aexit__, kind, error, traceback))

    @property
    def _opened(self) -> Response:
        if self.response is None:
            raise RuntimeError("a streamed response is used as a block: `with client.stream(...) as response`")
        return self.response

    @property
    def status(self) -> int:
        """The status code."""
        return self._opened.status

    def read(self, limit: int | None = None) -> bytes:
        """Read what is left of the body."""
        return self._loop.call(partial(self._opened.read, limit))

    def __iter__(self) -> Iterator[bytes]:
        body = self._opened.body
        while chunk := self._loop.call(body.receive_some):
            yield chunk
