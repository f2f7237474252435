"""One open WebSocket on trio-websocket: its reader, its closing handshake and its queue, over our frames and our line.

The only place that touches trio-websocket. The handshake is over before a session begins, so trio-websocket gets a
frame connection that is open already, as the ``ws_connection`` that its constructor asks for. What it has no public
name for is its reader task: :func:`reader_of` is the guarded place, and a canary test watches it.

How it works
------------
* trio-websocket's reader task reads from the :class:`Line`, and answers pings and close frames.
* Messages are taken on their way, before it sees them: they go to the task that waits in :meth:`Session.receive`, or
  into a queue. The one for which there is no room goes on to trio-websocket, whose own channel holds none, so its
  reader stands there until it is received. While it stands nothing is read, and TCP holds the peer back.
* Why a session ended is decided here: who closes first gives code and reason, and whoever waits is told of it.
* Messages are sent past trio-websocket: it makes the bytes of a frame before it waits for its turn to send them, so a
  cancelled send could leave a compressor ahead of the wire; and its lock costs a turn of the event loop. Our line
  gives out the turns, for its control frames too.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, cast, final

import outcome
import trio
import trio_websocket
from trio_websocket import WebSocketConnection
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from .._errors import ConnectionClosed, LocalProtocolError
from ..messages import Address
from ..transport import Transport
from ._codes import is_valid_close_code
from ._deflate import Agreement, Inflater
from ._frames import CLOSED, OPEN, REMOTE_CLOSING, FrameConnection
from ._inbox import Inbox
from ._keepalive import keep_alive
from ._line import Line
from ._options import Keepalive, WebSocketLimits, WebSocketTimeouts

__all__ = ["Session", "reader_of"]

log = logging.getLogger("trio_http.websocket")

_new = object.__new__
_UNLIMITED = 1 << 62  # trio-websocket's own limit comes after the fact; ours holds at the header of a frame


def reader_of(connection: WebSocketConnection) -> Callable[[], Awaitable[None]]:
    """Return the task that reads for a connection of trio-websocket, which has no public name.

    Raises:
        RuntimeError: This version of trio-websocket has none by the name we know.
    """
    reader = getattr(connection, "_reader_task", None)
    if reader is None:
        raise RuntimeError(
            f"trio-websocket {version('trio-websocket')} is not laid out as trio_http expects: it has no "
            "WebSocketConnection._reader_task. Install a version that this trio_http was tested with (0.12)"
        )
    return cast("Callable[[], Awaitable[None]]", reader)


@final
class Session:
    """An open WebSocket below its public face; run :meth:`run` in a nursery as long as it is used.

    Args:
        transport: The connected bytes.
        trailing: Bytes that came behind the handshake.
        client: True for the side that masks.
        deflate: What was agreed about compression.
        limits: What is taken from the peer.
        timeouts: How long it is waited for.
        keepalive: When it is asked for a sign of life; None for never.

    Attributes:
        at_end: What is called, once or more, when it is closed or closing; an ordered set.
        inbox: Where messages wait in pieces, if ``limits.stream`` says so.
        limit: Bytes of one message that is received whole.
    """

    __slots__ = (
        "_closing",
        "_connection",
        "_controls",
        "_count",
        "_ended",
        "_fragments",
        "_held",
        "_keepalive",
        "_over",
        "_pings",
        "_queue",
        "_reader",
        "_room",
        "_settled",
        "_turns",
        "_waiting",
        "at_end",
        "frames",
        "inbox",
        "limit",
        "line",
        "timeouts",
    )

    def __init__(
        self,
        transport: Transport,
        trailing: bytes = b"",
        *,
        client: bool,
        deflate: Agreement | None,
        limits: WebSocketLimits,
        timeouts: WebSocketTimeouts,
        keepalive: Keepalive | None,
    ) -> None:
        self.timeouts: WebSocketTimeouts = timeouts
        self.limit: int | None = limits.message
        most = None if limits.stream else limits.message
        self.frames: FrameConnection = FrameConnection(
            client=client, max_message=most, deflate=deflate, trailing=trailing
        )
        self.line: Line = Line(transport, self.frames, write=timeouts.write)
        # mypy and trio-websocket ask for wsproto's own class, of which only the interface is used
        frames: Any = self.frames
        self._connection = WebSocketConnection(
            self.line,
            frames,
            host="",
            path="",
            message_queue_size=0,
            max_message_size=_UNLIMITED,
            receive_buffer_size=None,
        )
        self._reader = reader_of(self._connection)
        self.frames.deliver = self._deliver
        self.frames.ended = self._settle
        self._queue: deque[str | bytes] = deque()
        self._room = limits.queue
        self._held = False  # trio-websocket's reader stands with a message for which there was no room
        self._waiting: dict[trio.lowlevel.Task, None] = {}  # who receives, the longest first
        self._turns = 0
        self.at_end: dict[Callable[[], None], None] = {}
        self._controls: deque[tuple[bytes, int, bytes]] | None = None  # see tell_controls()
        self._keepalive = keepalive
        self._ended: tuple[int, str] | None = None
        self._over = False
        self._settled = trio.Event()  # what is to be said to a close frame of the peer has been said
        self._closing: trio.Event | None = None
        self._pings: set[trio.CancelScope] = set()
        self._count = itertools.count(1)
        self._fragments: trio.Semaphore | None = None  # whose turn it is, once messages have been sent in pieces
        self.inbox: Inbox | None = None
        if limits.stream:
            inflater = None if deflate is None else Inflater(deflate)
            self.inbox = Inbox(room=limits.queue, inflater=inflater, ended=self._end_or_none, refuse=self.close)
            self.frames.deliver = self.inbox.put_message
            self.frames.pieces = self.inbox.put
            self.line.gate = self.inbox.room

    # ---------------------------------------------------------------- life

    async def run(self) -> None:
        """Read, answer and watch over the peer until the connection is closed. Never raises an ``Exception``."""
        try:
            if self._keepalive is None:
                await self._read()
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(keep_alive, self, self._keepalive)
                    await self._read()
                    nursery.cancel_scope.cancel()
        finally:
            self._over = True
            self._settle()
            for scope in self._pings:
                scope.cancel()

    async def _read(self) -> None:
        try:
            await self._reader()
        except Exception:
            log.exception("%r: the reader of a WebSocket failed; this is a bug", self.line)
            await self.fail(1011, "internal error")

    @property
    def peer(self) -> Address:
        """The address of the other end of the connection."""
        return self.line.transport.peer

    @property
    def local(self) -> Address:
        """The address of our end."""
        return self.line.transport.local

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason, once the WebSocket is closed or closing; None while it is open."""
        if self._ended is not None:
            return self._ended
        closed = self._connection.closed
        if closed is None:
            return (1006, self.line.broken or "the connection was left") if self._over else None
        code = int(closed.code)
        return code, closed.reason or (self.line.broken or "the connection ended" if code == 1006 else "")

    def error(self) -> ConnectionClosed:
        """Return what to raise when something is wanted of a closed WebSocket."""
        code, reason = self.closed or (1006, self.line.broken or "the connection was left")
        return ConnectionClosed(code, reason)

    # ---------------------------------------------------------------- messages

    async def send(self, message: str | bytes, final: bool | None = None) -> None:
        """Send one message, or a piece of the one that was begun by :meth:`begin_fragments`.

        Args:
            message: The message or piece.
            final: Whether the piece is the last one; None for a whole message, which waits for its turn.

        Raises:
            ConnectionClosed: The WebSocket is closed or closing.
            LocalProtocolError: The text cannot be encoded.

        Cancellation:
            Either nothing of it is sent, or the connection cannot be used any more.
        """
        # Hot: once per message. A full checkpoint costs 3 us, so most sends only look whether they are cancelled.
        # Others get their turn after 16 messages, or a quarter of a megabyte, which may have to be compressed.
        self._turns += 1 + (len(message) >> 14)
        if self._turns < 16:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            self._turns = 0
            await trio.lowlevel.checkpoint()
        if final is None and self._fragments is not None:
            async with self._fragments:
                await self.send(message, True)
            return
        if self._ended is not None or self.frames.state is not OPEN:
            raise self.error()
        event: Any = _new(TextMessage) if type(message) is str else _new(BytesMessage)
        fields = event.__dict__
        fields["data"] = message  # the rest are defaults; __init__ of a frozen class is slow
        if final is False:
            fields["message_finished"] = False
        line = self.line
        try:
            await line.send_event(event)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self._lose(line.broken)
            raise self.error() from None
        except LocalProtocolError:
            if self.frames.state is OPEN:
                raise
            raise self.error() from None  # closed while this waited for its turn
        except trio.Cancelled:
            if line.broken is not None:
                self._end(1006, line.broken)
            raise

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises:
            ConnectionClosed: There will be none: the WebSocket is closed, and what came before has been received.

        Cancellation:
            Loses no message.
        """
        # Hot: once per message. Waiting costs one turn of the event loop, a message that is there already mostly none.
        if self.inbox is not None:
            return await self._receive_from(self.inbox)
        if self._queue:
            self._turns += 1
            if self._turns < 16:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                self._turns = 0
                await trio.lowlevel.checkpoint()
            if self._queue:  # another task may have been quicker
                return self._queue.popleft()
        if self._held:
            self._held = False
            try:
                return await self._connection.get_message()
            except trio_websocket.ConnectionClosed:
                raise self.error() from None
            except BaseException:
                self._held = True
                raise
        if self.closed is not None:
            await trio.lowlevel.checkpoint()
            raise self.error()
        return await self._wait()

    async def _receive_from(self, inbox: Inbox) -> str | bytes:
        message = await inbox.take_message(self.limit)
        if message is None:
            await self.close(1009, f"a message of more than {self.limit} bytes")
            raise self.error()
        return message

    def _end_or_none(self) -> ConnectionClosed | None:
        return None if self.closed is None else self.error()

    async def begin_fragments(self) -> None:
        """Wait until no other message is being sent in pieces, and begin one; ended by :meth:`end_fragments`.

        Raises:
            ConnectionClosed: The WebSocket is closed or closing.
        """
        if self._fragments is None:
            self._fragments = trio.Semaphore(1)
        await self._fragments.acquire()
        if self.closed is not None:
            self._fragments.release()
            raise self.error()

    def end_fragments(self) -> None:
        """Let others send again."""
        assert self._fragments is not None
        self._fragments.release()

    async def _wait(self) -> str | bytes:
        task = trio.lowlevel.current_task()
        self._waiting[task] = None

        def abort(_: object) -> trio.lowlevel.Abort:
            del self._waiting[task]
            return trio.lowlevel.Abort.SUCCEEDED

        message: str | bytes = await trio.lowlevel.wait_task_rescheduled(abort)
        return message

    def _deliver(self, message: str | bytes) -> bool:
        """Take a message on its way to trio-websocket; False if there is no room for it."""
        # Hot: once per message.
        if self._ended is not None:
            return True  # it crossed our close frame: nobody will receive it
        if self._waiting:
            task = next(iter(self._waiting))
            del self._waiting[task]
            trio.lowlevel.reschedule(task, outcome.Value(message))
            return True
        if len(self._queue) < self._room:
            self._queue.append(message)
            return True
        self._held = True
        return False

    def _settle(self) -> None:
        self._settled.set()
        self._wake()

    def _wake(self) -> None:
        """Tell those who wait for a message that none will come, and whoever else wants to know."""
        if self.closed is None:
            return
        for told in tuple(self.at_end):
            told()
        if self.inbox is not None:
            self.inbox.wake()
        waiting, self._waiting = self._waiting, {}
        for task in waiting:
            trio.lowlevel.reschedule(task, outcome.Error(self.error()))

    def tell_controls(self) -> None:
        """Let :meth:`receive_any` tell of pings and pongs, too; before :meth:`run`."""
        self._controls = self.frames.controls = deque()

    async def receive_any(self) -> tuple[int, str | bytes]:
        """Wait for the next message, ping or pong; return its opcode and payload.

        Raises:
            ConnectionClosed: As :meth:`receive`.
        """
        message = await self.receive()
        controls = self._controls
        # the object itself tells: trio-websocket joins the pieces of a message, and one alone stays the object it was
        if controls and controls[0][0] is message:
            _, opcode, payload = controls.popleft()
            return opcode, payload
        return (1 if isinstance(message, str) else 2), message

    async def ping(self) -> float:
        """Send a ping, wait for its pong, return the seconds between the two.

        Raises:
            ConnectionClosed: The WebSocket is closed, or was closed meanwhile.
        """
        if self.closed is not None:
            await trio.lowlevel.checkpoint()
            raise self.error()
        began = trio.current_time()
        # trio-websocket's ping waits on when the connection ends, so the end is told by a scope of our own.
        with trio.CancelScope() as scope:
            self._pings.add(scope)
            try:
                await self._connection.ping(next(self._count).to_bytes(4, "big"))
            except trio_websocket.ConnectionClosed:
                raise self.error() from None
            finally:
                self._pings.discard(scope)
            return trio.current_time() - began
        raise self.error()

    # ---------------------------------------------------------------- closing

    async def close(self, code: int, reason: str) -> None:
        """Close with the closing handshake, in ``WebSocketTimeouts.close`` seconds at most; then close the connection.

        Raises:
            LocalProtocolError: The code may not be sent.

        Cancellation:
            The connection is closed without waiting for the peer; he is told why if he takes it at once.
        """
        if not is_valid_close_code(code):
            raise LocalProtocolError(f"the close code {code} may not be sent: use 1000, 1001, 1011 or 3000 to 4999")
        if self._closing is not None:
            await self._closing.wait()  # another task's closing handshake, which has a deadline of its own
            return
        self._closing = trio.Event()
        try:
            await self._shake_hands(code, reason)
        finally:
            self._closing.set()

    async def _shake_hands(self, code: int, reason: str) -> None:
        self._end(code, reason)
        self._queue.clear()
        if self.inbox is not None:
            self.inbox.clear()
        self._held = False
        timeout = self.timeouts.close
        try:
            with trio.CancelScope() as scope:
                if timeout is not None:
                    scope.deadline = trio.current_time() + timeout
                if self.frames.state is OPEN:
                    await self._say_why(CloseConnection(code=code, reason=reason))
                if self.frames.state in {REMOTE_CLOSING, CLOSED}:
                    await self._settled.wait()  # the reader is answering the peer's close frame
                if self.line.broken is None:
                    await self._connection.aclose()
                    await trio.lowlevel.checkpoint_if_cancelled()  # beside an exception that swallows a cancellation
        finally:
            await self.line.aclose()
        if scope.cancelled_caught:
            log.info("%r: no close frame came back in %g s (WebSocketTimeouts.close)", self.line, timeout)

    async def _say_why(self, frame: CloseConnection) -> None:
        # Not left to trio-websocket: it makes the frame and then waits for its turn, so cancelled it says nothing.
        if trio.current_effective_deadline() == -math.inf:
            await self.line.say_at_once(frame)
            return
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError):
            await self.line.say(frame)

    async def fail(self, code: int, reason: str) -> None:
        """Give the peer up: say why, as far as that takes no waiting, and close the connection."""
        self._end(code, reason)
        if self.frames.state is OPEN:
            await self.line.say_at_once(CloseConnection(code=code, reason=reason))
        await self.line.aclose()

    async def aclose(self) -> None:
        """Close the connection without a word."""
        self._end(1006, "the connection was left")
        await self.line.aclose()

    def _end(self, code: int, reason: str) -> None:
        if self.closed is None:
            self._ended = code, reason
            self.frames.controls = None  # nobody will receive what comes from now on
            self._wake()

    async def _lose(self, why: str | None) -> None:
        self._end(1006, why or "the connection was closed")
        await self.line.aclose()
