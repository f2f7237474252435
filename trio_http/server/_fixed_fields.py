"""The fields that every answer of a server carries: Date and Server, made once a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from .. import _clock
from ..semantics import Headers, current_date

__all__ = ["FixedFields"]


@final
class FixedFields:
    """The fields of every answer.

    Args:
        server: The value of Server; None for no such field.
        date: Whether there is a Date (RFC 9110 section 6.6.1 wants one from servers with a clock).
    """

    __slots__ = ("_date", "_lines", "_own", "_until")

    def __init__(self, server: str | None, *, date: bool) -> None:
        self._own = [] if server is None else Headers({"Server": server}).items_list
        self._date = date
        self._lines = b""
        self._until = 0.0  # on the wall clock

    def lines(self) -> bytes:
        """Each with its CRLF."""
        # Hot: once per request.
        if (now := _clock.wall()) < self._until and now >= self._until - 1:
            return self._lines
        self._lines = b"".join(b"%b: %b\r\n" % (raw, value) for raw, _, value in self.items())
        self._until = int(now) + 1
        return self._lines

    def items(self) -> Sequence[tuple[bytes, bytes, bytes]]:
        """The same as triples."""
        return [*self._own, (b"Date", b"date", current_date())] if self._date else self._own
