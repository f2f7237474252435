"""VirtualSocket: what programs hold, a ``trio.socket.SocketType`` over an :class:`~._tcp.End`.

How it works:
1. Each operation keeps trio's form: check for cancellation, try, and either a shielded checkpoint or a wait.
2. One task may wait to read and one to write; a second gets BusyResourceError, and close wakes both with
   ClosedResourceError, as for real descriptors.
3. ``fileno`` is an int that no kernel knows, so whoever gives a virtual socket to epoll fails at once; -1 once closed.
4. The network holds every open socket, so garbage collection never closes one: it is reported as a leak instead.
"""

from __future__ import annotations

import builtins
import errno
import itertools
import socket as stdlib
import struct
from collections import deque
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from operator import index
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias, cast, final, overload

import trio

from ._addresses import to_ip
from ._handshake import Handshake
from ._hosts import Directory, Host
from ._medium import Medium
from ._origin import user_line
from ._tcp import Address, End, os_error
from ._waiter import Waiter

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["VirtualSocket"]

_FILENO: Final = itertools.count(1 << 30)
_MOST_QUEUED: Final = 4096  # net.core.somaxconn of today's Linux
_LINGER: Final = struct.Struct("ii")
_TCP_INFO: Final = getattr(stdlib, "TCP_INFO", 11)
_SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


@final
class VirtualSocket(trio.socket.SocketType):
    """A TCP socket of the virtual network."""

    def __init__(
        self,
        medium: Medium,
        directory: Directory,
        *,
        family: stdlib.AddressFamily,
        proto: int,
        registry: dict[VirtualSocket, None],
        end: End | None = None,
        host: Host | None = None,
    ) -> None:
        super().__init__()
        self._medium = medium
        self._directory = directory
        self._family = family
        self._proto = proto
        self._registry = registry
        self._fileno = next(_FILENO)
        self._inheritable = False
        self._options: dict[tuple[int, int], int | bytes] = {}
        self._reader = Waiter()
        self._writer = Waiter()
        self._end = end
        self._connect: Handshake | None = None
        self._error = 0
        self._failed = False
        self._shut_write = False
        self._holds_port = False
        self._backlog: int | None = None
        self._queue: deque[End] = deque()
        self._handshakes = 0
        self.host: Host = directory.current() if host is None else host
        self.bound: Address | None = None
        self.opened_at: str | None = user_line()
        self.opened_time: float = medium.timeline.now()
        registry[self] = None
        if end is not None:
            self.bound = end.address
            self._hook(end)

    # identity and options

    def __repr__(self) -> str:
        state = (
            "closed"
            if self._fileno < 0
            else "listening"
            if self._backlog is not None
            else self._end.label
            if self._end is not None
            else "unconnected"
        )
        bound = "" if self.bound is None else " {}:{}".format(*self.bound)
        return f"<VirtualSocket on {self.host.name}{bound} {state}>"

    @property
    def described(self) -> str:
        """What it is, when and where it was opened, for reports."""
        return f"{self!r} opened at t={self.opened_time:.3f}, {self.opened_at or 'in a library'}"

    @property
    def family(self) -> stdlib.AddressFamily:
        return self._family

    @property
    def type(self) -> stdlib.SocketKind:
        return stdlib.SOCK_STREAM

    @property
    def proto(self) -> int:
        return self._proto

    @property
    def did_shutdown_SHUT_WR(self) -> bool:  # noqa: N802
        return self._shut_write

    @property
    def _sock(self) -> VirtualSocket:
        # anyio reads this private name of trio's sockets to ask for addresses
        return self

    @property
    def end(self) -> End | None:
        """The side of a connection that this socket holds, if any."""
        return self._end

    @property
    def is_listening(self) -> bool:
        """Whether connections may come in."""
        return self._backlog is not None and self._fileno >= 0

    @property
    def waiting_to_be_accepted(self) -> int:
        """Connections in the queue of a listener."""
        return len(self._queue)

    def fileno(self) -> int:
        """Return a number that no kernel knows; -1 once closed."""
        return self._fileno

    def _check_open(self) -> None:
        if self._fileno < 0:
            raise os_error(errno.EBADF)

    def getsockname(self) -> _SocketAddress:
        """Return the address of this side, in the form of the family; the unspecified one with port 0 while unbound.

        Raises:
            OSError: EBADF, the socket is closed.
        """
        self._check_open()
        if self.bound is None:
            return ("0.0.0.0", 0) if self._family == stdlib.AF_INET else ("::", 0, 0, 0)  # noqa: S104
        return self._shown(self.bound)

    def getpeername(self) -> _SocketAddress:
        """Return the address of the other side, in the form of the family.

        Raises:
            OSError: ENOTCONN, there is none; EBADF, the socket is closed.
        """
        self._check_open()
        end = self._end
        if end is None or end.dead or not end.established:
            raise os_error(errno.ENOTCONN)
        return self._shown(end.peer.address)

    def _shown(self, address: Address) -> _SocketAddress:
        host, port = address
        if self._family == stdlib.AF_INET:
            return host, port
        return (host if ":" in host else f"::ffff:{host}"), port, 0, 0

    @overload
    def getsockopt(self, level: int, optname: int) -> int: ...

    @overload
    def getsockopt(self, level: int, optname: int, buflen: int) -> bytes: ...

    def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> int | bytes:
        self._check_open()
        value = self._read_option(level, optname)
        if buflen is None:
            if isinstance(value, bytes):
                return int.from_bytes(value[:4].ljust(4, b"\0"), "little", signed=True)
            return value
        if isinstance(value, int):
            value = value.to_bytes(4, "little", signed=True)
        return value[:buflen]

    def _read_option(self, level: int, optname: int) -> int | bytes:
        end = self._end
        if level == stdlib.SOL_SOCKET:
            if optname == stdlib.SO_ERROR:
                if end is not None:
                    code, end.error = end.error, 0
                else:
                    code, self._error = self._error, 0
                return code
            fixed = {
                stdlib.SO_ACCEPTCONN: int(self.is_listening),
                stdlib.SO_TYPE: int(stdlib.SOCK_STREAM),
                getattr(stdlib, "SO_DOMAIN", 39): int(self._family),
                getattr(stdlib, "SO_PROTOCOL", 38): stdlib.IPPROTO_TCP,
                stdlib.SO_SNDBUF: self._medium.send_buffer if end is None else end.send_buffer,
                stdlib.SO_RCVBUF: self._medium.receive_buffer if end is None else end.receive_buffer,
            }
            if optname in fixed:
                return self._options.get((level, optname), fixed[optname])
        if level == stdlib.IPPROTO_TCP and optname == _TCP_INFO:
            return bytes([self._tcp_state()]) + bytes(231)
        return self._options.get((level, optname), 0)

    def _tcp_state(self) -> int:
        end = self._end
        if self.is_listening:
            return 10
        if end is None:
            return 2 if self._connect is not None and not self._failed else 7
        if end.dead:
            return 7
        if not end.established:
            return 2
        if end.shut_write:
            return 9 if end.fin else 5
        return 8 if end.fin else 1

    @overload
    def setsockopt(self, level: int, optname: int, value: int | Buffer) -> None: ...

    @overload
    def setsockopt(self, level: int, optname: int, value: None, optlen: int) -> None: ...

    def setsockopt(self, level: int, optname: int, value: int | Buffer | None, optlen: int | None = None) -> None:
        self._check_open()
        if (value is None) != (optlen is not None):
            raise TypeError("give optlen exactly when value is None")
        if value is None:
            kept: int | bytes = bytes(cast("int", optlen))
        else:
            kept = int(value) if isinstance(value, int) else bytes(value)
        if level == stdlib.SOL_SOCKET and isinstance(kept, int) and optname in (stdlib.SO_SNDBUF, stdlib.SO_RCVBUF):
            kept *= 2  # Linux's own accounting
            if self._end is not None:
                self._set_buffer(self._end, optname, kept)
        self._options[level, optname] = kept

    def _set_buffer(self, end: End, optname: int, size: int) -> None:
        if optname == stdlib.SO_SNDBUF:
            end.send_buffer = size
        else:
            end.receive_buffer = size

    def get_inheritable(self) -> bool:
        """Return what :meth:`set_inheritable` was told; False before."""
        return self._inheritable

    def set_inheritable(self, inheritable: bool) -> None:
        """Note whether children shall inherit it; nothing else comes of it."""
        self._inheritable = inheritable

    def _flag(self, level: int, optname: int) -> bool:
        return bool(self._options.get((level, optname)))

    @property
    def dual_stack(self) -> bool:
        """Whether an IPv6 socket takes IPv4, too."""
        return self._family == stdlib.AF_INET6 and not self._flag(stdlib.IPPROTO_IPV6, stdlib.IPV6_V6ONLY)

    @property
    def may_share(self) -> bool:
        """Whether SO_REUSEPORT is set."""
        return self._flag(stdlib.SOL_SOCKET, getattr(stdlib, "SO_REUSEPORT", 15))

    @property
    def tolerant(self) -> bool:
        """Whether SO_REUSEADDR is set and the socket does not listen."""
        return self._flag(stdlib.SOL_SOCKET, stdlib.SO_REUSEADDR) and not self.is_listening

    # life

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: builtins.type[BaseException] | None,
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

    def close(self) -> None:
        """Close it: a listener resets who waits to be accepted; waiting tasks get ``ClosedResourceError``.

        With SO_LINGER of 0 seconds the peer gets a reset. Closing twice does nothing.
        """
        if self._fileno < 0:
            return
        self._fileno = -1
        self._registry.pop(self, None)
        if self._connect is not None:
            self._connect.stop()
        if self._backlog is not None:
            self._close_queue()
        if self._holds_port and self.bound is not None:
            self.host.release(self, self.bound[1])
        end = self._end
        if end is not None:
            linger = self._options.get((stdlib.SOL_SOCKET, stdlib.SO_LINGER))
            abort = isinstance(linger, bytes) and len(linger) == _LINGER.size and _LINGER.unpack(linger) == (1, 0)
            end.close(abort=abort)
        self._reader.close()
        self._writer.close()

    def stop_listening(self) -> None:
        """Close a listener because its host crashed; other sockets are left to the reset."""
        if self.is_listening:
            self._close_queue()
            if self._holds_port and self.bound is not None:
                self.host.release(self, self.bound[1])
                self._holds_port = False
            self._backlog = None
            self._error = errno.ENETDOWN
            self._reader.wake()

    def _close_queue(self) -> None:
        while self._queue:
            self._queue.popleft().close(abort=True)

    async def bind(self, address: object) -> None:
        """Take a ``(host, port)`` of this host; port 0 is any free one.

        Raises:
            OSError: EINVAL, it has an address; EADDRINUSE or EADDRNOTAVAIL, it cannot have this one.
        """
        target = await self._resolve(address, local=True)
        await trio.lowlevel.checkpoint()
        self.bind_now(*target)

    def bind_now(self, address: str, port: int) -> None:
        """Bind to a numeric address without a checkpoint."""
        self._check_open()
        if self.bound is not None:
            raise os_error(errno.EINVAL)
        self.bound = self.host.bind(self, address, port)
        self._holds_port = True

    def listen(self, backlog: int = min(stdlib.SOMAXCONN, 128)) -> None:
        """Let connections in, binding to any free port before if need be.

        Args:
            backlog: How many may wait to be accepted, beside the one more that Linux grants.

        Raises:
            OSError: EINVAL, it is connected.
        """
        self._check_open()
        if self._end is not None:
            raise os_error(errno.EINVAL)
        if self.bound is None:
            self.bound = self.host.bind(self, "0.0.0.0" if self._family == stdlib.AF_INET else "::", 0)  # noqa: S104
            self._holds_port = True
        if self._backlog is None:
            self._log("listen", "{}:{}".format(*self.bound))
        self._backlog = max(0, min(backlog, _MOST_QUEUED))

    def shutdown(self, flag: int) -> None:
        """End reading (SHUT_RD), writing (SHUT_WR: the peer gets the end of the stream) or both (SHUT_RDWR).

        Raises:
            OSError: ENOTCONN, it is not connected; EINVAL, the flag is none of the three.
        """
        self._check_open()
        end = self._end
        if flag not in (stdlib.SHUT_RD, stdlib.SHUT_WR, stdlib.SHUT_RDWR):
            raise os_error(errno.EINVAL)
        if end is None or end.dead or not end.established:
            raise os_error(errno.ENOTCONN)
        if flag != stdlib.SHUT_WR:
            end.shut_read = True
            self._reader.wake()
        if flag != stdlib.SHUT_RD:
            self._log("shutdown", end.label)
            self._shut_write = True
            end.shutdown_write()

    def is_readable(self) -> bool:
        """Return whether :meth:`recv`, or :meth:`accept` of a listener, would not wait.

        Raises:
            OSError: EBADF, the socket is closed.
        """
        self._check_open()
        if self._backlog is not None:
            return bool(self._queue)
        return self._end is None or self._end.readable

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
            await self._writer.wait("writing to")

    # accepting

    def has_room(self) -> bool:
        """Whether a SYN finds room; Linux keeps one connection more than the backlog says."""
        return self._backlog is not None and len(self._queue) + self._handshakes <= self._backlog

    def expect(self, end: End) -> None:
        """A client's SYN was answered; the connection is queued when its handshake ends."""
        self._handshakes += 1
        for option in (stdlib.SO_SNDBUF, stdlib.SO_RCVBUF):
            size = self._options.get((stdlib.SOL_SOCKET, option))
            if isinstance(size, int):
                self._set_buffer(end, option, size)

        def ended(success: bool) -> None:
            self._handshakes -= 1
            if not success:
                return
            if self.is_listening:
                self._queue.append(end)
                self._reader.wake()
            else:
                end.close(abort=True)

        end.on_handshake = ended

    async def accept(self) -> tuple[trio.socket.SocketType, _SocketAddress]:
        """Wait for a connection; return its socket and the address of the peer.

        Raises:
            OSError: EINVAL, it does not listen; ENETDOWN, its host has crashed.
            trio.ClosedResourceError: It is closed meanwhile.

        Cancellation:
            Safe at any time; no connection is lost.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        if self._backlog is None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise os_error(self._error or errno.EINVAL)
        if self._queue:
            end = self._queue.popleft()
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            while not self._queue:
                await self._reader.wait("reading from")
                if self._backlog is None:
                    raise os_error(self._error or errno.EINVAL)
            end = self._queue.popleft()
        accepted = VirtualSocket(
            self._medium,
            self._directory,
            family=self._family,
            proto=self._proto,
            registry=self._registry,
            end=end,
            host=self.host,
        )
        if accepted.opened_at is None and self.opened_at is not None:
            accepted.opened_at = f"accepted from the listener of {self.opened_at}"
        end.connection.accepted = True
        accepted._log("accept", end.connection.client_name)
        return accepted, self._shown(end.peer.address)

    # connecting

    async def connect(self, address: object) -> None:
        """Connect to a ``(host, port)``.

        Raises:
            OSError: It could not; the number says why, e.g. ECONNREFUSED.

        Cancellation:
            Closes the socket, as trio does.
        """
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            target = await self._resolve(address, local=False)
            self._check_open()
            self._begin_connect(target)
            if self._settled():
                await trio.lowlevel.cancel_shielded_checkpoint()
            else:
                while not self._settled():
                    await self._writer.wait("writing to")
                if self._end is not None and self._end.error:
                    self._error, self._end.error = self._end.error, 0
        except trio.Cancelled:
            # as in trio: a connect cannot be taken back, so nobody shall use this socket again
            self.close()
            raise
        if self._error:
            code, self._error = self._error, 0
            raise os_error(code, "connecting to {}:{}".format(*target))

    def _settled(self) -> bool:
        return self._failed or (self._end is not None and (self._end.established or self._end.dead))

    def _begin_connect(self, target: Address) -> None:
        if self._backlog is not None or (self._end is not None and self._end.established):
            raise os_error(errno.EISCONN)
        if self._connect is not None and not self._settled():
            raise os_error(errno.EALREADY)
        address, port = target
        if to_ip(address).is_unspecified:
            address = "::1" if ":" in address else "127.0.0.1"
        loopback = to_ip(address).is_loopback
        host = self.host if loopback or self.host.owns(address) else self._directory.at(address)
        if host is None:
            self._log("unreachable", f"{address}:{port}")
            raise os_error(errno.ENETUNREACH, f"no virtual host has the address {address}")
        self._failed = False
        self._end = None
        if self.bound is None:
            self.bound = self.host.bind(self, self._source_for(address, loopback=loopback), 0)
            self._holds_port = True
        elif to_ip(self.bound[0]).is_unspecified:
            self.bound = (self._source_for(address, loopback=loopback), self.bound[1])
        self._connect = Handshake(self, self._medium, (host, (address, port)))

    def _source_for(self, address: str, *, loopback: bool) -> str:
        if loopback or address in self.host.addresses:
            return address
        return self.host.ipv6 if ":" in address else self.host.ipv4

    def label_for(self, address: str, port: int) -> str:
        """Return the label of the next connection from this host to an address."""
        counts = self._directory.connection_counts
        name = f"{self.host.name}->{address}:{port}"
        counts[name] = number = counts.get(name, 0) + 1
        return f"{name}#{number}"

    def attach(self, end: End) -> None:
        """The SYN has been answered: this socket holds ``end`` now."""
        self._end = end
        for option in (stdlib.SO_SNDBUF, stdlib.SO_RCVBUF):
            size = self._options.get((stdlib.SOL_SOCKET, option))
            if isinstance(size, int):
                self._set_buffer(end, option, size)
        self._hook(end)

    def _hook(self, end: End) -> None:
        end.wake_reader = self._reader.wake
        end.wake_writer = self._writer.wake

    def connect_failed(self, code: int) -> None:
        """No SYN was answered, or with a refusal."""
        self._failed = True
        self._end = None
        self._error = code
        self._writer.wake()

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
            await self._reader.wait("reading from")
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
                await self._writer.wait("writing to")
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

    # addresses

    async def _resolve(self, address: object, *, local: bool) -> Address:
        six = self._family == stdlib.AF_INET6
        if not isinstance(address, tuple) or not (2 <= len(address) <= 4 if six else len(address) == 2):
            form = "(host, port[, flowinfo[, scopeid]])" if six else "(host, port)"
            raise ValueError(f"address should be a {form} tuple, not {address!r}")
        host, port = address[0], address[1]
        if host == "":
            host = None
        if isinstance(host, str) and isinstance(port, int) and _is_numeric(host, self._family):
            if not 0 <= port <= 65535:
                raise OverflowError("port must be 0-65535.")
            return self._plain(host), port
        flags = stdlib.AI_PASSIVE if local else 0
        if self.dual_stack:
            flags |= stdlib.AI_V4MAPPED
        found = await trio.socket.getaddrinfo(host, port, self._family, stdlib.SOCK_STREAM, self._proto, flags)
        resolved = found[0][4]
        return self._plain(str(resolved[0])), cast("int", resolved[1])

    def _plain(self, host: str) -> str:
        parsed = to_ip(host)
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return str(parsed if mapped is None else mapped)

    def _log(self, op: str, peer: str) -> None:
        end = self._end
        self._medium.trace.add(
            self._medium.timeline.now(), self.host.name, peer, op, 0, None, "" if end is None else end.label
        )


def _is_numeric(host: str, family: stdlib.AddressFamily) -> bool:
    try:
        return isinstance(to_ip(host), IPv4Address) == (family == stdlib.AF_INET)
    except ValueError:
        return False
