"""A body that is being received: what handlers read from a request, and clients from a response.

A :class:`Body` is a trio ``ReceiveStream`` and an async iterator in one; it does no I/O itself but asks a
:class:`BodySource`, which the floor that owns the connection provides. Iterators are classes here, never async
generators: nothing is left to the garbage collector when somebody stops half-way.
"""

from __future__ import annotations

from operator import index
from typing import Protocol, Self, final

import trio

from .._errors import BodyConsumed, BodyScopeEnded, BodyTooLarge
from ..semantics import Headers

__all__ = ["Body", "BodySource", "EmptySource", "WholeSource"]


class BodySource(Protocol):
    """Where the bytes of a :class:`Body` come from."""

    @property
    def length(self) -> int | None:
        """Bytes in all as declared by the sender; None where that is not known beforehand."""
        ...

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields; None before the end and where none came."""
        ...

    async def receive_chunk(self) -> bytes:
        """Wait for the next piece of at least one byte; ``b""`` is the end.

        Cancelling loses no byte: the next call gets it.
        """
        ...

    async def aclose(self) -> None:
        """Give up what is left unread."""
        ...


@final
class WholeSource:
    """A body that is in memory."""

    __slots__ = ("_data", "length", "trailers")

    def __init__(self, data: bytes, trailers: Headers | None = None) -> None:
        self._data = data
        self.length: int | None = len(data)
        self.trailers: Headers | None = trailers

    async def receive_chunk(self) -> bytes:
        """Return everything, then ``b""``."""
        await trio.lowlevel.checkpoint()
        data, self._data = self._data, b""
        return data

    async def aclose(self) -> None:
        """Forget the bytes."""
        self._data = b""
        await trio.lowlevel.checkpoint()


@final
class EmptySource:
    """No body at all."""

    __slots__ = ()
    length: int | None = 0
    trailers: Headers | None = None

    async def receive_chunk(self) -> bytes:
        """Return ``b""``."""
        await trio.lowlevel.checkpoint()
        return b""

    async def aclose(self) -> None:
        """Do nothing."""
        await trio.lowlevel.checkpoint()


@final
class Body(trio.abc.ReceiveStream):
    """The bytes of one message, once each and in order.

    ``async for chunk in body`` gives pieces as they come; :meth:`receive_some` bounds their size; :meth:`read` gives
    the whole under a cap. One task at a time may read. Iterating goes on where reading stopped; once everything has
    been read it raises :class:`BodyConsumed`.

    Args:
        source: Where the bytes come from.
    """

    __slots__ = ("_busy", "_closed", "_ended", "_held", "_over", "_received", "_source")

    def __init__(self, source: BodySource) -> None:
        self._source = source
        self._held = b""  # the rest of a piece that receive_some(max_bytes) had to split
        self._received = 0
        self._over = False
        self._closed = False
        self._busy = False
        self._ended: str | None = None

    def __repr__(self) -> str:
        of = "?" if self.length is None else str(self.length)
        return f"<Body: {self._received} of {of} bytes read>"

    @property
    def length(self) -> int | None:
        """Bytes in all as declared by the sender; None where that is not known beforehand."""
        return self._source.length

    @property
    def received(self) -> int:
        """Bytes handed out so far."""
        return self._received

    @property
    def at_end(self) -> bool:
        """True once all bytes have been handed out."""
        return self._over

    @property
    def trailers(self) -> Headers | None:
        """The trailer fields (RFC 9110 section 6.5), complete at the end of the body; None where none came."""
        return self._source.trailers

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for the next bytes.

        Args:
            max_bytes: At most so many; None for whatever has come.

        Returns:
            At least one byte, or ``b""`` at the end (and again each time after it).

        Raises:
            BodyScopeEnded: The block or handler this body belongs to is over.
            ReadTimeout, TotalTimeout, IncompleteBody, BodyTooLarge, RemoteProtocolError, ReadError: As the
                connection finds.
            trio.BusyResourceError: Another task is reading.
            trio.ClosedResourceError: It was closed before its end.

        Cancellation:
            Loses no byte.
        """
        if max_bytes is not None and index(max_bytes) < 1:
            raise ValueError(f"receive_some(max_bytes={max_bytes!r}): give at least 1, or None for no bound")
        if self._busy:
            raise trio.BusyResourceError("another task is reading this body")
        if self._ended is not None:
            raise BodyScopeEnded(self._ended)
        self._check_open()
        self._busy = True
        try:
            if self._held or self._over:
                await trio.lowlevel.checkpoint()
                data = self._held
            else:
                data = await self._source.receive_chunk()
        finally:
            self._busy = False
        self._check_open()
        if max_bytes is not None and len(data) > max_bytes:
            data, self._held = data[:max_bytes], data[max_bytes:]
        else:
            self._held = b""
            self._over = not data
        self._received += len(data)
        return data

    def __aiter__(self) -> Self:
        if self._over and self._received:
            # an end would look like an empty body, and that is what would be passed on or stored
            raise BodyConsumed(
                f"all {self._received} bytes of this body have been read already, and each is given once: keep what "
                "you read, or read it as a whole, which can be asked for again"
            )
        return self

    async def __anext__(self) -> bytes:
        data = await self.receive_some()
        if not data:
            raise StopAsyncIteration
        return data

    async def read(self, limit: int | None = None) -> bytes:
        """Read everything that is left.

        Args:
            limit: At most so many bytes; None for no cap.

        Raises:
            BodyTooLarge: There is more than ``limit``, by declaration or by count.
            BodyConsumed: Some of it has been read already, so this would not be the whole.

        Cancellation:
            What had been read is lost.
        """
        if self._received:
            raise BodyConsumed(
                f"{self._received} bytes of this body have been read already: read() would not give the whole. "
                "Read a body either piece by piece or at once"
            )
        length = self.length
        if limit is not None and length is not None and length > limit:
            raise BodyTooLarge(f"the body has {length} bytes; at most {limit} are allowed here", limit=limit)
        pieces: list[bytes] = []
        count = 0
        while data := await self.receive_some():
            count += len(data)
            if limit is not None and count > limit:
                raise BodyTooLarge(f"the body has more than the {limit} bytes allowed here", limit=limit)
            pieces.append(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Give up what is left unread; the connection decides whether it can be used again."""
        self._held = b""
        self._closed = not self._over
        await self._source.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError(f"this body was closed after {self._received} bytes, before its end")

    def end_scope(self, why: str) -> None:
        """Make every later read raise :class:`BodyScopeEnded` with this text; for the owner of the connection."""
        self._ended = why
