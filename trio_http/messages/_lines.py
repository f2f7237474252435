"""A body read by lines of text; a class, no generator, so that nothing is left behind when somebody stops half-way."""

from __future__ import annotations

import codecs
from typing import Self, final

from .._errors import BodyTooLarge, DecodingError
from ._body import Body

__all__ = ["Lines"]


@final
class Lines:
    r"""The lines of a body, without their ends (``\n``, ``\r\n`` or ``\r``); an async iterator of str.

    Args:
        body: The body; it may still be arriving.
        encoding: Its encoding.
        max_line: The most characters of one line.
    """

    __slots__ = (
        "_body",
        "_decoder",
        "_ended",
        "_fault",
        "_held",
        "_held_size",
        "_max_line",
        "_ready",
        "_skip_lf",
        "_start",
    )

    def __init__(self, body: Body, encoding: str, *, max_line: int = 1024 * 1024) -> None:
        try:
            self._decoder = codecs.getincrementaldecoder(encoding)()
        except LookupError as error:
            raise DecodingError(f"no text can be read in the unknown encoding {encoding!r}") from error
        self._body = body
        self._max_line = max_line
        self._ready: list[str] = []
        self._start = 0  # how many of these have been given out
        self._held: list[str] = []  # the beginning of a line that has not ended
        self._held_size = 0  # characters of it
        self._skip_lf = False
        self._ended = False
        self._fault: DecodingError | BodyTooLarge | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Wait for the next line.

        Raises:
            DecodingError: The body is no text in that encoding.
            BodyTooLarge: A line is too long. After these two every further call raises the same.
            HTTPError: As the body raises.
        """
        if self._fault is not None:
            raise self._fault
        while self._start == len(self._ready):
            self._ready, self._start = [], 0
            if self._ended:
                raise StopAsyncIteration
            data = await self._body.receive_some()
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                self._fault = DecodingError(f"the body is no text in {error.encoding}: {error}")
                raise self._fault from error
            self._take(text)
            if not data:
                self._ended = True
                if self._held:
                    self._ready.append("".join(self._held))
                    self._held, self._held_size = [], 0
        self._start += 1
        return self._ready[self._start - 1]

    def _take(self, text: str) -> None:
        if not text:
            return
        if self._skip_lf and text[0] == "\n":
            text = text[1:]
        self._skip_lf = text.endswith("\r")
        pieces = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(pieces) > 1:
            self._ready = ["".join([*self._held, pieces[0]]), *pieces[1:-1]]
            self._held, self._held_size = [], 0
        if pieces[-1]:
            self._held.append(pieces[-1])
            self._held_size += len(pieces[-1])
        longest = max([self._held_size, *map(len, self._ready)])
        if longest > self._max_line:
            self._fault = BodyTooLarge(
                f"a line of the body is longer than max_line={self._max_line} characters", limit=self._max_line
            )
            raise self._fault
