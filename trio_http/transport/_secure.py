"""TLS over a plain socket, on the server's side: OpenSSL in memory, between the wire and the socket's own transport.

How it works
------------
* Through ``trio.SSLStream`` a small answer costs twice as much, because each read and write is a generator of retries
  with checkpoints and locks. Here what has come is put into OpenSSL's input and what that gives is returned; what it
  puts out goes to the socket in the same call. All waiting is the socket's, together with others where that pays.
* Bytes that are encrypted have to go out in this order. If the socket does not take all of them, the plain bytes they
  stand for are not reported as taken; they are remembered as `early`, and the next call, which by the contract of
  :class:`Transport` begins with the same bytes, only flushes what they have become.
* Whether the peer has left can only be seen behind what it sent before, which may be no more than a record of TLS's
  own. So a watch reads ahead, up to a bound, and goes over to asking the kernel then.
* An end without ``close_notify`` is an error of the read, never an end: somebody may have cut the connection.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import final

import trio

from .._errors import ReadError, TLSError, WriteError
from ._protocol import READ_SIZE, WRITE_SLICE, Address, format_address
from ._socket import SocketTransport

__all__ = ["TLSTransport"]


@final
class TLSTransport:
    """The server's side of a TLS connection over a plain socket, which it owns. Begin with :meth:`handshake`.

    Args:
        below: The socket.
        context: The certificate and all that.
        read_ahead: A watch reads so many bytes in search of the end; None for any number.

    Attributes:
        session: OpenSSL's object, to be asked what was agreed on.
        server_name: The name that the client asked for, once somebody has found out.
    """

    __slots__ = (
        "_ahead",
        "_below",
        "_closed",
        "_early",
        "_failure",
        "_incoming",
        "_outgoing",
        "_read_ahead_max",
        "_said_end",
        "_unsent",
        "_watch",
        "server_name",
        "session",
    )

    is_tls = True
    wakes = True

    def __init__(self, below: SocketTransport, context: ssl.SSLContext, *, read_ahead: int | None = READ_SIZE) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.session: ssl.SSLObject = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.server_name: str | None = None
        self._read_ahead_max = math.inf if read_ahead is None else max(1, read_ahead)
        self._ahead: deque[bytes] = deque()  # what a watch has read
        self._failure: ReadError | None = None  # what it ended with; comes after the bytes
        self._unsent = memoryview(b"")  # encrypted
        self._early = 0  # plain bytes that it stands for, not yet reported as taken
        self._watch: trio.CancelScope | None = None
        self._said_end = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<TLSTransport {format_address(self.local)} - {format_address(self.peer)}>"

    @property
    def peer(self) -> Address:
        """The other side."""
        return self._below.peer

    @property
    def local(self) -> Address:
        """Our side."""
        return self._below.local

    async def handshake(self) -> None:
        """Agree with the peer.

        Raises:
            TLSError: The two do not come together.
            ReadError, WriteError: The connection broke.

        Cancellation:
            The connection can only be closed.
        """
        while True:
            try:
                self.session.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._put(await self._below.receive(READ_SIZE))
            except ssl.SSLError as error:
                with contextlib.suppress(WriteError):
                    self._flush_nowait()  # the alert that says why
                raise TLSError(f"TLS handshake with {format_address(self.peer)} failed: {error}") from error
            else:
                await self._flush()
                return

    # ---------------------------------------------------------------- receiving

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return bytes that are there already, ``b""`` for the end, or None."""
        if self._watch is not None:
            self.unwatch()
        data = self._take(max_bytes)
        if data is None and (raw := self._below.receive_nowait(READ_SIZE)) is not None:
            self._put(raw)
            data = self._take(max_bytes)
        return data

    async def receive(self, max_bytes: int) -> bytes:
        """Wait for bytes; ``b""`` is the end."""
        if self._watch is not None:
            self.unwatch()
        data = self._take(max_bytes)
        if data is not None:
            await trio.lowlevel.checkpoint()
            return data
        while data is None:
            self._put(await self._below.receive(READ_SIZE))
            data = self._take(max_bytes)
        return data

    def _put(self, raw: bytes) -> None:
        if raw:
            self._incoming.write(raw)
        else:
            self._incoming.write_eof()

    def _take(self, max_bytes: int) -> bytes | None:
        """Return what a watch has read, else what can be decrypted; None if that is nothing yet."""
        ahead = self._ahead
        if not ahead:
            if self._failure is not None:
                raise self._failure
            return self._decrypt(max_bytes)
        if not ahead[0]:
            return b""  # the end stays: it is found by every later read, too
        data = ahead.popleft()
        if len(data) > max_bytes:
            ahead.appendleft(data[max_bytes:])
            return data[:max_bytes]
        return data

    def _decrypt(self, max_bytes: int) -> bytes | None:
        if self._said_end:
            # Nothing is said any more, so nothing need be understood: what still comes is only counted and dropped.
            return self._incoming.read(max_bytes) or (b"" if self._incoming.eof else None)
        session, incoming = self.session, self._incoming
        pieces: list[bytes] = []
        size = 0
        try:
            # Each read gives one record. Whether there is another one is cheaper to ask than to find out by an error.
            while size < max_bytes and (incoming.pending or session.pending() or incoming.eof):
                piece = session.read(max_bytes - size)
                if not piece:  # close_notify
                    self._ahead.append(b"")
                    return b"".join(pieces)
                pieces.append(piece)
                size += len(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ahead.append(b"")
            return b"".join(pieces)
        except ssl.SSLError as error:
            if not pieces:
                raise self._read_error(error) from error
            # what came before is good; the error is found again by the next read
        if self._outgoing.pending and not self._unsent:
            # An answer of TLS's own, such as to a change of keys. While others are sending it goes with what they send.
            with contextlib.suppress(WriteError):
                self._flush_nowait()
        if len(pieces) == 1:
            return pieces[0]
        return b"".join(pieces) if pieces else None

    # ---------------------------------------------------------------- sending

    def send_nowait(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Encrypt and send what the kernel takes at once."""
        early = 0
        if self._unsent:
            if not self._flush_nowait():
                return 0
            early, self._early = self._early, 0
        if len(pieces) == 1 and not early and len(pieces[0]) <= WRITE_SLICE:
            return self._send_slice(pieces[0])  # hot: an answer in one piece
        taken = skip = early
        for piece in pieces:
            rest = memoryview(piece)[skip:]
            skip = max(0, skip - len(piece))
            while rest:
                count = self._send_slice(rest[:WRITE_SLICE])
                if not count:
                    return taken
                taken += count
                rest = rest[count:]
        return taken

    def _send_slice(self, data: bytes | memoryview) -> int:
        try:
            self.session.write(data)
        except ssl.SSLError as error:
            raise self._write_error(error) from error
        raw = self._outgoing.read()
        sent = self._below.send_nowait((raw,))
        if sent == len(raw):
            return len(data)
        self._unsent = memoryview(raw)[sent:]
        self._early = len(data)
        return 0

    async def send(self, data: memoryview) -> int:
        """Wait until some bytes are taken."""
        while True:
            if self._unsent:
                self._unsent = self._unsent[await self._below.send(self._unsent) :]
                if self._unsent:
                    continue
                early, self._early = self._early, 0
                if early:
                    return early
            if count := self.send_nowait((data[:WRITE_SLICE],)):
                return count

    def _flush_nowait(self) -> bool:
        """Send what is encrypted; tell whether all of it went."""
        raw = self._outgoing.read()
        if raw:
            self._unsent = memoryview(bytes(self._unsent) + raw) if self._unsent else memoryview(raw)
        if self._unsent:
            self._unsent = self._unsent[self._below.send_nowait((self._unsent,)) :]
        return not self._unsent

    async def _flush(self) -> None:
        while not self._flush_nowait():
            self._unsent = self._unsent[await self._below.send(self._unsent) :]

    async def send_eof(self) -> None:
        """Send close_notify and the end of the socket. What comes after that is not decrypted any more."""
        if not self._said_end:
            self._say_end()
            await self._flush()
        await self._below.send_eof()

    def _say_end(self) -> None:
        self._said_end = True
        with contextlib.suppress(ssl.SSLError):  # it always wants the peer's close_notify, too; ours is in the output
            self.session.unwrap()

    # ---------------------------------------------------------------- has the peer left?

    @property
    def watched(self) -> bool:
        """True while a watch is on."""
        return self._watch is not None

    async def watch(self, left: Callable[[], None], *, half_close: bool) -> None:
        """Read ahead, up to a bound, until the end is found; then ask the kernel."""
        self._watch = scope = trio.CancelScope()
        with scope:
            while sum(map(len, self._ahead)) < self._read_ahead_max:
                try:
                    data = self._take_ahead()
                    if data is None:
                        await trio.lowlevel.wait_readable(self._below.socket)
                        if self._watch is not scope:
                            return  # somebody else reads now
                        raw = self._below.receive_nowait(READ_SIZE)
                        if raw is not None:
                            self._put(raw)
                        continue
                except (ReadError, OSError, trio.ClosedResourceError) as error:
                    if not self._closed:
                        self._failure = error if isinstance(error, ReadError) else self._read_error(error)
                        left()
                    await trio.sleep_forever()
                self._ahead.append(data)
                if not data:
                    if not half_close:
                        left()
                    await trio.sleep_forever()  # the watch stays on: there is nothing more to learn
            await self._below.watch(left, half_close=half_close)

    def _take_ahead(self) -> bytes | None:
        if self._failure is not None:
            raise self._failure
        if self._ahead and not self._ahead[-1]:
            return b""
        return self._decrypt(READ_SIZE)

    def unwatch(self) -> None:
        """End the watch at once."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
            self._below.unwatch()

    # ---------------------------------------------------------------- the end

    @property
    def socket(self) -> socket.socket:
        """The socket."""
        return self._below.socket

    def has_unread(self) -> bool:
        """Tell whether bytes, the end or an error wait to be read."""
        waiting = bool(self._ahead) or self._failure is not None or self._incoming.pending > 0
        return waiting or self.session.pending() > 0 or self._below.has_unread()

    async def aclose(self) -> None:
        """Close, with a good-bye where the kernel takes it at once."""
        if not self._closed:
            self._closed = True
            self.unwatch()
            if not self._said_end and not self._unsent:
                self._say_end()
                with contextlib.suppress(WriteError):
                    self._flush_nowait()
        await self._below.aclose()

    def close_now(self) -> None:
        """Close at once."""
        self._closed = True
        self.unwatch()
        self._below.close_now()

    def _read_error(self, error: Exception) -> ReadError:
        if self._closed:
            return ReadError(f"the connection with {format_address(self.peer)} was closed on our side while reading")
        return ReadError(f"reading from {format_address(self.peer)} failed: {error}")

    def _write_error(self, error: Exception) -> WriteError:
        return WriteError(f"sending to {format_address(self.peer)} failed: {error}")
