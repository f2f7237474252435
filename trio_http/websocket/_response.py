"""A WebSocket as a handler's answer: the handshake, and then the function that talks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import final

import trio

from .._errors import ConnectionClosed
from ..messages import Request, Response, UpgradeResponse
from ..semantics import HeadersInput
from ..transport import StreamTransport, Transport
from ..wire import UpgradedStream
from ._deflate import DEFLATE, Deflate
from ._handshake import Accepted, accept, check_subprotocols, choose_subprotocol, origin_fits
from ._open import LiveWebSocket, OpenWebSocket, is_only_the_end
from ._options import KEEPALIVE, LIMITS, TIMEOUTS, Keepalive, WebSocketLimits, WebSocketTimeouts
from ._per_message import PerMessage
from ._session import Session
from ._websocket import WebSocket

__all__ = ["WebSocketHandler", "WebSocketResponse"]

log = logging.getLogger("trio_http.websocket")

WebSocketHandler = Callable[[WebSocket], Awaitable[object]]
"""``async def fn(ws)``: the WebSocket is closed when it returns."""


@final
class WebSocketResponse(UpgradeResponse):
    """Answer a request with an open WebSocket; any other response refuses it.

    ``fn`` runs after all middleware has returned, in the connection's own task. When it returns the WebSocket is
    closed with 1000, when it raises with 1011, and the error is logged. When the server begins to shut down it is
    closed with 1001, which ends an iteration over it. What the peer does to the connection reaches ``fn`` as
    :class:`~trio_http.ConnectionClosed`; let out of it, alone or in the group of a nursery, that is no error.

    A request that is none for a WebSocket is answered 426 or 400, one from an origin that is not allowed 403.

    Args:
        fn: What talks: ``async def fn(ws)``; :class:`PerMessage` makes one of a function that is called for each
            message.
        subprotocols: Those understood here, the best first.
        origins: Origins that browsers may come from, such as ``"https://example.com"``; None for any. Browsers let
            any page open a WebSocket anywhere, cookies and all: where cookies say who somebody is, give this.
        headers: Further fields of the answer.
        compression: How to compress, if the peer can; None for not at all.
        limits: What is taken from the peer.
        timeouts: How long it is waited for.
        keepalive: When a silent peer is asked for a sign of life; None for never.
    """

    __slots__ = (
        "_accepted",
        "_compression",
        "_fn",
        "_keepalive",
        "_limits",
        "_origins",
        "_request",
        "_subprotocols",
        "_timeouts",
    )

    def __init__(
        self,
        fn: WebSocketHandler,
        *,
        subprotocols: Sequence[str] = (),
        origins: Iterable[str] | None = None,
        headers: HeadersInput | None = None,
        compression: Deflate | None = DEFLATE,
        limits: WebSocketLimits = LIMITS,
        timeouts: WebSocketTimeouts = TIMEOUTS,
        keepalive: Keepalive | None = KEEPALIVE,
    ) -> None:
        if isinstance(origins, str):
            raise TypeError(f"origins={origins!r}: give a collection of origins, such as [{origins!r}]")
        super().__init__("websocket", self._talk, headers=headers)
        self._fn = fn
        self._subprotocols = check_subprotocols(subprotocols)
        self._origins = None if origins is None else tuple(origins)
        self._compression = compression
        self._limits = limits
        self._timeouts = timeouts
        self._keepalive = keepalive
        self._request: Request | None = None
        self._accepted: Accepted | None = None

    def agree(self, request: Request) -> Response:
        """Do the opening handshake; see :func:`~trio_http.websocket._handshake.accept`."""
        accepted = accept(
            request,
            subprotocols=self._subprotocols,
            origins=self._origins,
            compression=self._compression,
        )
        if isinstance(accepted, Response):
            return accepted
        self.headers.update(accepted.headers)
        self._request = request
        self._accepted = accepted
        return self

    def choose(self, request: Request) -> str | Response | None:
        """Judge a handshake that somebody else does, such as the host of an adapter.

        Returns:
            The subprotocol to agree on, or None; or the response that refuses.
        """
        origin = request.headers.get("origin")
        if not origin_fits(origin, self._origins):
            return Response("this origin may not open a WebSocket here\n", status=403)
        return choose_subprotocol(request.headers, self._subprotocols)

    async def talk_over(self, ws: WebSocket) -> None:
        """Talk on a WebSocket that somebody else has opened: closed with 1000 at the end, with 1011 after a failure.

        Raises:
            Exception: What the function raised, but for ConnectionClosed.
        """
        try:
            await self._fn(ws)
        except ConnectionClosed as error:
            log.info("%r: %s", ws.request, error)
        except Exception:
            await ws.close(1011, "internal error")
            raise
        await ws.close(1000)

    async def _talk(self, stream: trio.abc.Stream) -> None:
        request, accepted = self._request, self._accepted
        if request is None or accepted is None:
            raise RuntimeError("a WebSocketResponse was taken over without its handshake: call agree(request) before")
        transport, trailing = transport_of(stream)
        session = Session(
            transport,
            trailing,
            client=False,
            deflate=accepted.deflate,
            limits=self._limits,
            timeouts=self._timeouts,
            keepalive=self._keepalive,
        )
        if isinstance(self._fn, PerMessage):
            session.tell_controls()
        server = request.server
        live = LiveWebSocket(
            WebSocket(session, request=request, subprotocol=accepted.subprotocol),
            session,
            leave=None if server is None else server.shutting_down,
        )

        async def begin() -> LiveWebSocket:
            return live

        failure: Exception | None = None
        try:
            async with OpenWebSocket(begin) as ws:
                try:
                    await self._fn(ws)
                except Exception as error:
                    if is_only_the_end(error):
                        log.info("%r: the WebSocket is closed: %r", request, error)
                    else:
                        failure = error
                        await ws.close(1011, "internal error")
        except BaseException:
            if failure is not None:  # what ends us now is no answer to it, so nobody above will hear of it
                log.error("%r: failed while it was being ended", request, exc_info=failure)
            raise
        if failure is not None:
            raise failure


def transport_of(stream: trio.abc.Stream) -> tuple[Transport, bytes]:
    """Return what is below a stream that was handed over, with the bytes that came first."""
    if isinstance(stream, UpgradedStream):
        return stream.detach()
    return StreamTransport(stream), b""
