"""The body of an incoming message, as a source for :class:`~trio_http.messages.Body`; either role."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from .. import h1
from .._errors import BodyTooLarge
from ..semantics import Headers
from ._http1 import HTTP1Stream

__all__ = ["IncomingBody"]


@final
class IncomingBody:
    """The body that is now arriving on a connection.

    Args:
        stream: The connection, whose core has just given the head.
        limit: At most so many bytes (None: any number); of the body as it travels, before any decoding.
        what: The name of that limit, for texts.
        received: Called after each piece.
    """

    __slots__ = ("_ended", "_limit", "_received", "_stream", "_what", "length", "trailers")

    def __init__(
        self, stream: HTTP1Stream, *, limit: int | None, what: str, received: Callable[[], None] | None = None
    ) -> None:
        self._received = received
        self._stream = stream
        self._limit = limit
        self._what = what
        self._ended = stream.core.their_state is not h1.SEND_BODY
        self.length: int | None = stream.core.their_body_length
        self.trailers: Headers | None = None
        stream.received = 0

    async def receive_chunk(self) -> bytes:
        """Wait for the next piece; ``b""`` is the end."""
        if self._ended:
            return b""
        stream = self._stream
        limit = self._limit
        if limit is not None and self.length is not None and self.length > limit:
            raise self._too_large(f"its Content-Length is {self.length}")
        if stream.core.they_are_waiting_for_100_continue:
            # They send the body only when told to, and we tell them only when somebody wants it. No checkpoint between
            # asking and telling: the final response might slip in. Receiving passes one.
            go_on = h1.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            await stream.send_pieces((stream.core.send(go_on),))
        piece = await stream.receive_chunk()
        if self._received is not None:
            self._received()
        if isinstance(piece, h1.EndOfMessage):
            self._ended = True
            items = piece.headers.triples
            if items:
                self.trailers = Headers.from_items(items)
            return b""
        if limit is not None and stream.received > limit:
            raise self._too_large(f"{stream.received} bytes have arrived and there are more")
        return piece

    async def aclose(self) -> None:
        """Give up the rest; the owner of the connection decides whether to read over it or to close."""
        self._ended = True

    def _too_large(self, found: str) -> BodyTooLarge:
        return self._stream.failed(
            BodyTooLarge(
                f"{self._stream.about()}: the body is larger than {self._what}={self._limit} bytes allows: {found}",
                limit=self._limit,
            )
        )
