"""The bytes below one WebSocket: a trio stream over a transport, with what the floors above want to know of time.

It knows when bytes came and whether somebody waits for them, and it puts a deadline on each wait for a peer that takes
nothing. Of frames it knows only that a part of one ruins all that follows.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import final

import trio
from wsproto.events import Event

from .._errors import HTTPError, LocalProtocolError, ReadError, WriteError
from ..transport import READ_SIZE, Transport, format_address
from ._frames import OPEN, FrameConnection

__all__ = ["Line"]

LAST_WORDS = 0.2  # seconds for a last frame to leave; peers that take nothing do not hold us
LINGER = 1.0  # seconds for a peer whom we refused to read why
LINGER_BYTES = 1024 * 1024  # bytes discarded meanwhile
_READ_MAX = 4 * READ_SIZE


@final
class Line(trio.abc.Stream):
    """A stream for one WebSocket; one task reads, any may send.

    Args:
        transport: The connected bytes; closed with this stream.
        frames: What is written here, when its turn has come; and asked how much of a frame is missing.
        write: Seconds in which the peer has to take some bytes; None for ever.

    Attributes:
        heard: When the last byte came, on trio's clock.
        gate: Set to be awaited before each read; for who cannot take more for now.
        waiting: Since when the reader waits for bytes; ``inf`` while it does something else.
        broken: Why nothing can be sent any more; None while it can.
    """

    __slots__ = (
        "_closed",
        "_frames",
        "_resumed",
        "_saying",
        "_transport",
        "_turn",
        "_write",
        "broken",
        "gate",
        "heard",
        "waiting",
    )

    def __init__(self, transport: Transport, frames: FrameConnection, *, write: float | None) -> None:
        self._transport = transport
        self._frames = frames
        self._write = write
        self._closed = False
        self._resumed: trio.Event | None = None
        self._saying: trio.Event | None = None  # last words, which closing waits for
        self._turn = trio.StrictFIFOLock()  # control frames must not overtake one another
        self.gate: Callable[[], Awaitable[None]] | None = None
        self.heard: float = trio.current_time()
        self.waiting: float = math.inf
        self.broken: str | None = None

    def __repr__(self) -> str:
        return f"<Line to {format_address(self._transport.peer)}>"

    @property
    def transport(self) -> Transport:
        """What is below."""
        return self._transport

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; ``b""`` is the end. How many is decided here, not by ``max_bytes``.

        Raises:
            trio.BrokenResourceError: The connection is gone.
            trio.ClosedResourceError: It was closed on our side.

        Cancellation:
            Loses no byte.
        """
        # Hot: once per message or more, nearly all of it the wait.
        if self._closed:
            raise trio.ClosedResourceError("this connection was closed on our side")
        if self.gate is not None:
            await self.gate()
        self.waiting = trio.current_time()
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None
        missing = self._frames.missing
        size = READ_SIZE if missing <= READ_SIZE else min(missing, _READ_MAX)
        try:
            data = await self._transport.receive(size)
        except ReadError as error:
            if self._closed:
                raise trio.ClosedResourceError("this connection was closed on our side") from error
            if self.broken is None:
                self.broken = str(error)
            raise trio.BrokenResourceError(str(error)) from error
        finally:
            self.waiting = math.inf
        self.heard = trio.current_time()
        return data

    async def reader_waits(self) -> None:
        """Return once the reader waits for bytes, at once if it does."""
        while self.waiting == math.inf:
            if self._resumed is None:
                self._resumed = trio.Event()
            await self._resumed.wait()

    async def send_event(self, event: Event) -> None:
        """Send what the frames make of an event, when it is its turn.

        Raises:
            LocalProtocolError: It cannot be sent in this state; nothing was.
            trio.BrokenResourceError, trio.ClosedResourceError: As :meth:`send_all`.

        Cancellation:
            Safe as long as it waits for its turn: nothing has been written or compressed before. Once it had to wait
            for the peer, nothing can be sent after these bytes.
        """
        # Hot: once per message. The lock is there for the case that somebody waits for a slow peer; taking and
        # leaving it costs 1.5 us, two thirds of what acquire() with its turn of the event loop does.
        turn = self._turn
        try:
            turn.acquire_nowait()
        except trio.WouldBlock:
            await turn.acquire()
            if self._frames.state is not OPEN:
                turn.release()
                raise LocalProtocolError(
                    f"{type(event).__name__} cannot be sent: the WebSocket was closed meanwhile"
                ) from None
        try:
            await self._push(self._frames.send(event))
        finally:
            turn.release()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything, when it is its turn.

        Raises:
            trio.BrokenResourceError: The connection is gone, or an earlier frame was cut off.
            trio.ClosedResourceError: It was closed on our side.

        Cancellation:
            Once it had to wait for the peer, nothing can be sent after these bytes.
        """
        if not data:  # trio-websocket's reader begins so at a client
            await trio.lowlevel.checkpoint()
            return
        async with self._turn:
            await self._push(data)

    async def say(self, event: Event) -> None:
        """Send last words when it is their turn; whoever closes meanwhile waits for them, a moment at most.

        Raises:
            LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError: As :meth:`send_event`.

        Cancellation:
            As :meth:`send_event`.
        """
        self._saying = said = trio.Event()
        try:
            await self.send_event(event)
        finally:
            said.set()

    async def say_at_once(self, event: Event) -> None:
        """Send last words, unless somebody is in the middle of a message, in a moment at most. Never raises."""
        if self._turn.locked():
            return
        with (
            trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORDS),
            contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError),
        ):
            await self.say(event)

    async def _push(self, data: bytes | bytearray | memoryview) -> None:
        if self.broken is not None:
            raise trio.BrokenResourceError(self.broken)
        if self._closed:
            raise trio.ClosedResourceError("this connection was closed on our side")
        try:
            sent = self._transport.send_nowait((memoryview(data),)) if data else 0
            if sent < len(data):
                await self._send_rest(memoryview(data)[sent:])
        except WriteError as error:
            self.broken = str(error)
            raise trio.BrokenResourceError(str(error)) from error

    async def _send_rest(self, rest: memoryview) -> None:
        try:
            while rest:
                with trio.CancelScope() as scope:
                    if self._write is not None:
                        scope.deadline = trio.current_time() + self._write
                    rest = rest[await self._transport.send(rest) :]
                if scope.cancelled_caught:
                    self.broken = f"the peer took no byte for {self._write:g} s (WebSocketTimeouts.write)"
                    raise trio.BrokenResourceError(self.broken)
        except BaseException:
            if self.broken is None:  # nobody can say how many bytes are on the wire
                self.broken = "the sending of a message was cancelled half-way"
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Return after a checkpoint: sending may wait all the same."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Close the connection; whoever waits on it gets an error.

        A peer that was refused in the middle of what he sent would be reset, and never read why: his bytes are
        discarded for a moment.
        """
        if self._closed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._closed = True
        if self._frames.ended is not None:
            self._frames.ended()  # who waits for messages need not wait for what follows
        if self._saying is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORDS):
                await self._saying.wait()
        if self._frames.refused and self.broken is None and not self._turn.locked():
            with trio.CancelScope(shield=True, deadline=trio.current_time() + LINGER):
                await self._linger()
        await self._transport.aclose()

    async def _linger(self) -> None:
        count = 0
        try:
            await self._transport.send_eof()
            while count <= LINGER_BYTES and (data := await self._transport.receive(READ_SIZE)):
                count += len(data)
        except (HTTPError, trio.BusyResourceError):
            pass  # it is gone already, or another task reads: all the better
