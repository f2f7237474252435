"""A handler of ours as an ASGI application, for servers of other people."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, final

import trio

from .._config import ServerLimits
from ..messages import Handler, Serving
from ._guest import Guest
from ._hosted import HostedExchange, answer_http
from ._hosted_websocket import answer_websocket
from ._messages import ASGIError
from ._types import ASGIApplication, Receive, Scope, Send

__all__ = ["HostLifespan", "as_asgi"]

HostLifespan = Callable[[Serving], AbstractAsyncContextManager[Mapping[str, Any] | None]]
"""``@asynccontextmanager async def lifespan(server)``; of the server only ``shutting_down`` is there."""

_DEFAULT_BODY = ServerLimits().body


def as_asgi(
    handler: Handler, *, lifespan: HostLifespan | None = None, max_body: int | None = _DEFAULT_BODY
) -> ASGIApplication:
    """Return an ASGI 3 application that answers by a handler, WebSockets among its answers.

    On a server that runs on trio (hypercorn's trio worker) the handler runs in the server's own task. On one that runs
    on asyncio (uvicorn) trio runs as a guest of its loop for the length of the lifespan, so there the server must run
    the lifespan protocol (uvicorn does by default); each wait costs a turn of two loops.

    What ASGI has no word for does not work: informational answers but early hints, protocols other than WebSocket,
    pings that the handler sends. Timeouts and the limits of heads are the server's.

    Args:
        handler: ``async (Request) -> Response``.
        lifespan: An async context manager around everything; what it yields is ``request.state``.
        max_body: The largest request body that is taken, in bytes; None for any. ``request.limit_body()`` overrides it.
    """
    return _Application(handler, lifespan, max_body)


@final
class _Served:
    """What handlers see as the server."""

    def __init__(self) -> None:
        self.shutting_down = trio.Event()

    @property
    def draining(self) -> bool:
        """True from the lifespan's shutdown on: ASGI tells of no earlier moment."""
        return self.shutting_down.is_set()


@final
class _Application:
    def __init__(self, handler: Handler, lifespan: HostLifespan | None, max_body: int | None) -> None:
        self._handler = handler
        self._lifespan = lifespan
        self._max_body = max_body
        self._server = _Served()
        self._state: Mapping[str, Any] = {}
        self._work: trio.Nursery | None = None
        self._guest = Guest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if trio.lowlevel.in_trio_task():
            await self._on_trio(scope, receive, send)
            return
        guest = self._guest
        work = partial(self._on_trio, scope, guest.bridged(receive), guest.bridged(send))
        if scope["type"] == "lifespan":
            await guest.run(work)
        elif guest.running:
            await guest.call(work)
        else:
            raise ASGIError(
                f"{self._handler!r} needs trio, and this server runs on something else. On asyncio trio can run beside "
                "it for the length of the lifespan: switch the server's lifespan protocol on (uvicorn: --lifespan on), "
                "or use a server that runs on trio"
            )

    async def _on_trio(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(scope, receive, send)
        elif kind not in {"http", "websocket"}:
            raise ASGIError(
                f"a scope of the type {kind!r} cannot be answered; expected 'http', 'websocket' or 'lifespan'"
            )
        elif self._work is not None:
            await self._answer(scope, receive, send, self._work)
        else:
            failure: Exception | None = None
            async with trio.open_nursery() as work:
                try:
                    await self._answer(scope, receive, send, work)
                except Exception as error:  # raised outside the nursery, which would wrap it
                    failure = error
            if failure is not None:
                raise failure

    async def _answer(self, scope: Scope, receive: Receive, send: Send, work: trio.Nursery) -> None:
        exchange = HostedExchange(scope, send, self._server, self._state, work, self._max_body)
        answer = answer_http if scope["type"] == "http" else answer_websocket
        await answer(self._handler, scope, exchange, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        stage = "startup"
        try:
            async with self._lifespan(self._server) if self._lifespan is not None else nullcontext() as state:
                self._state = {} if state is None else state
                async with trio.open_nursery() as self._work:
                    await send({"type": "lifespan.startup.complete"})
                    stage = "shutdown"
                    await receive()  # lifespan.shutdown
                    self._server.shutting_down.set()
                self._work = None
        except Exception:
            text = "".join(traceback.format_exception(*sys.exc_info()))
            await send({"type": f"lifespan.{stage}.failed", "message": text})
            raise
        finally:
            self._work = None
        await send({"type": "lifespan.shutdown.complete"})
