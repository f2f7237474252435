"""A response that is read piece by piece, and the block inside which that is possible."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import final

import trio

from .. import h1
from ..messages import Response
from ..semantics import Headers
from ._exchange import Exchange

__all__ = ["ResponseStream", "StreamedBody"]


@final
class StreamedBody:
    """The source of a response's body that is still arriving.

    Args:
        exchange: Its exchange, which has just given the head.
    """

    __slots__ = ("_ended", "_exchange", "length", "trailers")

    def __init__(self, exchange: Exchange) -> None:
        core = exchange.stream.core
        self._exchange = exchange
        self._ended = core.their_state is not h1.SEND_BODY
        self.length: int | None = core.their_body_length
        self.trailers: Headers | None = None

    async def receive_chunk(self) -> bytes:
        """Wait for the next piece; ``b""`` is the end."""
        if self._ended:
            await trio.lowlevel.checkpoint()
            return b""
        piece = await self._exchange.receive_chunk()
        if isinstance(piece, h1.EndOfMessage):
            self._ended = True
            if piece.headers:
                self.trailers = Headers.from_items(piece.headers.triples)
            return b""
        return piece

    async def aclose(self) -> None:
        """Give up the rest."""
        if self._ended:
            await trio.lowlevel.checkpoint()
            return
        self._ended = True
        await self._exchange.abandon()


@final
class ResponseStream:
    """The block of :meth:`Client.stream`; enter it once.

    Args:
        begin: Sends the request and returns the response with an open body.
    """

    __slots__ = ("_begin", "_exchange", "_response")

    def __init__(self, begin: Callable[[], Awaitable[tuple[Exchange, Response]]]) -> None:
        self._begin = begin
        self._exchange: Exchange | None = None
        self._response: Response | None = None

    async def __aenter__(self) -> Response:
        if self._exchange is not None:
            raise RuntimeError("a response stream is entered once: call client.stream() again")
        self._exchange, self._response = await self._begin()
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        exchange, response = self._exchange, self._response
        assert exchange is not None
        assert response is not None
        caller = sys._getframe(1)
        where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        response.body.end_scope(
            f"{exchange.call}: the body of this response ended with its stream() block, at {where}. "
            "Read it inside the block"
        )
        await exchange.abandon()
