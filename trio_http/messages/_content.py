"""A body that is to be sent: what users hand over as content, in one shape for all who send it.

Users give bytes, str, an async iterable, a memory channel or a producer ``async def producer(send)``. What they give
is closed by us, in the task that iterates it, on every path: end, error, cancellation, and when it is never begun.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import cast, final

import trio

from .._errors import BodyConsumed
from ..semantics import Headers
from ._file_part import FileParts, SendPart

__all__ = ["ChunkSink", "Content", "ContentLike", "IteratedSource", "Producer", "SendChunk"]

SendChunk = Callable[[bytes], Awaitable[None]]
ChunkSink = SendChunk
"""What a producer gets and pushes its chunks into: ``async def producer(send: ChunkSink)``."""
Producer = Callable[[SendChunk], Awaitable[None]]
ContentLike = bytes | bytearray | memoryview | str | AsyncIterable[bytes] | Producer | None

CLOSE_GRACE = 1.0  # seconds for the closing of what a user handed over, once we are cancelled


@final
class Content:
    """Bytes, or a way to get them.

    Args:
        given: What users hand over.
        length: Bytes in all, where they come piece by piece but their number is known.

    Attributes:
        data: The bytes, or None when they come piece by piece.
        replayable: True if it can be sent a second time.
    """

    __slots__ = ("_iterable", "_length", "_producer", "_used", "data")

    def __init__(self, given: ContentLike = None, *, length: int | None = None) -> None:
        self.data: bytes | None = None
        self._length = length
        self._iterable: AsyncIterable[bytes] | None = None
        self._producer: Producer | None = None
        self._used = False
        # the commonest first: this runs for every answer
        if isinstance(given, bytes):
            self.data = given
        elif given is None:
            self.data = b""
        elif isinstance(given, str):
            self.data = given.encode()
        elif isinstance(given, bytearray | memoryview):
            self.data = bytes(given)
        elif isinstance(given, AsyncIterable):
            self._iterable = given
        elif callable(given):
            self._producer = given
        else:
            raise _unsendable(given)

    @property
    def length(self) -> int | None:
        """Bytes in all, or None where only the end will tell."""
        return self._length if self.data is None else len(self.data)

    @property
    def replayable(self) -> bool:
        """True if :meth:`send_to` may be called again: bytes and producers, not iterators."""
        return self._iterable is None or not self._used

    @property
    def is_one_shot(self) -> bool:
        """True if it can be sent once only, whether it has been or not: an iterator."""
        return self._iterable is not None

    @property
    def is_push(self) -> bool:
        """True for a producer, which can only push."""
        return self._producer is not None

    @property
    def has_file_parts(self) -> bool:
        """True if there are parts of files in it that can be sent as such; see :class:`FileParts`."""
        return hasattr(self._iterable, "next_part")

    async def send_to(self, send: SendChunk, send_part: SendPart | None = None) -> None:
        """Pass all bytes to ``send``, piece by piece, and close what the user gave.

        Args:
            send: Takes bytes.
            send_part: Takes parts of files, for those who can send them as such.

        Raises:
            BodyConsumed: A one-shot iterable has been sent once already.
            TypeError: A piece is not bytes.
        """
        if self.data is not None:
            if self.data:
                await send(self.data)
        elif self._producer is not None:
            await self._producer(send)
        else:
            await self._pull(send, send_part)

    async def _pull(self, send: SendChunk, send_part: SendPart | None) -> None:
        iterable = self._iterable
        if iterable is None or self._used:
            raise BodyConsumed(
                "this body came from an iterator and has been sent already: it cannot be sent again. "
                "Give bytes, or a function async def producer(send), which can be called anew"
            )
        self._used = True
        iterator: AsyncIterator[bytes] | None = None
        try:
            if send_part is not None and self.has_file_parts:
                parts = cast("FileParts", iterable)
                while (part := await parts.next_part()) is not None:
                    await (send(part) if isinstance(part, bytes) else send_part(part))
                return
            iterator = aiter(iterable)
            async for piece in iterator:
                if piece:
                    await send(piece)
        finally:
            await _close(iterable, iterator)

    def take_iterator(self) -> AsyncIterator[bytes]:
        """Return the iterator that the user gave, for somebody who wraps it and closes it by :meth:`aclose_taken`.

        Raises:
            BodyConsumed: It has been sent or taken before.
        """
        if self._iterable is None or self._used:
            raise BodyConsumed("this body has no iterator to take, or it is in use already")
        self._used = True
        return aiter(self._iterable)

    async def aclose_taken(self) -> None:
        """Close what the user gave, begun or not."""
        if self._iterable is not None:
            self._used = True
            await _close(self._iterable)

    async def aclose(self) -> None:
        """Close what the user gave without sending it: for answers without a body, and for failures before it."""
        if not self._used:
            if self._iterable is not None:
                self._used = True
                await _close(self._iterable)
            elif self._producer is not None:
                await _close(self._producer)  # a producer may hold things, such as the parts of a form


@final
class IteratedSource:
    """What somebody gave as an iterator to be sent, read instead: for handlers that are called by hand."""

    __slots__ = ("_content", "_failure", "_iterator", "length", "trailers")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._failure: str | None = None
        self._iterator: AsyncIterator[bytes] | None = None
        self.length: int | None = content.length
        self.trailers: Headers | None = None

    async def receive_chunk(self) -> bytes:
        """Return the next piece; closes the iterator at its end, and when it fails or is cancelled.

        Raises:
            BodyConsumed: It has failed or been cancelled before: there is no more, but that was not the end.
        """
        await trio.lowlevel.checkpoint()
        if self._failure is not None:
            raise BodyConsumed(f"the iterator of this body ended with {self._failure}: what it gave is not the whole")
        if self._iterator is None:
            self._iterator = self._content.take_iterator()
        try:
            while not (piece := await anext(self._iterator)):
                pass
        except StopAsyncIteration:
            piece = b""
        except BaseException as error:
            self._failure = repr(error)
            await self.aclose()
            raise
        if not piece:
            await self.aclose()
        return piece

    async def aclose(self) -> None:
        """Close what was given."""
        await self._content.aclose_taken()


async def _close(given: object, iterator: object = None) -> None:
    # Shielded, so that a cancelled sender still closes its source; bounded, because the source is user code.
    with trio.CancelScope(deadline=trio.current_time() + CLOSE_GRACE, shield=True):
        try:
            if iterator is not given:
                await _aclose(iterator)
        finally:
            await _aclose(given)


async def _aclose(thing: object) -> None:
    aclose = getattr(thing, "aclose", None)  # isinstance() of a protocol takes 10 us, twice per body
    if aclose is not None:
        await aclose()


def _unsendable(given: object) -> TypeError:
    what = type(given).__name__
    if inspect.iscoroutine(given):
        given.close()
        what += " (a forgotten await?)"
    return TypeError(
        f"a body of type {what} cannot be sent: give bytes, str, an async iterable of bytes (a memory channel too), or "
        "a function async def producer(send). Objects go as json=..., files as `await trio.open_file(path, 'rb')`, and "
        "lists of bytes joined"
    )
