"""The received bytes of a connection that wait to be read, and the watch over sections that are incomplete.

How it works: while one piece of received bytes suffices, the buffer is that very object and an offset into it; so a
body that arrives in pieces of its own is handed out without a copy, and pipelined heads are cut from one object.
Only when an event is cut by the end of a piece does the buffer become a bytearray that grows. Nothing is ever
searched twice: ``_scanned`` says how far the search for the end of a section has come, ``_lines`` how many lines it
has passed. While a section is incomplete, ``_stalled`` is set and pieces without a line feed cost few tests each.

A section is the head of a message or its trailers. Limits are judged on the bytes of the section, from its first
byte, never on the buffer: the same bytes have the same outcome however they were cut.
"""

from __future__ import annotations

from .._errors import RemoteProtocolError
from ._careful import check_limits
from ._exchange import Exchange
from ._sentinels import NEED_DATA

__all__ = ["Buffer"]

# A buffer that grows at its end while it is read from its beginning is moved to the front when more than this, and
# more than half of it, has been read.
_COMPACT = 65536


class Buffer(Exchange):
    """A connection as far as it holds received bytes."""

    __slots__ = ()

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes that were received; :meth:`next_event` then says what they mean.

        Args:
            data: The bytes. None at all (``b""``) means that the peer has closed its side.

        Raises:
            RuntimeError: Bytes arrive after the end.
        """
        if self._stalled and type(data) is bytes and data:
            # The middle of a head or trailer section. Byte by byte this is nearly all that happens, so it costs one
            # append and few tests.
            held = self._data
            if 10 in data:
                # Without rules about single lines only the blank line at the end is worth another look.
                at = max(0, len(held) - 2)
                held += data
                if self._profile.looks_at_lines or held.find(b"\n\r\n", at) >= 0 or held.find(b"\n\n", at) >= 0:
                    self._stalled = False
            else:
                held += data
            if len(held) > self._stall_size:
                self._stalled = False
            return
        if type(data) is not bytes:
            data = bytes(data)
        self._stalled = False
        if not data:
            self._closed = True
            return
        if self._closed:
            raise RuntimeError("bytes were received after the end of the stream (receive_data was called with b'')")
        held = self._data
        pos = self._pos
        if pos == len(held):
            self._data = data
            self._pos = self._scanned = 0
            return
        if type(held) is bytes:
            self._data = held = bytearray(held[pos:])
            self._pos = 0
            self._scanned = max(0, self._scanned - pos)
        elif pos > _COMPACT and pos > len(held) >> 1:
            del held[:pos]  # type: ignore[union-attr]  # it is a bytearray
            self._pos = 0
            self._scanned = max(0, self._scanned - pos)
        held += data

    @property
    def trailing_data(self) -> tuple[bytes, bool]:
        """What was received and not consumed, and whether the end of the stream follows it."""
        return (bytes(self._data[self._pos :]), self._closed)

    @property
    def buffered(self) -> int:
        """How many bytes were received and not consumed: pipelined requests, or surplus."""
        return len(self._data) - self._pos

    def _piece(self, most: int) -> bytes:
        """Cut up to ``most`` bytes off the buffer; the received object itself if it fits."""
        data = self._data
        pos = self._pos
        if len(data) - pos <= most:
            piece = data[pos:]  # of bytes from 0 on this is no copy
            self._data = b""
            self._pos = self._scanned = 0
        else:
            self._pos = self._scanned = end = pos + most
            piece = data[pos:end]
        return piece if type(piece) is bytes else bytes(piece)

    def _consume(self, end: int) -> None:
        """Go on behind ``end``, which is the end of a section; let go of what is used up."""
        if end == len(self._data):
            self._data = b""
            end = 0
        self._pos = self._scanned = end
        self._lines = 0
        self._skipped_crlf = False

    def _wait(self, *, most: float) -> type[NEED_DATA]:
        """Answer that the section is incomplete, and worth no look before there are more than ``most`` bytes of it."""
        data = self._data
        if self._closed:
            raise RemoteProtocolError(
                f"peer unexpectedly closed connection in the middle of a message; {len(data) - self._pos} bytes of an "
                "unfinished section had arrived"
            )
        if type(data) is bytes:
            self._data = bytearray(data[self._pos :])
            self._scanned = max(0, self._scanned - self._pos)
            self._pos = 0
        self._stall_size = most + self._pos
        self._stalled = True
        return NEED_DATA

    def _check_incomplete(self, of: str) -> float:
        """Enforce the limits on a section that is not complete; remember how far it has been looked at.

        Returns:
            The most bytes of it that need no further look, unless a line ends among them.
        """
        data = self._data
        pos = self._pos
        size = len(data) - pos
        scanned = max(self._scanned, pos)
        profile = self._profile
        lines = data.count(b"\n", scanned)
        look = False
        if lines:
            if "bare_lf" not in profile.quirks and data.count(b"\r\n", max(pos, scanned - 1)) != lines:
                look = True
            if not self._lines and of == "request":
                look = True  # the request line is complete now: is its target too long?
            self._lines += lines
        limit, count = (
            (profile.trailers, profile.trailer_count) if of == "trailers" else (profile.head, profile.header_count + 1)
        )
        self._scanned = len(data)
        if of == "request" and not self._lines:
            # wake as soon as the target can be too long
            space = data.find(b" ", pos) - pos
            limit = min(limit, (space + 1 if space >= 0 else size) + profile.target)
        if look or size > limit or self._lines > count:
            check_limits(bytes(data[pos:]), profile, of=of)
        return limit
