"""A transport over any trio stream: TLS, memory streams, virtual networks, and whatever users bring."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import final

import trio

from .._errors import ReadError, WriteError
from ._protocol import WRITE_SLICE, Address, format_address
from ._socket import _address

__all__ = ["StreamTransport"]

CLOSE_GRACE = 0.2  # seconds for a TLS close_notify to leave; peers that take nothing do not hold us


@final
class StreamTransport:
    """A connected trio stream, which it owns.

    Args:
        stream: The stream; half-closeable ones can send an end.
    """

    __slots__ = ("_closed", "_local", "_peer", "_stream", "is_tls")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._closed = False
        self.is_tls = isinstance(stream, trio.SSLStream)
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
        """Return None: a trio stream cannot say without a wait."""
        return None

    async def receive(self, max_bytes: int) -> bytes:
        """Wait for bytes; ``b""`` is the end."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ReadError(
                f"reading from {format_address(self._peer)} failed: {_cause(error, closed=self._closed)}"
            ) from error
        return data if type(data) is bytes else bytes(data)  # memory streams give bytearrays

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
        """Send an end: close_notify does not say so in TLS, so there the transport below is half-closed."""
        stream: trio.abc.Stream = self._stream
        while isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        if isinstance(stream, trio.abc.HalfCloseableStream):
            try:
                await stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WriteError(
                    f"sending to {format_address(self._peer)} failed: {_cause(error, closed=self._closed)}"
                ) from error

    def has_unread(self) -> bool:
        """Tell whether bytes, the end or an error wait to be read; False where the stream cannot say."""
        bottom = _bottom_socket(self._stream)
        return bottom is not None and (bottom.fileno() < 0 or bottom.is_readable())

    async def aclose(self) -> None:
        """Close; a TLS stream gets a moment to say good-bye."""
        if self._closed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._closed = True
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


def _cause(error: Exception, *, closed: bool) -> str:
    if closed:
        return "it was closed on our side"
    return str(error.__cause__ or error) or type(error).__name__
