"""A response that is read piece by piece, and the block inside which that is possible."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import final

import trio

from .. import _watch, h1
from .._errors import DecodingError, HTTPError
from ..messages import Content, Response
from ..semantics import ContentDecoder, Headers
from ._attempt import Attempt

__all__ = ["OpenResponse", "ResponseStream", "StreamedBody"]

REFUSAL = 1024 * 1024  # bytes read of an answer that is raised as an error


@final
class StreamedBody:
    """The source of a response's body that is still arriving.

    Args:
        attempt: Its attempt, which has just given the head.
        decoder: What undoes its content codings; None if there are none.
    """

    __slots__ = ("_attempt", "_decoder", "_ended", "length", "trailers")

    def __init__(self, attempt: Attempt, decoder: ContentDecoder | None) -> None:
        self._attempt = attempt
        self._decoder = decoder
        self._ended = not attempt.has_body
        self.length: int | None = attempt.body_length if decoder is None else None
        self.trailers: Headers | None = None

    async def receive_chunk(self) -> bytes:
        """Wait for the next piece; ``b""`` is the end."""
        decoder = self._decoder
        if decoder is None:
            return await self._receive()
        try:
            while not (data := decoder.read()):
                if self._ended:
                    await trio.lowlevel.checkpoint()
                    return b""
                piece = await self._receive()
                if piece:
                    decoder.feed(piece)
                else:
                    decoder.finish()
        except DecodingError as error:
            await self._attempt.abandon()
            raise DecodingError(f"{self._attempt.call}: {error}") from error
        return data

    async def _receive(self) -> bytes:
        if self._ended:
            await trio.lowlevel.checkpoint()
            return b""
        piece = await self._attempt.receive_chunk()
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
        await self._attempt.abandon()


@final
class OpenResponse:
    """A response whose body may still be arriving, with all that has to be ended after it.

    Args:
        content: The body of the request.

    Attributes:
        response: The response.
        attempts: Those that were made, the last one last.
        contents: The bodies of requests.
    """

    __slots__ = ("attempts", "contents", "response")

    def __init__(self, content: Content) -> None:
        self.response: Response
        self.attempts: list[Attempt] = []
        self.contents = [content]

    def stop_the_clock(self) -> None:
        """Let the time in all count no more: the answer has begun, and it has no end of its own."""
        for attempt in self.attempts:
            attempt.stop_the_clock()

    async def read_refusal(self) -> None:
        """Read the body for an exception that carries the response, as far as it goes: the status is what is told."""
        with contextlib.suppress(HTTPError):
            await self.response.read(REFUSAL)

    async def aclose(self) -> None:
        """End it, and close what was given as bodies of requests; calling it again is fine."""
        try:
            for attempt in self.attempts:
                await attempt.abandon()
        finally:
            for content in self.contents:
                await content.aclose()


@final
class ResponseStream:
    """The block of :meth:`Client.stream`; enter it once.

    Args:
        begin: Sends the request and returns the response with an open body.
        what: Method and URL, for texts.
    """

    __slots__ = ("_begin", "_open", "_what")

    def __init__(self, begin: Callable[[], Awaitable[OpenResponse]], what: str) -> None:
        self._begin = begin
        self._what = what
        self._open: OpenResponse | None = None

    def __repr__(self) -> str:
        return f"<stream() of {self._what}>"

    async def __aenter__(self) -> Response:
        if self._open is not None:
            raise RuntimeError("a response stream is entered once: call client.stream() again")
        self._open = await self._begin()
        _watch.opened("response body", self)
        return self._open.response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        opened = self._open
        assert opened is not None
        _watch.closed(self)
        caller = sys._getframe(1)
        where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        opened.response.body.end_scope(
            f"{self._what}: the body of this response ended with its stream() block, at {where}. "
            "Read it inside the block"
        )
        await opened.aclose()
