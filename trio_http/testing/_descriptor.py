"""A descriptor of the virtual network: a number, open or closed, and the bytes that are read and written through it.

The socket above it makes connections; here one may be held, and what flows through it is all that is known of it.

How it works:
1. Each operation keeps trio's form: check for cancellation, try, and either a shielded checkpoint or a wait.
2. One task may wait to read and one to write; a second gets BusyResourceError, and close wakes both with
   ClosedResourceError, as for real descriptors.
3. ``fileno`` is an int that no kernel knows, so whoever gives it to epoll fails at once; -1 once closed.
"""

from __future__ import annotations

import errno
import itertools
import socket as stdlib
from collections.abc import Iterable
from operator import index
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

import trio

from ._tcp import End, os_error
from ._waiter import Waiter

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Descriptor"]

_FILENO: Final = itertools.count(1 << 30)


class Descriptor(trio.socket.SocketType):
    """What reads and writes through an :class:`~._tcp.End`, once there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._fileno = next(_FILENO)
        self._inheritable = False
        self._reader = Waiter()
        self._writer = Waiter()
        self._end: End | None = None
        self._failed = False  # connecting failed: there is nothing to read, now and for ever

    def fileno(self) -> int:
        """Return a number that no kernel knows; -1 once closed."""
        return self._fileno

    def _check_open(self) -> None:
        if self._fileno < 0:
            raise os_error(errno.EBADF)

    @property
    def end(self) -> End | None:
        """The side of a connection that this socket holds, if any."""
        return self._end

    def get_inheritable(self) -> bool:
        """Return what :meth:`set_inheritable` was told; False before."""
        return self._inheritable

    def set_inheritable(self, inheritable: bool) -> None:
        """Note whether children shall inherit it; nothing else comes of it."""
        self._inheritable = inheritable

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def detach(self) -> int:
        """Refuse: there is no descriptor.

        Raises:
            OSError: EOPNOTSUPP, always.
        """
        raise os_error(errno.EOPNOTSUPP, "a virtual socket has no descriptor to detach")

    def dup(self) -> trio.socket.SocketType:
        """Refuse: there is no descriptor.

        Raises:
            OSError: EOPNOTSUPP, always.
        """
        raise os_error(errno.EOPNOTSUPP, "a virtual socket cannot be duplicated")

    def _hold(self, end: End) -> None:
        """Read and write through an end from now on."""
        self._end = end
        end.wake_reader = self._reader.wake
        end.wake_writer = self._writer.wake

    def close(self) -> None:
        """Close it: tasks that wait get ``ClosedResourceError``. Closing twice does nothing."""
        if self._fileno >= 0:
            self._fileno = -1
            self._let_go()
            self._reader.close()
            self._writer.close()

    def _let_go(self) -> None:
        """Give back what the socket holds; called once, when it has just been closed."""
        raise NotImplementedError

    # waiting

    async def _wait_readable(self) -> None:
        await self._reader.wait("reading from")
        self._check_open()  # whoever was woken may find it closed when its turn comes

    async def _wait_writable(self) -> None:
        await self._writer.wait("writing to")
        self._check_open()

    async def wait_writable(self) -> None:
        """Wait until :meth:`send` would not.

        Raises:
            trio.ClosedResourceError: It is closed, now or meanwhile.

        Cancellation:
            Safe at any time.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._fileno < 0:
            raise trio.ClosedResourceError("this socket is closed")
        end = self._end
        if end is None or end.writable:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        while not end.writable:
            await self._wait_writable()

    # bytes

    def _reading_end(self) -> End | None:
        self._check_open()
        end = self._end
        if end is not None and (end.established or end.dead):
            return end
        if self._failed:
            return None
        raise os_error(errno.ENOTCONN)

    async def _receive(self, size: int, flags: int) -> bytes:
        if index(size) < 0:
            raise ValueError("negative buffersize in recv")
        await trio.lowlevel.checkpoint_if_cancelled()
        peek = bool(flags & stdlib.MSG_PEEK)
        end = self._reading_end()
        data = b"" if end is None else end.recv(size, peek=peek)
        if data is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return data
        assert end is not None
        while True:
            await self._wait_readable()
            data = end.recv(size, peek=peek)
            if data is not None:
                return data

    async def recv(self, buflen: int, flags: int = 0, /) -> bytes:
        """Wait for bytes; return at most ``buflen``, and none once the peer has ended its stream.

        Raises:
            OSError: The pending error of the connection, e.g. ECONNRESET, once; ENOTCONN, it is not connected.

        Cancellation:
            Safe at any time; no byte is lost.
        """
        return await self._receive(buflen, flags)

    async def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        """Do as :meth:`recv`, into a buffer; return how many bytes came."""
        with memoryview(buffer).cast("B") as view:
            data = await self._receive(nbytes or len(view), flags)
            view[: len(data)] = data
        return len(data)

    async def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, object]:
        """Do as :meth:`recv`; return the bytes, and None for an address."""
        return await self._receive(bufsize, flags), None

    async def recvfrom_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> tuple[int, object]:
        """Do as :meth:`recv_into`; return the number, and None for an address."""
        return await self.recv_into(buffer, nbytes, flags), None

    async def recvmsg(
        self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        """Do as :meth:`recv`; return the bytes, no ancillary data, no flags and no address."""
        return await self._receive(bufsize, flags), [], 0, None

    async def recvmsg_into(
        self, buffers: Iterable[Buffer], ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[int, list[tuple[int, int, bytes]], int, object]:
        """Do as :meth:`recv`, into several buffers; return the number of bytes instead of them."""
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        data = await self._receive(sum(map(len, views)), flags)
        start = 0
        for view in views:
            part = data[start : start + len(view)]
            view[: len(part)] = part
            start += len(part)
        return len(data), [], 0, None

    async def send(self, data: Buffer, flags: int = 0, /) -> int:
        """Wait until there is room, and take as many of the bytes as fit; return their number.

        Raises:
            OSError: EPIPE or ECONNRESET, nobody will read them.

        Cancellation:
            Safe at any time; nothing was sent then.
        """
        with memoryview(data).cast("B") as view:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._check_open()
            end = self._end
            if end is None:
                raise os_error(errno.EPIPE)
            sent = end.send(view)
            if sent is not None:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return sent
            while True:
                await self._wait_writable()
                sent = end.send(view)
                if sent is not None:
                    return sent

    async def sendto(self, *args: object) -> int:
        """Do as :meth:`send`; flags and address, which TCP ignores, may follow the bytes.

        Raises:
            OSError: EPIPE, it is not connected.
        """
        if self._end is None:
            await trio.lowlevel.checkpoint()
            raise os_error(errno.EPIPE)
        data = args[0]
        return await self.send(cast("Buffer", data))

    async def sendmsg(
        self,
        buffers: Iterable[Buffer],
        ancdata: Iterable[tuple[int, int, Buffer]] = (),
        flags: int = 0,
        address: object = None,
        /,
    ) -> int:
        """Do as :meth:`send`, with several buffers.

        Raises:
            OSError: EINVAL, there is ancillary data, which TCP does not carry.
        """
        if list(ancdata):
            raise os_error(errno.EINVAL, "TCP carries no ancillary data")
        return await self.send(b"".join(bytes(buffer) for buffer in buffers), flags)
