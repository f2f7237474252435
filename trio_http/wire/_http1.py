"""One connection of HTTP/1.1: a transport, the core, and the deadline of each wait; either role.

It turns bytes into heads and bodies and back, and knows what is on the wire; it does not know whose turn it is
(keep-alive, pool, redirects), nor what a handler or a client is.

How it works
------------
* Waiting for a request happens outside user code. It is bounded by the cancel scope of the connection's owner, whose
  deadline is armed here through the ``timer``: no scope per request.
* Every other wait happens inside user code (a body being read, a producer sending) or on behalf of one client
  request. It gets a scope of its own, but only if it really has to wait: what can be read or sent at once needs none.
* State changes are synchronous, I/O comes after. A send that is cancelled or fails leaves an unknown number of bytes
  on the wire: the connection is `broken` from then on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeVar, final

import trio

from .. import h1
from .._config import MinRate
from .._errors import (
    HTTPError,
    HTTPTimeout,
    IncompleteBody,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TotalTimeout,
    WriteTimeout,
)
from ..transport import READ_SIZE, Pace, Transport, Watched, format_address

__all__ = ["JOIN_MAX", "HTTP1Stream", "Timing", "Unsent"]

_E = TypeVar("_E", bound=HTTPError)

JOIN_MAX = 64 * 1024  # bytes; pieces up to this size in all are joined rather than sent one by one


@final
class Timing:
    """The deadlines of one connection, in seconds; None for never.

    Args:
        owner: ``"ServerTimeouts"`` or ``"ClientTimeouts"``, for texts.
        head: For a head that has begun.
        idle: For a next request to begin.
        read: For the next bytes of a body, or of a response's head.
        write: For the peer to take some bytes.
        min_rate: The lowest speed of bodies.
    """

    __slots__ = ("head", "idle", "min_rate", "owner", "read", "write")

    def __init__(
        self,
        owner: str,
        *,
        read: float | None,
        write: float | None,
        head: float | None = None,
        idle: float | None = None,
        min_rate: MinRate | None = None,
    ) -> None:
        self.owner: Final = owner
        self.head = head
        self.idle = idle
        self.read = read
        self.write = write
        self.min_rate = min_rate


@final
class Unsent:
    """The part of a message that the transport has not taken yet."""

    __slots__ = ("pieces", "sent", "size")

    def __init__(self, pieces: Sequence[bytes | memoryview], sent: int, size: int) -> None:
        self.pieces = pieces
        self.sent = sent
        self.size = size

    @property
    def left(self) -> int:
        """How many bytes."""
        return self.size - self.sent


@final
class HTTP1Stream:
    """One connection; the stream's owner is whoever created it, and one task reads and one task sends at a time.

    Args:
        transport: The connected bytes; closed by :meth:`aclose`.
        role: ``h1.CLIENT`` or ``h1.SERVER``.
        limits: What the peer may send.
        timing: The deadlines.
        timer: Where a server arms the deadlines of waits outside user code, and a client those of its waits for
            bytes; a client's timer calls :meth:`expire`.

    Attributes:
        core: The sans-I/O connection.
        latest: The instant, on trio's clock, when the current exchange has to be over (a client's total timeout).
        total: The seconds that `latest` stands for; for texts.
        subject: What the current exchange is about; ``str()`` of it is put into errors.
        timing: The deadlines; a client may change them between two exchanges.
        fault: The error of this connection that ended its use, if one did.
        broken: True when bytes of unknown number were sent: it can only be closed.
        status: The status of the answer to a client's current request; None before its final head.
        exchanges: How many heads have been received or sent on it.
        asked_at: When the last wait of a client for bytes began, on trio's clock.
        overdue: True once a wait of a client has been ended because its time was over.
        wakeable: True if that is done by closing the connection under it.
        sent: Bytes given to the transport so far.
        waiting: True while somebody waits for a part of a body.
        answer_begun: True once a byte has come in the current exchange of a client.
        patient: True while silence is no fault of the peer, because our own message is still going out: then only
            ``latest`` ends a wait for bytes.
    """

    __slots__ = (
        "_next",
        "_reading",
        "_timer",
        "_writing",
        "answer_begun",
        "asked_at",
        "broken",
        "core",
        "exchanges",
        "fault",
        "latest",
        "overdue",
        "patient",
        "received",
        "sent",
        "status",
        "subject",
        "timing",
        "total",
        "transport",
        "waiting",
        "wakeable",
    )

    def __init__(
        self,
        transport: Transport,
        role: type[h1.CLIENT | h1.SERVER],
        *,
        limits: h1.Limits,
        timing: Timing,
        timer: Watched | None = None,
    ) -> None:
        self.transport = transport
        self.core = h1.Connection(role, strict=True, limits=limits)
        self.timing = timing
        self._timer = timer
        self._next: h1.EndOfMessage | HTTPError | None = None
        self._reading: Pace | None = None
        self._writing: Pace | None = None
        self.latest = math.inf
        self.total: float | None = None
        self.subject: object = None
        self.fault: HTTPError | None = None
        self.broken = False
        self.exchanges = 0
        self.received = 0
        self.asked_at = 0.0
        self.overdue = False
        self.wakeable = role is h1.CLIENT and transport.wakes
        self.sent = 0
        self.waiting = False
        self.status: int | None = None
        self.answer_begun = False
        self.patient = False

    def __repr__(self) -> str:
        return (
            f"<HTTP1Stream with {format_address(self.transport.peer)}: {self.core.our_state} {self.core.their_state}>"
        )

    # ---------------------------------------------------------------- heads

    def begin(self, subject: object, timing: Timing, *, latest: float, total: float | None) -> None:
        """Begin an exchange as a client.

        Args:
            subject: What it is about; ``str()`` of it begins the texts of errors.
            timing: Its deadlines.
            latest: The instant when it has to be over.
            total: The seconds that ``latest`` stands for, for texts.
        """
        self.subject = subject
        self.timing = timing
        self.latest = latest
        self.total = total
        self.received = 0
        self.status = None
        self.answer_begun = False
        self.exchanges += 1
        self._reading = self._writing = None

    async def receive_request(self) -> h1.Request | None:
        """Wait for the next request's head; outside user code, under the owner's scope.

        Returns:
            The head, or None if the peer ended the connection between two requests.

        Raises:
            RemoteProtocolError: The peer broke HTTP; ``error_status_hint`` says what to answer.
            ReadError: The connection broke.

        Cancellation:
            Loses nothing; the owner closes the connection then anyway.
        """
        # Hot: with the head in one piece this is one wait and one parse, 4 us with 3 of them in the core.
        core = self.core
        timer = self._timer
        begun = core.buffered > 0
        event: object = core.receive_head() if begun else h1.NEED_DATA
        if event is h1.NEED_DATA:
            timing = self.timing
            # Before the first request nobody has been idle yet: silence is a slow head.
            wait = timing.idle if self.exchanges and not begun else timing.head
            if timer is not None and wait is not None:
                timer.arm(trio.current_time() + wait)
            while True:
                data = await self.transport.receive(READ_SIZE)
                event = core.receive_plain_request(data)
                if event is not None:
                    break
                core.receive_data(data)
                event = core.receive_head()
                if event is not h1.NEED_DATA:
                    break
                if not begun:
                    begun = True  # the whole head shares one deadline, however many pieces it comes in
                    if timer is not None and timing.head is not None:
                        timer.arm(trio.current_time() + timing.head)
            if timer is not None:
                timer.deadline = math.inf
        if type(event) is h1.Request:
            self.exchanges += 1
            self.subject = event
            self._reading = self._writing = None
            return event
        if type(event) is h1.ConnectionClosed:
            return None
        raise AssertionError(f"a server cannot receive {event!r}")

    async def receive_response(self) -> h1.Response | h1.InformationalResponse:
        """Wait for the next head of a response, informational ones included.

        Raises:
            ReadTimeout, TotalTimeout: It did not come in time.
            RemoteProtocolError: The server broke HTTP, or closed without an answer.
            ReadError: The connection broke.
        """
        # Hot: once per request of a client.
        core = self.core
        while True:
            try:
                event = core.receive_head() if core.buffered or self.answer_begun else h1.NEED_DATA
                if event is h1.NEED_DATA:
                    timer = self._timer
                    if timer is not None and self.wakeable:
                        data = await self._receive_watched(timer)
                    else:
                        data = await self._receive_in_time()
                    core.receive_data(data)
                    event = core.receive_head()
            except RemoteProtocolError as error:
                if not self.answer_begun:
                    raise self.failed(self._no_answer()) from error
                raise self.failed(self._explained(error)) from error
            if event is h1.NEED_DATA:
                continue
            if type(event) is h1.Response:
                self.status = event.status_code
                return event
            elif type(event) is h1.InformationalResponse:
                return event
            elif type(event) is h1.ConnectionClosed:
                raise self.failed(self._no_answer())
            else:
                raise AssertionError(f"a client cannot receive {event!r}")

    def _no_answer(self) -> RemoteProtocolError:
        return RemoteProtocolError(
            f"{self.about()}: the server closed the connection without an answer; "
            f"{ordinal(self.exchanges)} request on this connection"
        )

    # ---------------------------------------------------------------- bodies

    async def receive_chunk(self) -> bytes | h1.EndOfMessage:
        """Wait for the next piece of the incoming body; its pieces that are there already come as one.

        Returns:
            At least one byte, or the end with its trailers.

        Raises:
            ReadTimeout, TotalTimeout: It did not come in time, or came too slowly.
            IncompleteBody: The connection ended before the body.
            RemoteProtocolError: The peer broke HTTP.
            ReadError: The connection broke.

        Cancellation:
            Loses no byte.
        """
        # A checkpoint first, so that a fast peer cannot keep this task running for ever; nothing is in our hands yet.
        await trio.lowlevel.checkpoint()
        if (held := self._next) is not None:
            self._next = None
            if isinstance(held, h1.EndOfMessage):
                return held
            raise held
        core = self.core
        pieces: list[bytes] = []
        size = 0
        while size < READ_SIZE:
            try:
                event = core.next_event()
            except RemoteProtocolError as error:
                fault = self.failed(self._explained(error))
                if not pieces:
                    raise fault from error
                self._next = fault  # the bytes before the error are good: they come first
                break
            if type(event) is h1.Data:
                pieces.append(event.data)
                size += len(event.data)
            elif event is h1.NEED_DATA:
                if pieces:
                    break
                data = self.transport.receive_nowait(READ_SIZE)
                if data is None:
                    data = await self._receive_in_time()
                elif self._reading is not None:
                    self._reading.moved += len(data)
                core.receive_data(data)
            elif type(event) is h1.EndOfMessage:
                if not pieces:
                    return event
                self._next = event
                break
            else:
                raise AssertionError(f"inside a body there is no {event!r}")
        self.received += size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def take_buffered(self, pieces: list[bytes]) -> h1.EndOfMessage | None:
        """Take the pieces of the incoming body that have arrived, without any wait.

        Args:
            pieces: They are appended here.

        Returns:
            The end, or None if more is to come: then :meth:`receive_more`.

        Raises:
            IncompleteBody, RemoteProtocolError: What arrived is no body.
        """
        next_event = self.core.next_event
        while True:
            try:
                event = next_event()
            except RemoteProtocolError as error:
                raise self.failed(self._explained(error)) from error
            if type(event) is h1.Data:
                pieces.append(event.data)
                self.received += len(event.data)
            elif event is h1.NEED_DATA:
                return None
            elif event is h1.PAUSED:
                raise AssertionError("there is no body to take")
            elif type(event) is h1.EndOfMessage:
                return event
            else:
                raise AssertionError(f"inside a body there is no {event!r}")

    async def receive_more(self) -> None:
        """Wait for bytes of the incoming body.

        Raises:
            ReadTimeout, TotalTimeout: None came in time.
            ReadError: The connection broke.

        Cancellation:
            Loses no byte.
        """
        self.core.receive_data(await self._receive_in_time())

    async def discard_body(self, limit: int | None) -> bool:
        """Read the rest of the incoming body and throw it away.

        Args:
            limit: Give up beyond so many bytes.

        Returns:
            True if the end was reached, so that the connection can carry the next exchange.
        """
        core = self.core
        if core.their_state is not h1.SEND_BODY and self._next is None:
            return core.their_state is h1.DONE
        if core.they_are_waiting_for_100_continue:
            return False  # nobody can know whether the body will come (RFC 9110 section 10.1.1)
        count = 0
        try:
            while not isinstance(piece := await self.receive_chunk(), h1.EndOfMessage):
                count += len(piece)
                if limit is not None and count > limit:
                    return False
        except HTTPError:
            return False
        return core.their_state is h1.DONE

    # ---------------------------------------------------------------- sending

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
        """Send as much as is taken without a wait of a message that the core has made; returns what is left."""
        size = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        sent = self.transport.send_nowait(pieces)
        self.sent += sent
        if sent == size:
            return None
        self.broken = True
        return Unsent(pieces, sent, size)

    async def send_unsent(self, unsent: Unsent) -> None:
        """Send the rest of what :meth:`send_nowait` or :meth:`send_message_nowait` has begun.

        Raises:
            WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection is broken.
        """
        await self._send_rest(unsent.pieces, unsent.sent, unsent.size)
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
        """Send what can be sent at once of bytes that the core has produced.

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
        # From here on the number of bytes on the wire is only known again when all have been taken.
        self.broken = True
        return Unsent((data,), sent, len(data))

    async def send_pieces(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Send raw bytes that the core has produced."""
        size = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        sent = self.transport.send_nowait(pieces)
        self.sent += sent
        if sent < size:
            # From here on the number of bytes on the wire is only known again when all have been taken.
            self.broken = True
            await self._send_rest(pieces, sent, size)
            self.broken = False

    async def _send_rest(self, pieces: Sequence[bytes | memoryview], sent: int, size: int) -> None:
        pace = self._writing
        if pace is None:
            pace = self._writing = Pace(self.timing.write, self.timing.min_rate)
        pace.moved += sent
        if len(pieces) > 1 and size - sent <= JOIN_MAX:
            pieces = (b"".join(pieces),)  # fewer system calls, fewer TLS records
        for piece in pieces:
            if sent >= len(piece):
                sent -= len(piece)
                continue
            rest = memoryview(piece)[sent:]
            sent = 0
            while rest:
                rest = rest[await self._send_in_time(rest, pace) :]

    async def _send_in_time(self, data: memoryview, pace: Pace) -> int:
        now = trio.current_time()
        deadline = pace.deadline(now, self.latest)
        with trio.CancelScope(deadline=deadline):
            count = await self.transport.send(data)
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

    async def _receive_in_time(self) -> bytes:
        timer = self._timer
        if timer is not None and self.wakeable:
            return await self._receive_watched(timer)
        self.asked_at = trio.current_time()
        pace = self._reading
        if pace is None:
            pace = self._reading = Pace(self.timing.read, self.timing.min_rate)
        now = trio.current_time()
        deadline = self.latest if self.patient else pace.deadline(now, self.latest)
        self.waiting = True
        try:
            with trio.CancelScope(deadline=deadline):
                data = await self.transport.receive(READ_SIZE)
                pace.waited(now, len(data))
                if data:
                    self.answer_begun = True
                return data
        finally:
            self.waiting = False
        pace.waited(now, 0)
        if deadline == self.latest:
            raise self.failed(self._total_timeout())
        raise self.failed(
            ReadTimeout(
                f"{self.about()}: {pace.explain()} ({self._setting('read')}); {self.progress()}",
                limit=self.timing.read,
            )
        )

    async def _receive_watched(self, timer: Watched) -> bytes:
        """As above for a client, without a scope: the timer closes the connection under the wait when it is over."""
        # Hot: once per request. A cancel scope would cost a tenth of all that a small request costs.
        self.asked_at = now = trio.current_time()
        latest = self.latest
        read = self.timing.read
        deadline = latest if read is None or self.patient else min(latest, now + read)
        if deadline != math.inf:
            timer.arm(deadline)
        try:
            data = await self.transport.receive(READ_SIZE)
        except ReadError:
            if not self.overdue:
                raise
            if deadline == latest:
                raise self.failed(self._total_timeout()) from None
            raise self.failed(
                ReadTimeout(
                    f"{self.about()}: no byte moved for {read:g} s ({self._setting('read')}); {self.progress()}",
                    limit=read,
                )
            ) from None
        finally:
            timer.deadline = math.inf
        if data:
            self.answer_begun = True
        return data

    def expire(self) -> None:
        """End the wait of a client whose time is over; for its timer."""
        self.overdue = True
        self.transport.close_now()

    # ---------------------------------------------------------------- between and after exchanges

    @property
    def reusable(self) -> bool:
        """True if both sides are done and may go on: :meth:`next_exchange` can be called."""
        core = self.core
        return core.our_state is h1.DONE and core.their_state is h1.DONE and not self.broken

    def next_exchange(self) -> None:
        """Begin the next exchange on a :attr:`reusable` connection."""
        self._next = None  # the end of a body of which somebody read all bytes, but not the end
        self.core.start_next_cycle()

    def set_read_timeout(self, seconds: float | None) -> None:
        """Let the incoming body of the current exchange stand still for so long."""
        self._reading = Pace(seconds, self.timing.min_rate)

    async def linger(self, seconds: float, max_bytes: int | None) -> None:
        """Let the last words arrive: send an end, then read and discard until the peer has closed too.

        Closing a socket with unread bytes resets it, and the peer may never see an answer that is still under way
        (RFC 9112 section 9.6).

        Args:
            seconds: Wait no longer than this.
            max_bytes: Discard no more than this.
        """
        with trio.move_on_after(seconds):
            try:
                await self.transport.send_eof()
                count = 0
                while data := await self.transport.receive(READ_SIZE):
                    count += len(data)
                    if max_bytes is not None and count > max_bytes:
                        return
            except HTTPError:
                pass  # it is gone already: all the better

    async def aclose(self) -> None:
        """Close the transport; never waits for the peer longer than a moment."""
        await self.transport.aclose()

    # ---------------------------------------------------------------- words

    def failed(self, error: _E) -> _E:
        """Note the error that ended the use of this connection; return it, to be raised."""
        self.fault = error
        return error

    def about(self) -> str:
        """What the current exchange is, for the beginning of a text."""
        subject = self.subject
        if isinstance(subject, h1.Request):
            method, target = subject.method.decode("latin-1"), subject.target.decode("latin-1")
            return f"{method} {target} from {format_address(self.transport.peer)}"
        return str(subject) if subject is not None else f"connection with {format_address(self.transport.peer)}"

    def progress(self) -> str:
        """How far the incoming message has come, for the end of a text."""
        if self.subject is not None and not isinstance(self.subject, h1.Request):
            return f"{self._answer_so_far()}; {ordinal(self.exchanges)} request on this connection"
        length = self.core.their_body_length
        of = "" if length is None else f" of {length}"
        return f"{self.received}{of} bytes of the body had arrived; exchange {self.exchanges} on this connection"

    def _setting(self, name: Literal["read", "write"]) -> str:
        value = self.timing.read if name == "read" else self.timing.write
        return f"{self.timing.owner}.{name}" + ("" if value is None else f"={value:g}")

    def _answer_so_far(self) -> str:
        if self.status is None:
            begun = self.core.buffered
            return f"{begun} bytes of an answer's head had arrived" if begun else "no answer yet"
        length = self.core.their_body_length
        of = "" if length is None else f" of {length}"
        return f"status {self.status} and {self.received}{of} bytes of the body had arrived"

    def _explained(self, error: RemoteProtocolError) -> HTTPError:
        text = f"{self.about()}: {error}; {self.progress()}"
        kind = IncompleteBody if isinstance(error, IncompleteBody) else type(error)
        return kind(text, error.error_status_hint)

    def _total_timeout(self) -> HTTPTimeout:
        return TotalTimeout(
            f"{self.about()}: not over after {self.total:g} s in all (timeout={self.total:g}); {self.progress()}"
            if self.total is not None
            else f"{self.about()}: not over in time; {self.progress()}",
            limit=self.total,
        )


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
