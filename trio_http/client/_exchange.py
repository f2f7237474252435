"""One attempt of a request: one connection, the request on it, and the response from it.

It begins with a slot of the pool and ends with giving it back, on every path. Above it are redirects and retries,
below it the wire.

How it works
------------
* A body in memory is sent from the caller's task, as far as the connection takes it at once; a long rest and a streamed
  body are sent by an :class:`~trio_http.client._upload.Upload` while we wait for the answer.
* It ends once: :meth:`Exchange.finish` after the last byte of the response, :meth:`Exchange.abandon` in all other
  cases. First the pool's state is changed, synchronously, then there is I/O.
* No cancel scope stays open between two calls, so a response may be read wherever the user likes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar, final

import trio

from .. import h1
from .._config import ClientLimits
from .._errors import HTTPError, PoolError, ReadError, RemoteProtocolError, TotalTimeout, TransportError, WriteError
from ..messages import Timings
from ..semantics import Headers
from ..transport import WRITE_SLICE, Dial
from ..wire import HTTP1Stream, Unsent, UpgradedStream, request_head
from ._attempt import Head, too_large
from ._call import Call
from ._hooks import called
from ._pool import ClientConnection, Pool
from ._trace import Trace
from ._upload import Upload

__all__ = ["Exchange"]

_T = TypeVar("_T")

_NO_BODY = h1.EndOfMessage()
LAST_BYTES = 1.0  # seconds for an upload whose last byte has left to say so


@final
class Exchange:
    """One attempt.

    Args:
        call: The request.
        connection: The slot; from now on it is ours to give back.
        pool: Whose it is.
        nursery: Where uploads run.
        limits: What the server may send.
        timings: Filled in as it goes.
        trace: Told of each phase; None for nobody.
    """

    __slots__ = (
        "_connection",
        "_informed",
        "_limits",
        "_nursery",
        "_pool",
        "_trace",
        "_upload",
        "_write_error",
        "call",
        "is_unsent",
        "over",
        "timings",
    )

    def __init__(
        self,
        call: Call,
        connection: ClientConnection,
        *,
        pool: Pool,
        nursery: trio.Nursery,
        limits: ClientLimits,
        timings: Timings,
        trace: Trace | None,
    ) -> None:
        self.call = call
        self._connection = connection
        self._pool = pool
        self._nursery = nursery
        self._limits = limits
        self._upload: Upload | None = None
        self._informed = 0
        self._write_error: WriteError | None = None
        self.is_unsent = False  # true once it is known that no byte of the request has left
        self.over = False
        self.timings = timings
        self._trace = trace

    @property
    def stream(self) -> HTTP1Stream:
        """The connection, once it is open."""
        stream = self._connection.stream
        assert stream is not None
        return stream

    def switched(self) -> UpgradedStream:
        """Return the connection after a 101."""
        first, ended = self.stream.core.trailing_data
        return UpgradedStream(self.stream.transport, first, ended=ended)

    @property
    def has_body(self) -> bool:
        """True while there may be bytes of a body to read."""
        return not self.over and self.stream.core.their_state is h1.SEND_BODY

    @property
    def body_length(self) -> int | None:
        """Bytes of the body as declared; None where only the end will tell."""
        return self.stream.core.their_body_length

    def is_stale(self, error: BaseException) -> bool:
        """Tell whether the connection had been closed by the server before the request reached it.

        True only on a connection that was used before, and if not one byte has come back.
        """
        return (
            self._connection.reused
            and isinstance(error, ReadError | WriteError | RemoteProtocolError)
            and not self.stream.answer_begun
        )

    # ---------------------------------------------------------------- the request

    async def perform(self) -> Head:
        """Send the request and wait for the head of the final response, or for the 101 that was asked for.

        Raises:
            HTTPError: Whatever went wrong; the exchange is over then.
            Exception: What the user's body raised; likewise.

        Cancellation:
            The connection is closed.
        """
        # Hot: once per request. With a small request on a kept connection there is one wait, that for the answer.
        call, timings, trace = self.call, self.timings, self._trace
        try:
            stream = self._connection.stream
            if stream is None:
                stream = await self._open()
                timings.acquired = trio.current_time()
            else:
                timings.acquired = self._connection.since
                if timings.acquired >= call.latest:  # the user's hooks or middleware took all of it
                    raise TotalTimeout(f"{call}: not sent, its {call.total:g} s in all are over", limit=call.total)
            stream.begin(call, call.terms.timing, latest=call.latest, total=call.total)
            if trace is not None:
                trace.attempt.reused, trace.sent_before = self._connection.reused, stream.sent
                trace.phase_began("send")
            early = None
            if call.is_simple:
                unsent = self._send_nowait(stream)
                if unsent is not None:
                    await self._send_rest(stream, unsent)
            else:
                early = await self._send_streamed(stream)
            if trace is not None:
                if self._upload is None:
                    trace.phase_ended("send")
                trace.phase_began("wait")
            if early is None and self._upload is None and self._write_error is None:
                early = await stream.receive_response()
                if type(early) is not h1.Response:
                    early = await self._receive_head(stream, early)
            elif early is None:
                early = await self._receive_head(stream)
            timings.sent = stream.asked_at
            timings.answered = trio.current_time()
            if trace is not None:
                trace.answered(early.status_code)
            return early
        except BaseException as error:
            self._tell_end(error)
            await self.abandon()
            self._raise_better(error)
            raise

    def _raise_better(self, error: BaseException) -> None:
        """Raise what says more than the error itself, if there is more to say."""
        if not isinstance(error, TransportError):
            return
        if self._pool.closed:
            raise PoolError(f"{self.call}: the client was closed while this request was under way") from error
        stream = self._connection.stream
        if stream is not None and not str(error).startswith(str(self.call)):
            raise error.with_text(f"{self.call}: {error}; {stream.progress()}") from error

    async def _open(self) -> HTTP1Stream:
        call, connection = self.call, self._connection
        timeouts = call.terms.timeouts
        dial = Dial(
            connect=timeouts.connect,
            handshake=timeouts.handshake,
            latest=call.latest,
            total=call.total,
            subject=call,
            observer=self._trace,
        )
        try:
            with trio.CancelScope() as connection.opening:  # the pool ends it when the client is closed
                transport = await call.to.route.open(call.to.origin, dial)
                if not self._pool.closed:
                    stream = HTTP1Stream(
                        transport, h1.CLIENT, limits=call.terms.h1_limits, timing=call.terms.timing, timer=connection
                    )
                    self._pool.opened(connection, stream)
                    return stream
                await transport.aclose()  # it opened in the moment in which the pool was closed
        except HTTPError as error:
            if not str(error).startswith(str(call)):
                raise error.with_text(f"{call}: {error}") from error
            raise
        finally:
            connection.opening = None
            self.timings.dns, self.timings.connect, self.timings.tls = dial.dns, dial.connecting, dial.handshaking
        raise PoolError(f"{call}: the client was closed while this request was under way")

    def _send_nowait(self, stream: HTTP1Stream) -> Unsent | None:
        call = self.call
        content = call.content
        assert content.data is not None
        try:
            if not call.is_plain:
                head = request_head(
                    call.method, call.to.target, call.items, content, streamed=False, upgrade=call.upgrade
                )
                return stream.send_message_nowait(head, content.data)
            # the same few requests are made again and again: their bytes are kept
            kept = call.to.plain
            message = kept.get(call.method)
            core = stream.core
            if message is None or core.send_plain_request(call.method.encode("ascii"), message) is None:
                head = request_head(call.method, call.to.target, call.items, content, streamed=False)
                message = kept[call.method] = core.send_message(head)
            return stream.send_bytes_nowait((message,))
        except WriteError:
            self.is_unsent = True
            raise

    async def _send_rest(self, stream: HTTP1Stream, unsent: Unsent) -> None:
        """Send what the connection did not take at once: a little from here, much beside the waiting."""
        if unsent.left > WRITE_SLICE:
            self._start_upload(upload := Upload(), lambda: upload.send_rest(stream, unsent))
            return
        try:
            await stream.send_unsent(unsent)
        except WriteError as error:
            self._write_error = error  # there may be an answer all the same, such as a 413

    async def _send_streamed(self, stream: HTTP1Stream) -> Head | None:
        """Send the head, and start sending the body; return the answer if it came before the body was wanted."""
        call = self.call
        content = call.content
        head = request_head(call.method, call.to.target, call.items, content, streamed=True, upgrade=call.upgrade)
        await stream.send_event(head)
        if call.expect is not None:
            early = await self._receive_word(stream, trio.current_time() + call.expect)
            if early is not None and early.status_code != 100:
                return early
        self._start_upload(upload := Upload(), lambda: upload.pour(stream, content, call.progress))
        return None

    def _start_upload(self, upload: Upload, send: Callable[[], Awaitable[None]]) -> None:
        self._upload = upload
        if self._trace is not None:
            send = functools.partial(self._trace.around, "send", send)
        self._nursery.start_soon(upload.run, send, name=f"upload of {self.call}")

    # ---------------------------------------------------------------- the response

    async def _receive_word(self, stream: HTTP1Stream, until: float) -> Head | None:
        """Wait for the server's word on a body it was asked about; None if there is none in time."""
        while True:
            event: Head | None = None
            with trio.CancelScope(deadline=until):  # around our wait alone, not around what the user is told
                event = await stream.receive_response()
            if event is None or type(event) is h1.Response or event.status_code in {100, 101}:
                return event
            await self._tell(stream, event)

    async def _receive_head(self, stream: HTTP1Stream, first: Head | None = None) -> Head:
        """Wait for the final head; ``first`` is one that has come already."""
        while True:
            event, first = first, None
            try:
                if event is None:
                    event = await self._wait_for(stream.receive_response)
            except (ReadError, RemoteProtocolError) as error:
                if self._write_error is not None:
                    raise self._write_error from error
                raise
            if type(event) is h1.Response or event.status_code == 101:
                return event
            await self._tell(stream, event)

    async def _tell(self, stream: HTTP1Stream, event: Head) -> None:
        """Tell the user of an informational response, unless there are too many."""
        call = self.call
        self._informed += 1
        most = self._limits.informational
        if most is not None and self._informed > most:
            raise stream.failed(
                RemoteProtocolError(
                    f"{call}: more than {most} informational responses before the final one "
                    "(ClientLimits.informational)"
                )
            )
        if call.on_informational is not None:
            await called(call.on_informational, event.status_code, Headers.from_items(event.headers.triples))

    async def _wait_for(self, receive: Callable[[], Awaitable[_T]]) -> _T:
        """Wait for the server; while our body is still going out its silence is no fault."""
        upload, stream = self._upload, self.stream
        if upload is None:
            return await receive()
        while True:
            if upload.is_fatal:
                assert upload.error is not None
                raise upload.error
            try:
                if upload.done.is_set():
                    return await receive()
                stream.patient = True
                with trio.CancelScope() as upload.interrupt:  # receiving loses nothing when it is cancelled
                    return await receive()
            except (ReadError, RemoteProtocolError) as error:
                if upload.error is not None:
                    raise upload.error from error
                raise
            finally:
                upload.interrupt = None
                stream.patient = False

    async def read_whole(self, limit: int | None) -> tuple[bytes, Headers | None]:
        """Read the whole body as it travels, and finish.

        Args:
            limit: The most bytes; None for no cap.

        Returns:
            The body and its trailers.

        Raises:
            BodyTooLarge, IncompleteBody, RemoteProtocolError, ReadTimeout, TotalTimeout, ReadError: As it goes; the
                exchange is over then.

        Cancellation:
            The connection is closed.
        """
        # Hot: once per request. A small answer came in one piece with its head: no wait, no checkpoint.
        try:
            stream = self.stream
            length = stream.core.their_body_length
            if limit is not None and length is not None and length > limit:
                raise stream.failed(too_large(self.call, limit, f"its Content-Length is {length}"))
            pieces: list[bytes] = []
            end: h1.EndOfMessage | None = _NO_BODY
            while stream.core.their_state is h1.SEND_BODY and (end := stream.take_buffered(pieces)) is None:
                if limit is not None and stream.received > limit:
                    raise stream.failed(
                        too_large(self.call, limit, f"{stream.received} bytes have arrived and there are more")
                    )
                await self._wait_for(stream.receive_more)
            if limit is not None and stream.received > limit:
                raise stream.failed(too_large(self.call, limit, f"it has {stream.received} bytes"))
        except BaseException as error:
            self._tell_end(error)
            await self.abandon()
            self._raise_better(error)
            raise
        if not self.finish_nowait():
            await self.finish()
        assert end is not None
        triples = end.headers.triples
        return (
            pieces[0] if len(pieces) == 1 else b"".join(pieces),
            Headers.from_items(triples) if triples else None,
        )

    async def receive_chunk(self) -> bytes | h1.EndOfMessage:
        """Wait for the next piece of the body; at its end finish.

        Raises:
            IncompleteBody, RemoteProtocolError, ReadTimeout, TotalTimeout, ReadError: As it goes; the exchange is
                over then.

        Cancellation:
            Loses no byte; the exchange goes on.
        """
        try:
            piece = await self._wait_for(self.stream.receive_chunk)
        except Exception as error:
            self._tell_end(error)
            await self.abandon()
            self._raise_better(error)
            raise
        if isinstance(piece, h1.EndOfMessage) and not self.finish_nowait():
            await self.finish()
        return piece

    # ---------------------------------------------------------------- ends

    def stop_the_clock(self) -> None:
        """Let the time in all count no more."""
        self.call.latest = math.inf
        if self._connection.stream is not None:
            self._connection.stream.latest = math.inf

    def finish_nowait(self) -> bool:
        """Give the connection back after a complete response, if that is possible at once."""
        # Hot: once per request.
        if self.over:
            return True
        connection = self._connection
        stream = connection.stream
        if self._upload is None and stream is not None and stream.reusable and not stream.core.buffered:
            self.over = True
            timings = self.timings
            # a body that came with its head ended with it: one look at the clock less
            now = timings.answered
            if now is None or stream.asked_at >= now:
                now = trio.current_time()
            timings.ended = now
            if self._trace is not None:
                self._tell_end(None, complete=True)
            stream.next_exchange()
            self._pool.give_back(connection, now)
            return True
        return False

    async def finish(self) -> None:
        """Give the connection back after a complete response, or close it if it cannot be used again.

        An upload that is still going on is stopped: the server has said all that it had to say.

        Raises:
            Exception: What the user's body has raised.

        Cancellation:
            The connection is closed.
        """
        if self.over:
            return
        upload = self._upload
        if upload is not None:
            length = self.call.content.length
            stream = self.stream
            all_said = stream.core.our_state is h1.DONE or (length is not None and upload.sent >= length)
            if not upload.done.is_set() and all_said and not stream.broken:  # and has left
                try:
                    with trio.move_on_after(LAST_BYTES):
                        await upload.done.wait()
                except BaseException as error:
                    self._tell_end(error)
                    await self.abandon()
                    raise
            if upload.done.is_set() and upload.error is None:
                self._upload = None
                if self.finish_nowait():
                    return
        self.over = True
        self.timings.ended = trio.current_time()
        self._tell_end(None, complete=True)
        self._pool.drop(self._connection)
        if upload is not None:
            await upload.stop()
        await self.stream.aclose()  # in good order: a TLS peer hears a close_notify
        if upload is not None and upload.users_error is not None:
            raise upload.users_error  # there is an answer, but to something that was cut short

    async def abandon(self) -> None:
        """End the exchange wherever it stands: the connection is closed. Never raises; calling it again is fine."""
        if self.over:
            return
        self.over = True
        self.timings.ended = trio.current_time()
        self._tell_end(None)
        stream = self._connection.stream
        if stream is not None:
            stream.transport.close_now()
        self._pool.drop(self._connection)
        if self._upload is not None:
            await self._upload.stop()
        if stream is not None:
            await stream.aclose()

    def _tell_end(self, error: BaseException | None, *, complete: bool = False) -> None:
        if self._trace is not None:
            stream = self._connection.stream
            received, sent = (0, 0) if stream is None else (stream.received, stream.sent)
            self._trace.ended(error, complete=complete, received=received, sent=sent)
