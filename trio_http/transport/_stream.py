"""A transport over any trio stream: TLS, memory streams, virtual networks, and whatever users bring."""

from __future__ import annotations

import contextlib
import math
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast, final

import trio

from .._errors import ReadError, WriteError
from ._hangup import has_hung_up
from ._plain import is_plain
from ._protocol import HIDDEN_END_PAUSE, READ_SIZE, WRITE_SLICE, Address, format_address
from ._socket import _address

__all__ = ["StreamTransport"]

CLOSE_GRACE = 0.2  # seconds for a TLS close_notify to leave; peers that take nothing do not hold us


@final
class StreamTransport:
    """A connected trio stream, which it owns.

    Watching such a stream means reading from it, and a read that is cancelled leaves some streams (TLS) busy for a
    moment. So a watch, once begun, is never cancelled before the stream is closed: it owns one bounded read, and what
    it gets goes to whoever reads next.

    Args:
        stream: The stream; half-closeable ones can send an end.
        read_ahead: A watch reads so many bytes in search of the end; None for any number.
        server_name: The name that a TLS client asked for.
    """

    __slots__ = (
        "_ahead",
        "_arrived",
        "_closed",
        "_failure",
        "_left",
        "_local",
        "_peer",
        "_read_ahead_max",
        "_stream",
        "_watch",
        "_watch_on",
        "is_tls",
        "server_name",
    )

    def __init__(
        self, stream: trio.abc.Stream, *, read_ahead: int | None = READ_SIZE, server_name: str | None = None
    ) -> None:
        self._stream = stream
        self.server_name: str | None = server_name
        self._read_ahead_max = math.inf if read_ahead is None else max(1, read_ahead)
        self._closed = False
        self._ahead: deque[bytes] = deque()  # what a watch has read
        self._failure: Exception | None = None  # what the read of a watch ended with; comes after the bytes
        self._arrived = trio.lowlevel.ParkingLot()
        self._watch: trio.CancelScope | None = None  # of the task whose read is pending
        self._watch_on = False
        self._left: Callable[[], None] | None = None
        self.is_tls: bool = isinstance(stream, trio.SSLStream)
        bottom = _bottom_socket(stream)
        self._peer: Address = None
        self._local: Address = None
        if bottom is not None:
            with contextlib.suppress(OSError):
                self._local = _address(bottom.getsockname())
                self._peer = _address(bottom.getpeername())

    def __repr__(self) -> str:
        return f"<StreamTransport {format_address(self._local)} - {format_address(self._peer)}: {self._stream!r}>"

    @property
    def wakes(self) -> bool:
        """True if there is a socket at the bottom."""
        return _bottom_socket(self._stream) is not None

    @property
    def stream(self) -> trio.abc.Stream:
        """The stream below."""
        return self._stream

    @property
    def peer(self) -> Address:
        """The other side."""
        return self._peer

    @property
    def local(self) -> Address:
        """Our side."""
        return self._local

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what a watch has read; else None: a trio stream cannot say without a wait."""
        self._watch_on = False
        return self._take(max_bytes) if self._ahead else None

    def _take(self, max_bytes: int) -> bytes:
        ahead = self._ahead
        if not ahead[0]:
            return b""  # the end stays: it is found by every later read, too
        data = ahead.popleft()
        if len(data) > max_bytes:
            ahead.appendleft(data[max_bytes:])
            return data[:max_bytes]
        return data

    async def receive(self, max_bytes: int) -> bytes:
        """Wait for bytes; ``b""`` is the end."""
        self._watch_on = False
        while True:
            if self._ahead:
                await trio.lowlevel.checkpoint()
                return self._take(max_bytes)
            if self._failure is not None:
                raise self._read_error(self._failure) from self._failure
            if self._watch is None:
                break
            await self._arrived.park()
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._read_error(error) from error
        return data if type(data) is bytes else bytes(data)  # memory streams give bytearrays

    def _read_error(self, error: Exception) -> ReadError:
        return ReadError(f"reading from {format_address(self._peer)} failed: {_cause(error, closed=self._closed)}")

    # ---------------------------------------------------------------- has the peer left?

    @property
    def watched(self) -> bool:
        """True while a watch is on."""
        return self._watch_on

    async def watch(self, left: Callable[[], None], *, half_close: bool) -> None:
        """Read ahead, up to a bound, until the end is found."""
        self._watch_on = True
        self._left = left
        if self._watch is not None:
            return  # the read of an earlier watch is still pending, and serves this one
        with trio.CancelScope() as self._watch:
            try:
                await self._read_ahead()
            finally:
                self._watch = None
                self._arrived.unpark_all()
            ended = any(not piece for piece in self._ahead)
            if (ended and not half_close) or self._failure is not None:
                self._tell()
            elif self._watch_on and (bottom := _real_socket(self._stream)) is not None:
                # What is unread hides the end; only the kernel can tell.
                while self._watch_on:
                    if has_hung_up(bottom, half_close=half_close):
                        self._tell()
                        return
                    await trio.sleep(HIDDEN_END_PAUSE)

    def _tell(self) -> None:
        # An earlier watch may still be in its last pause when the next one is on: whoever finds the end first tells.
        left, self._left = self._left, None
        if self._watch_on and left is not None:
            left()

    async def _read_ahead(self) -> None:
        while self._watch_on and (room := self._read_ahead_max - sum(map(len, self._ahead))) > 0:
            try:
                data = bytes(await self._stream.receive_some(READ_SIZE if room > READ_SIZE else int(room)))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._failure = error
                return
            self._ahead.append(data)
            self._arrived.unpark_all()
            if not data:
                return

    def unwatch(self) -> None:
        """End the watch; its read stays pending, and belongs to whoever reads next."""
        self._watch_on = False

    def send_nowait(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Take nothing: a trio stream cannot send without a wait."""
        return 0

    async def send(self, data: memoryview) -> int:
        """Send one slice; its size bounds what "no progress" can hide."""
        piece = data[:WRITE_SLICE]
        try:
            await self._stream.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise WriteError(
                f"sending to {format_address(self._peer)} failed: {_cause(error, closed=self._closed)}"
            ) from error
        return len(piece)

    async def send_eof(self) -> None:
        """Send an end. In TLS that is close_notify and the end of the transport below; only that is read from then."""
        stream: trio.abc.Stream = self._stream
        while isinstance(stream, trio.SSLStream):
            secure, stream = stream, stream.transport_stream
            # Whatever goes wrong here, the end of the transport says the rest. Busy: a watch is still reading. After
            # our good-bye unwrap() waits for the peer's, which may come when the peer likes: therefore the time.
            with (
                trio.move_on_after(CLOSE_GRACE),
                contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError),
            ):
                await secure.unwrap()
        self._stream = stream
        if isinstance(stream, trio.abc.HalfCloseableStream):
            try:
                await stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WriteError(
                    f"sending to {format_address(self._peer)} failed: {_cause(error, closed=self._closed)}"
                ) from error

    @property
    def socket(self) -> trio.socket.SocketType | None:
        """The socket at the bottom, if there is one."""
        return _bottom_socket(self._stream)

    def has_unread(self) -> bool:
        """Tell whether bytes, the end or an error wait to be read; False where the stream cannot say."""
        if self._ahead or self._failure is not None:
            return True
        bottom = _bottom_socket(self._stream)
        return bottom is not None and (bottom.fileno() < 0 or bottom.is_readable())

    async def aclose(self) -> None:
        """Close; a TLS stream gets a moment to say good-bye."""
        if self._closed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._closed = True
        self._watch_on = False
        if self._watch is not None:
            self._watch.cancel()
        # Closing must happen also when we are being cancelled; the shield has its own deadline.
        with (
            trio.CancelScope(deadline=trio.current_time() + CLOSE_GRACE, shield=True),
            contextlib.suppress(trio.BrokenResourceError, OSError),
        ):
            await self._stream.aclose()

    def close_now(self) -> None:
        """Close the socket below at once; a stream without one is left to the owner's aclose()."""
        bottom = _bottom_socket(self._stream)
        if bottom is not None:
            self._closed = True
            bottom.close()


def _bottom_socket(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None


def _real_socket(stream: trio.abc.Stream) -> socket.socket | None:
    """The kernel's socket at the bottom of a stream, as a duplicate-free view; None for virtual ones."""
    bottom = _bottom_socket(stream)
    if bottom is None or not is_plain(bottom):
        return None
    return cast("socket.socket", bottom)  # fileno() is all that is asked of it


def _cause(error: Exception, *, closed: bool) -> str:
    if closed:
        return "it was closed on our side"
    return str(error.__cause__ or error) or type(error).__name__
