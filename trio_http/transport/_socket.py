"""The fast path: a plain non-blocking socket, with trio only where there is something to wait for.

Through trio's own socket wrapper a fixed answer costs 14 us, this way 9: fewer frames and no checkpoint for a call
that can be done at once. Chosen once per listener or connection, never per read. The sockets of a busy server wait for
bytes together (:mod:`._readiness`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import TypeVar, final

import outcome
import trio
from trio.lowlevel import (
    Abort,
    RaiseCancelT,
    Task,
    current_task,
    reschedule,
    wait_readable,
    wait_task_rescheduled,
    wait_writable,
)

from .._errors import ReadError, WriteError
from ._hangup import has_hung_up
from ._protocol import HIDDEN_END_PAUSE, Address, format_address
from ._readiness import Readiness

__all__ = ["FileNotSendable", "SocketTransport"]

ResultT = TypeVar("ResultT")

_IOV_MAX = 64  # pieces handed to sendmsg at once; Linux takes 1024


_MSG_MORE = getattr(socket, "MSG_MORE", 0)

# not a regular file, a file system that cannot, a system that has no such call; Linux says the first for both
_NOT_SENDABLE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


@final
class _Woken(outcome.Outcome[None]):
    """What a reader is woken with: a value of None, one for all. Making each costs 5 % of a small request."""

    __slots__ = ()

    def unwrap(self) -> None:
        return None

    def send(self, gen: Generator[ResultT, None, object]) -> ResultT:
        return gen.send(None)

    async def asend(self, agen: AsyncGenerator[ResultT, None]) -> ResultT:
        return await agen.asend(None)


_WOKEN = _Woken()


class FileNotSendable(Exception):
    """The kernel cannot send that file: read it, and send the bytes."""


@final
class SocketTransport:
    """A connected non-blocking stream socket, which it owns.

    Args:
        sock: The socket; it is made non-blocking.
        name: The peer's address as the socket has it; None to ask for it, which fails once the peer has gone.
        readiness: Where it may wait for bytes together with others.
    """

    __slots__ = (
        "_closed",
        "_ended",
        "_fd",
        "_joined",
        "_local",
        "_peer",
        "_readable",
        "_reader",
        "_readiness",
        "_sock",
        "_watch",
    )

    is_tls = False
    wakes = True

    def __init__(self, sock: socket.socket, *, name: object = None, readiness: Readiness | None = None) -> None:
        if sock.gettimeout() != 0:
            sock.setblocking(False)
        self._sock = sock
        self._fd = sock.fileno()
        self._closed = False
        self._watch: trio.CancelScope | None = None
        self._peer: Address | None = None if name is None else _address(name)
        self._local: Address | None = None
        self._readiness = readiness
        if readiness is not None:
            readiness.opened()
        # Once it waits together with others:
        self._joined = False
        self._readable = False  # a read may find something
        self._ended = False  # and will for ever: the peer has ended
        self._reader: Task | None = None

    def __repr__(self) -> str:
        return f"<SocketTransport {format_address(self.local)} - {format_address(self.peer)}>"

    @property
    def peer(self) -> Address:
        """The other side."""
        if self._peer is None and not self._closed:
            with contextlib.suppress(OSError):  # ENOTCONN after a reset
                self._peer = _address(self._sock.getpeername())
        return self._peer

    @property
    def local(self) -> Address:
        """Our side."""
        if self._local is None and not self._closed:
            with contextlib.suppress(OSError):
                self._local = _address(self._sock.getsockname())
        return self._local

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return bytes that are there already, ``b""`` for the end, or None."""
        try:
            return self._sock.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._read_error(error) from error

    async def receive(self, max_bytes: int) -> bytes:
        """Wait for bytes; ``b""`` is the end."""
        # Hot: once per request. One trip through the scheduler and one system call; trying recv() first would be a
        # wasted call nearly always, because the peer waits for our answer before it sends again.
        if self._watch is not None:
            self.unwatch()
        if not self._joined and self._readiness is not None and self._readiness.crowded:
            self._join(self._readiness)
        if self._readable:
            await trio.lowlevel.checkpoint()  # every receive is a turn for others, also where it does not wait
        while True:
            try:
                if not self._joined:
                    await wait_readable(self._fd)
                elif not self._readable:
                    if self._reader is not None:
                        raise trio.BusyResourceError("another task is already reading from this connection")
                    self._reader = current_task()
                    await wait_task_rescheduled(self._abort)
                data = self._sock.recv(max_bytes)
            except BlockingIOError:
                self._readable = False
                continue
            except (OSError, trio.ClosedResourceError) as error:
                raise self._read_error(error) from error
            if len(data) < max_bytes and not self._ended:
                self._readable = False  # all that had come is in our hands, and what comes later is told
            return data

    def _join(self, readiness: Readiness) -> None:
        if not self._closed:
            readiness.join(self._fd, self)
            self._joined = True

    def _abort(self, _: RaiseCancelT) -> Abort:
        self._reader = None
        return Abort.SUCCEEDED

    def stir(self, ended: bool) -> None:
        """Bytes have come, or the end."""
        self._readable = True
        if ended:
            self._ended = True
        if (reader := self._reader) is not None:
            self._reader = None
            reschedule(reader, _WOKEN)

    def send_nowait(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Send what the kernel takes at once."""
        try:
            if len(pieces) == 1:
                return self._sock.send(pieces[0])
            return self._sock.sendmsg(pieces[:_IOV_MAX])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._write_error(error) from error

    async def send(self, data: memoryview) -> int:
        """Wait until the kernel takes some bytes."""
        while True:
            try:
                await wait_writable(self._fd)
                return self._sock.send(data)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError) as error:
                raise self._write_error(error) from error

    def send_more_nowait(self, data: bytes) -> int:
        """Send what the kernel takes at once; it may wait for more to fill a packet, so more has to follow at once.

        Raises:
            WriteError: The connection broke.
        """
        try:
            return self._sock.send(data, _MSG_MORE)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._write_error(error) from error

    def send_file_nowait(self, descriptor: int, start: int, count: int) -> int | None:
        """Send a part of a file without copying it through this process, as much of it as can be without waiting.

        The kernel waits for the disk where the bytes are not in its memory: see to that before.

        Args:
            descriptor: The file, open for reading.
            start: The first byte.
            count: How many bytes at most.

        Returns:
            How many bytes were taken; 0 means that the file ends there, None that the peer has to be waited for.

        Raises:
            FileNotSendable: The kernel cannot do this with that file.
            WriteError: The connection broke.
        """
        try:
            return os.sendfile(self._fd, descriptor, start, count)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _NOT_SENDABLE and not self._closed:
                raise FileNotSendable(str(error)) from error
            raise self._write_error(error) from error

    async def wait_writable(self) -> None:
        """Wait until the kernel would take some bytes.

        Raises:
            WriteError: The connection was closed by another task.
        """
        try:
            await wait_writable(self._fd)
        except (OSError, trio.ClosedResourceError) as error:
            raise self._write_error(error) from error

    async def send_eof(self) -> None:
        """Shut down the sending direction."""
        await trio.lowlevel.checkpoint()
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._write_error(error) from error

    # ---------------------------------------------------------------- has the peer left?

    @property
    def watched(self) -> bool:
        """True while a watch is on."""
        return self._watch is not None

    async def watch(self, left: Callable[[], None], *, half_close: bool) -> None:
        """Wait for readability and look at what there is, without taking it.

        Cancelling the scope takes the task out of ``wait_readable`` synchronously, so that another task may wait for
        the same socket at once.
        """
        self._watch = scope = trio.CancelScope()
        with scope:
            try:
                while True:
                    await wait_readable(self._fd)
                    if scope.cancel_called or self._watch is not scope:
                        return
                    unread = self._peek()
                    if unread is None:
                        continue
                    if not unread:
                        if not half_close:
                            left()
                        await trio.sleep_forever()  # the watch stays on: there is nothing more to learn
                    # Bytes that nobody reads now: the socket stays readable, and an end is hidden behind them.
                    while self._peek():
                        if has_hung_up(self._sock, half_close=half_close):
                            left()
                            await trio.sleep_forever()
                        await trio.sleep(HIDDEN_END_PAUSE)
            except (OSError, trio.ClosedResourceError):
                if not scope.cancel_called and not self._closed:
                    left()

    def _peek(self) -> bool | None:
        """True if bytes wait to be read, False if the end does, None if nothing."""
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return None

    def unwatch(self) -> None:
        """End the watch at once."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    @property
    def socket(self) -> socket.socket:
        """The socket."""
        return self._sock

    def has_unread(self) -> bool:
        """Tell whether bytes, the end or an error wait to be read."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    async def aclose(self) -> None:
        """Close; the kernel goes on sending what it has taken."""
        self.close_now()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def close_now(self) -> None:
        """Close at once."""
        if not self._closed:
            self._closed = True
            self.unwatch()
            self._joined = self._readable = True  # whoever reads from now on finds out at once, and waits for nothing
            if self._readiness is not None:
                self._readiness.closing(self._fd)
                if (reader := self._reader) is not None:
                    self._reader = None
                    reschedule(reader, outcome.Error(trio.ClosedResourceError("closed by another task")))
            trio.lowlevel.notify_closing(self._fd)
            self._sock.close()

    def _read_error(self, error: BaseException) -> ReadError:
        if self._closed:
            return ReadError(f"the connection with {format_address(self._peer)} was closed on our side while reading")
        return ReadError(f"reading from {format_address(self.peer)} failed: {error}")

    def _write_error(self, error: BaseException) -> WriteError:
        if self._closed:
            return WriteError(f"the connection with {format_address(self._peer)} was closed on our side while sending")
        return WriteError(f"sending to {format_address(self.peer)} failed: {error}")


def _address(name: object) -> Address:
    if isinstance(name, tuple):
        return str(name[0]), int(name[1])
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
