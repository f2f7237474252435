"""One connection of HTTP/1.1: a transport, the core, and the deadline of each wait; either role.

It turns bytes into heads and bodies and back, and knows what is on the wire; it does not know whose turn it is
(keep-alive, pool, redirects), nor what a handler or a client is.

How it works
------------
* Waiting for a request happens outside user code. It is bounded by the cancel scope of the connection's owner, whose
  deadline is armed here through the ``timer``: no scope per request.
* Every other wait happens inside user code (a body being read, a producer sending) or on behalf of one client
  request. It gets a scope of its own, but only if it really has to wait: what can be read or sent at once needs none.
* What it knows is in `_state.py`, how it sends in `_sending.py`; here is how it receives, and how exchanges follow
  one another. It is one object, because each call from one to another would cost on every request.
"""

from __future__ import annotations

import math
from typing import final

import trio

from .. import h1
from .._errors import HTTPError, ReadError, ReadTimeout, RemoteProtocolError
from ..transport import Pace, Watched, linger
from ._sending import SendingLine
from ._state import ordinal
from ._timing import Timing

__all__ = ["HTTP1Stream"]


@final
class HTTP1Stream(SendingLine):
    """One connection; the stream's owner is whoever created it, and one task reads and one task sends at a time.

    Its arguments and attributes are those of :class:`~trio_http.wire._state.Line`.
    """

    __slots__ = ()

    # declared in Line too; again here, where they are assigned, for type checkers that infer from that
    answer_begun: bool
    asked_at: float
    exchanges: int
    received: int
    status: int | None
    subject: object
    waiting: bool

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
        event = self.next_request()
        while event is None:
            event = self.take_request(await self.transport.receive(self.read_size))
        return event if isinstance(event, h1.Request) else None

    def next_request(self) -> h1.Request | h1.ConnectionClosed | None:
        """Begin to wait for a request: :meth:`receive_request` for those who wait by themselves.

        Returns:
            What is there already: the next request's head, or the end of the connection. None if more bytes are needed:
            then the deadline of this wait is armed, and what comes is for :meth:`take_request`.

        Raises:
            RemoteProtocolError: As above.
        """
        core = self.core
        begun = self._head_begun = core.buffered > 0
        if begun:
            event = core.receive_head()
            if event is not h1.NEED_DATA:
                return self._began(event)
        # Before the first request nobody has been idle yet: silence is a slow head.
        wait = self.timing.idle if self.exchanges and not begun else self.timing.head
        if self._timer is not None and wait is not None:
            self._timer.arm(trio.current_time() + wait)
        return None

    def take_request(self, data: bytes) -> h1.Request | h1.ConnectionClosed | None:
        """Take bytes that have come for the next request's head, ``b""`` for the end; returns as above."""
        # Hot: with the head in one piece this is one parse, 3 us.
        core = self.core
        event: object = core.receive_plain_request(data)
        if event is None:
            core.receive_data(data)
            event = core.receive_head()
            if event is h1.NEED_DATA:
                if not self._head_begun:
                    self._head_begun = True  # the whole head shares one deadline, however many pieces it comes in
                    if self._timer is not None and self.timing.head is not None:
                        self._timer.arm(trio.current_time() + self.timing.head)
                return None
        if self._timer is not None:
            self._timer.deadline = math.inf
        return self._began(event)

    def _began(self, event: object) -> h1.Request | h1.ConnectionClosed:
        if isinstance(event, h1.Request):
            self.exchanges += 1
            self.subject = event
            self._reading = self._writing = None
            return event
        if isinstance(event, h1.ConnectionClosed):
            return event
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
            if isinstance(event, h1.Response):
                self.status = event.status_code
                return event
            elif isinstance(event, h1.InformationalResponse):
                return event
            elif isinstance(event, h1.ConnectionClosed):
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
        while size < self.read_size:
            try:
                event = core.next_event()
            except RemoteProtocolError as error:
                fault = self.failed(self._explained(error))
                if not pieces:
                    raise fault from error
                self._next = fault  # the bytes before the error are good: they come first
                break
            if isinstance(event, h1.Data):
                pieces.append(event.data)
                size += len(event.data)
            elif event is h1.NEED_DATA:
                if pieces:
                    break
                data = self.transport.receive_nowait(self.read_size)
                if data is None:
                    data = await self._receive_in_time()
                elif self._reading is not None:
                    self._reading.moved += len(data)
                core.receive_data(data)
            elif isinstance(event, h1.EndOfMessage):
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
            if isinstance(event, h1.Data):
                pieces.append(event.data)
                self.received += len(event.data)
            elif event is h1.NEED_DATA:
                return None
            elif event is h1.PAUSED:
                raise AssertionError("there is no body to take")
            elif isinstance(event, h1.EndOfMessage):
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
                data = await self.transport.receive(self.read_size)
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
            data = await self.transport.receive(self.read_size)
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
        self.subject = None  # nothing of an exchange is kept while the connection is idle
        self.core.start_next_cycle()

    def belongs_to(self, timer: Watched) -> None:
        """Let the deadlines of waits outside user code be armed by somebody else from now on."""
        self._timer = timer

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
        await linger(self.transport, seconds, max_bytes, read_size=self.read_size)

    async def aclose(self) -> None:
        """Close the transport; never waits for the peer longer than a moment."""
        self._timer = None  # it may hold us: a closed connection is nothing for the garbage collector
        await self.transport.aclose()
