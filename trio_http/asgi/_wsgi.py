"""A WSGI application (PEP 3333) as a handler: each call in a thread of its own, streaming both ways.

How it works
------------
* The whole of one call (the application, its iterator, ``close()``) runs in one thread and one context, because
  frameworks keep things in both. The thread is trio's, taken through a limiter.
* ``wsgi.input`` and everything that is sent go through trio, one piece at a time: the thread waits while the client is
  slow, either way.
* The call runs in the nursery for background work, because a handler returns before its body is sent and the
  application does not. A streamed answer is complete when the call has ended, ``close()`` and all.
* A thread cannot be cancelled. When the client has left the next read or write in it raises; what never reads nor
  writes goes on to its end, and a shutdown waits for it.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, final, runtime_checkable

import trio

from .._errors import HTTPError, StatusError
from ..messages import Request, Response, SendChunk
from ..semantics import Headers
from ..wire import NO_BODY
from ._at_end import at_end

__all__ = ["WSGIApplication", "WSGIError", "WSGIHandler"]

log = logging.getLogger("trio_http.wsgi")

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
"""``def app(environ, start_response)``: returns an iterable of bytes."""

THREADS = 40  # as trio's default limiter, uvicorn's and Starlette's thread pools; gunicorn's gthread: 1 per worker
_HOP = frozenset(("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"))


@final
class WSGIError(RuntimeError):
    """An application does not keep to PEP 3333: the text says what it did and what was expected."""


@runtime_checkable
class _Closeable(Protocol):
    def close(self) -> object: ...


@final
class WSGIHandler:
    """Answer requests by a WSGI application (Django, Flask, Pyramid): ``serve(WSGIHandler(app), 8000)``.

    Args:
        app: ``def app(environ, start_response)``.
        threads: How many calls run at once, or a limiter to share; further requests wait for their turn.
        root_path: Where the application is mounted: ``SCRIPT_NAME``. It is taken off a path that begins with it.
    """

    def __init__(
        self, app: WSGIApplication, *, threads: int | trio.CapacityLimiter = THREADS, root_path: str = ""
    ) -> None:
        if not callable(app):
            raise TypeError(f"{app!r} is no WSGI application: expected `def app(environ, start_response)`")
        self._app = app
        self._limiter = trio.CapacityLimiter(threads) if isinstance(threads, int) else threads
        self._root_path = root_path.rstrip("/")

    def __repr__(self) -> str:
        return f"<WSGIHandler of {self._app!r}>"

    async def __call__(self, request: Request) -> Response:
        """Let the application answer.

        Raises:
            WSGIError: It does not keep to PEP 3333.
            Exception: What it raises before it has begun to answer.

        Cancellation:
            The next read or write of the application raises.
        """
        if request.method == "CONNECT":
            raise StatusError(405)
        call = _Call(request, self._app, self._limiter)
        return await call.respond(self._environ(request))

    def _environ(self, request: Request) -> dict[str, Any]:
        path = request.raw_path.encode("latin-1")
        root = self._root_path
        inside = _unquoted(path)
        if root and (inside == root or inside.startswith(root + "/")):
            inside = inside[len(root) :]
        via = request.via
        local = request.exchange.local
        host, port = (local[0], str(local[1])) if isinstance(local, tuple) else (via.host or "localhost", "0")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": root,
            "PATH_INFO": inside,
            "QUERY_STRING": request.query_string,
            "REQUEST_URI": request.target,
            "RAW_URI": request.target,
            "SERVER_NAME": host,
            "SERVER_PORT": port,
            "SERVER_PROTOCOL": request.http_version,
            "REMOTE_ADDR": via.ip,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": via.scheme,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        peer = request.peer
        if isinstance(peer, tuple) and peer[0] == via.ip:
            environ["REMOTE_PORT"] = str(peer[1])
        if via.scheme == "https":
            environ["HTTPS"] = "on"
        for name, value in request.headers.get_all():
            if "_" in name:
                continue  # it would be taken for another field: X_Real_IP and X-Real-IP come to the same name
            key = name.upper().replace("-", "_")
            if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                key = "HTTP_" + key
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
        return environ


def _unquoted(path: bytes) -> str:
    """Percent-decode a path into latin-1, as PEP 3333 wants it."""
    head, *rest = path.split(b"%")
    out = [head]
    for piece in rest:
        try:
            out += (bytes.fromhex(piece[:2].decode("ascii")), piece[2:])
        except ValueError:
            out += (b"%", piece)
    return b"".join(out).decode("latin-1")


@final
class _Call:
    """One call of an application; methods with `_in_thread` in their names run in its thread."""

    def __init__(self, request: Request, app: WSGIApplication, limiter: trio.CapacityLimiter) -> None:
        self._request = request
        self._app = app
        self._limiter = limiter
        self._begun = trio.Event()  # there is a response, or there will be none
        self._over = trio.Event()
        self._response: Response | None = None
        self._failure: Exception | None = None
        self._handled = False
        self._scope = trio.CancelScope()
        self._send, self._receive = trio.open_memory_channel[bytes](0)
        self._head: tuple[int, str, Headers] | None = None
        self._head_gone = False
        self._bodiless = False
        self._pours = False  # the server asks for the body piece by piece, so it is told of failures

    # ---------------------------------------------------------------- the handler's side

    async def respond(self, environ: dict[str, Any]) -> Response:
        """Start the call; return the answer once its body has begun."""
        server = self._request.server
        if server is not None and server.shutting_down.is_set():
            raise StatusError(503, "the server is shutting down", headers={"Retry-After": "5"})
        self._request.background(self._run, environ)
        await at_end(self._request, self._exchange_is_over)
        try:
            await self._begun.wait()
        except BaseException:
            self._leave()
            raise
        if self._response is None:
            raise self._failure or WSGIError("the application was cancelled before it answered")
        return self._response

    async def _run(self, environ: dict[str, Any]) -> None:
        try:
            with self._scope:
                await trio.to_thread.run_sync(self._call_in_thread, environ, limiter=self._limiter)
        except Exception as error:
            self._failure = error
        finally:
            self._handled = self._handled or self._response is None  # respond() tells of it
            self._over.set()
            self._begun.set()
            self._send.close()
        if self._failure is not None and not self._handled and not self._pours:
            raise self._failure  # whoever runs background work logs it

    def _exchange_is_over(self) -> None:
        if self._pours and not self._over.is_set():
            self._leave()  # nobody has asked for the rest

    def _leave(self) -> None:
        self._handled = True
        self._receive.close()
        self._scope.cancel()

    async def pour(self, send: SendChunk) -> None:
        """Send the body on, for the server."""
        try:
            async for data in self._receive:
                await send(data)
            await self._over.wait()
            if self._failure is not None:
                self._handled = True
                raise self._failure
        except BaseException:
            self._leave()
            raise

    async def skip(self) -> None:
        """Nobody will read the body."""
        if not self._bodiless:
            self._leave()
        await trio.lowlevel.checkpoint()

    # ---------------------------------------------------------------- the thread's side

    def _call_in_thread(self, environ: dict[str, Any]) -> None:
        environ["wsgi.input"] = io.BufferedReader(_Input(self._request), 64 * 1024)
        result = self._app(environ, self._start_response_in_thread)
        try:
            self._iterate_in_thread(result)
        finally:
            if isinstance(result, _Closeable):
                result.close()

    def _iterate_in_thread(self, result: Iterable[bytes]) -> None:
        if isinstance(result, list | tuple) and len(result) == 1 and not self._head_gone and self._head is not None:
            # the commonest case: all of the body is there, so it is sent with its length
            self._check_in_thread(result[0])
            self._give_in_thread(result[0])
            return
        for data in result:
            self._check_in_thread(data)
            if data:
                self._write_in_thread(data)
        if not self._head_gone:
            if self._head is None:
                raise WSGIError("the application returned without a response; expected it to call start_response()")
            self._give_in_thread(b"")

    def _check_in_thread(self, data: object) -> None:
        if not isinstance(data, bytes):
            raise WSGIError(f"the application gave {data!r:.60} of type {type(data).__name__}; expected bytes")

    def _start_response_in_thread(
        self, status: str, headers: Sequence[tuple[str, str]], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        if exc_info is not None:
            try:
                if self._head_gone:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle of references
        elif self._head is not None:
            raise WSGIError("the application called start_response() twice; expected exc_info with the second call")
        code, _, reason = status.partition(" ")
        if not (len(code) == 3 and code.isdigit() and code >= "200"):
            raise WSGIError(f"start_response({status!r}): expected a final status, such as '200 OK'")
        for name, _value in headers:
            if name.lower() in _HOP:
                raise WSGIError(
                    f"start_response() with {name!r}: PEP 3333 leaves fields about connections to the server"
                )
        self._head = int(code), reason, Headers(headers)
        return self._write_in_thread

    def _write_in_thread(self, data: bytes) -> None:
        self._check_in_thread(data)
        if not self._head_gone:
            if self._head is None:
                raise WSGIError("the application gave a body before a head; expected it to call start_response()")
            self._give_in_thread(None)
        if data and not self._bodiless:
            trio.from_thread.run(self._send.send, data)

    def _give_in_thread(self, data: bytes | None) -> None:
        assert self._head is not None
        status, reason, headers = self._head
        self._head_gone = True
        response = Response(data, status=status, reason=reason or None)
        response.headers = headers
        self._bodiless = self._request.method == "HEAD" or status in NO_BODY
        if data is None:
            self._pours = not self._bodiless
            response.replace_body(_Rest(self))

        def give() -> None:
            self._response = response
            self._begun.set()

        trio.from_thread.run_sync(give)


@final
class _Rest:
    """The body of a response that an application makes piece by piece; as a producer."""

    def __init__(self, call: _Call) -> None:
        self._call = call

    async def __call__(self, send: SendChunk) -> None:
        await self._call.pour(send)

    async def aclose(self) -> None:
        await self._call.skip()


@final
class _Input(io.RawIOBase):
    """The body of the request, for a thread."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        try:
            data = trio.from_thread.run(self._request.body.receive_some, len(view))
        except HTTPError:
            with suppress(Exception):
                self.close()
            raise
        view[: len(data)] = data
        return len(data)
