"""Sending on one connection of HTTP/1.1: whole messages, single events, raw pieces, each within its time; either role.

How it works
------------
* State changes are synchronous, I/O comes after. A send that is cancelled or fails leaves an unknown number of bytes
  on the wire: the connection is `broken` from then on.
* What can be sent at once needs no deadline. Only what has to wait gets a scope, one for each slice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import final

import trio

from .. import h1
from .._errors import WriteTimeout
from ..transport import Pace
from ._state import Line

__all__ = ["JOIN_MAX", "SendingLine", "Unsent"]

JOIN_MAX = 64 * 1024  # bytes; pieces up to this size in all are joined rather than sent one by one


@final
class Unsent:
    """The part of a message that the transport has not taken yet."""

    __slots__ = ("pieces", "sent", "size")

    def __init__(self, pieces: Sequence[bytes | memoryview], sent: int, size: int) -> None:
        self.pieces: Sequence[bytes | memoryview] = pieces
        self.sent: int = sent
        self.size: int = size

    @property
    def left(self) -> int:
        """How many bytes."""
        return self.size - self.sent


class SendingLine(Line):
    """A connection that messages can be sent on."""

    __slots__ = ()

    # declared in Line too; again here, where they are assigned, for type checkers that infer from that
    broken: bool
    sent: int

    async def send_message(self, head: h1.Request | h1.Response, body: bytes) -> None:
        """Send a whole message: head and body leave together.

        Raises:
            LocalProtocolError: The message is not valid; nothing was sent.
            WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        # Hot: once per exchange. Small bodies are joined with their head by the core: one system call.
        if len(body) <= JOIN_MAX:
            await self.send_pieces((self.core.send_message(head, body),))
        else:
            await self.send_pieces(self.core.send_message_parts(head, body))

    def send_message_nowait(self, head: h1.Request, body: bytes) -> Unsent | None:
        """Send as much of a whole message as is taken without a wait.

        Returns:
            What is left, for :meth:`send_unsent`; None if nothing is.

        Raises:
            LocalProtocolError: The message is not valid; nothing was sent.
            WriteError: The connection broke; if it was not `broken` before and is not now, nothing was sent.
        """
        core = self.core
        return self.send_bytes_nowait(
            (core.send_message(head, body),) if len(body) <= JOIN_MAX else core.send_message_parts(head, body)
        )

    def send_bytes_nowait(self, pieces: Sequence[bytes | memoryview]) -> Unsent | None:
        """Send as much as is taken without a wait of bytes that the core has made; returns what is left.

        Raises:
            WriteError: The connection broke.
        """
        size = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        sent = self.transport.send_nowait(pieces)
        self.sent += sent
        if sent == size:
            return None
        # From here on the number of bytes on the wire is only known again when all have been taken.
        self.broken = True
        return Unsent(pieces, sent, size)

    async def send_unsent(self, unsent: Unsent) -> None:
        """Send the rest of what :meth:`send_nowait` or :meth:`send_message_nowait` has begun.

        Raises:
            WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken.
        """
        pieces, sent = unsent.pieces, unsent.sent
        self.writing.moved += sent
        if len(pieces) > 1 and unsent.left <= JOIN_MAX:
            pieces = (b"".join(pieces),)  # fewer system calls, fewer TLS records
        for piece in pieces:
            if sent >= len(piece):
                sent -= len(piece)
                continue
            rest = memoryview(piece)[sent:]
            sent = 0
            while rest:
                rest = rest[await self.send_in_time(partial(self.transport.send, rest)) :]
        self.broken = False

    async def send_event(self, event: h1.Event) -> None:
        """Send one event of a message that comes in pieces.

        Raises:
            LocalProtocolError: It does not fit the state or the declared length; nothing was sent.
            WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        # A checkpoint first: a peer that takes everything at once must not keep this task running for ever.
        await trio.lowlevel.checkpoint()
        pieces = self.core.send_with_data_passthrough(event)
        if pieces:
            await self.send_pieces(pieces)

    def send_nowait(self, data: bytes) -> Unsent | None:
        """Send what can be sent at once of one piece: :meth:`send_bytes_nowait` without its sums.

        Returns:
            What is left, for :meth:`send_unsent`; None if nothing is.

        Raises:
            WriteError: The connection broke.
        """
        # Hot: once per exchange of a server, nearly all of it the system call.
        sent = self.transport.send_nowait((data,))
        self.sent += sent
        if sent == len(data):
            return None
        self.broken = True
        return Unsent((data,), sent, len(data))

    async def send_pieces(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Send raw bytes that the core has produced.

        Raises:
            WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken, unless nothing had been sent.
        """
        if (unsent := self.send_bytes_nowait(pieces)) is not None:
            await self.send_unsent(unsent)

    @property
    def writing(self) -> Pace:
        """The clock of the outgoing message; only what had to wait begins it."""
        pace = self._writing
        if pace is None:
            pace = self._writing = Pace(self.timing.write, self.timing.min_rate)
        return pace

    async def send_in_time(self, send: Callable[[], Awaitable[int]]) -> int:
        """Wait for the peer to take some bytes, as long as it has time.

        Args:
            send: Waits until some are taken, and returns how many.

        Raises:
            WriteTimeout, TotalTimeout, WriteError: It takes none, too few, or is gone.
        """
        pace = self.writing
        now = trio.current_time()
        deadline = pace.deadline(now, self.latest)
        with trio.CancelScope(deadline=deadline):
            count = await send()
            self.sent += count
            pace.waited(now, count)
            return count
        pace.waited(now, 0)
        if deadline == self.latest:
            raise self.failed(self._total_timeout())
        raise self.failed(
            WriteTimeout(
                f"{self.about()}: the peer takes no bytes: {pace.explain()} ({self._setting('write')})",
                limit=self.timing.write,
            )
        )
