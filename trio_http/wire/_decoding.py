"""Incoming bodies whose content codings are undone on the way; either role."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import trio

from .._errors import BodyError
from ..messages import BodySource
from ..semantics import ContentDecoder, Headers

__all__ = ["DecodedBody"]


@final
class DecodedBody:
    """A body whose content codings are undone on the way, in pieces of at most 64 KiB.

    Args:
        source: The body as it travels.
        codings: Its codings, in the order in which they were applied.
        limit: The most bytes that may come out; None for any number.
        ratio: The most bytes that may come out for one that goes in; None for any number.
        failed: Told of the error if the body is to blame; returns it.

    Raises:
        DecodingError: A coding is not known here, or there are too many.
    """

    __slots__ = ("_decoder", "_failed", "_over", "_source", "length")

    def __init__(
        self,
        source: BodySource,
        codings: list[str],
        limit: int | None,
        failed: Callable[[BodyError], BodyError],
        *,
        ratio: int | None = None,
    ) -> None:
        self._source = source
        self._failed = failed
        self._decoder = ContentDecoder(codings, max_output=limit, max_ratio=ratio)
        self._over = False
        self.length: int | None = None

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields."""
        return self._source.trailers

    async def receive_chunk(self) -> bytes:
        """Wait for the next decoded piece; ``b""`` is the end.

        Raises:
            DecodingError: The body is not in that coding, or was cut short inside it.
            BodyTooLarge: It is larger than allowed when decoded.
        """
        while True:
            try:
                if piece := self._decoder.read():
                    await trio.lowlevel.checkpoint()
                    return piece
            except BodyError as error:
                raise self._failed(error) from error.__cause__
            if self._over:
                return b""
            data = await self._source.receive_chunk()
            if data:
                self._decoder.feed(data)
            else:
                self._over = True
                self._decoder.finish()

    async def aclose(self) -> None:
        """Give up the rest."""
        self._over = True
        await self._source.aclose()
