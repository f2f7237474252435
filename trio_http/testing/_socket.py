"""VirtualSocket: what programs hold, a descriptor with addresses and options that listens, accepts and connects.

The network holds every open socket, so garbage collection never closes one: it is reported as a leak instead.
"""

from __future__ import annotations

import errno
import socket as stdlib
from collections import deque
from typing import TYPE_CHECKING, Final, final, overload

import trio

from ._addresses import Address, SocketAddress, resolve, shown, to_ip
from ._descriptor import Descriptor
from ._handshake import Handshake
from ._hosts import Directory, Host
from ._medium import Medium
from ._origin import user_line
from ._sockopt import SocketOptions, as_asked
from ._tcp import End, os_error

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["VirtualSocket"]

_MOST_QUEUED: Final = 4096  # net.core.somaxconn of today's Linux
_TCP_INFO: Final = getattr(stdlib, "TCP_INFO", 11)


@final
class VirtualSocket(Descriptor):
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
        self._options = SocketOptions()
        self._connect: Handshake | None = None
        self._error = 0
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
            self._hold(end)

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
    def is_listening(self) -> bool:
        """Whether connections may come in."""
        return self._backlog is not None and self._fileno >= 0

    @property
    def waiting_to_be_accepted(self) -> int:
        """Connections in the queue of a listener."""
        return len(self._queue)

    def getsockname(self) -> SocketAddress:
        """Return the address of this side, in the form of the family; the unspecified one with port 0 while unbound.

        Raises:
            OSError: EBADF, the socket is closed.
        """
        self._check_open()
        if self.bound is None:
            return ("0.0.0.0", 0) if self._family == stdlib.AF_INET else ("::", 0, 0, 0)  # noqa: S104
        return shown(self.bound, self._family)

    def getpeername(self) -> SocketAddress:
        """Return the address of the other side, in the form of the family.

        Raises:
            OSError: ENOTCONN, there is none; EBADF, the socket is closed.
        """
        self._check_open()
        end = self._end
        if end is None or end.dead or not end.established:
            raise os_error(errno.ENOTCONN)
        return shown(end.peer.address, self._family)

    @overload
    def getsockopt(self, level: int, optname: int) -> int: ...

    @overload
    def getsockopt(self, level: int, optname: int, buflen: int) -> bytes: ...

    def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> int | bytes:
        self._check_open()
        return as_asked(self._read_option(level, optname), buflen)

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
                return self._options.get(level, optname, fixed[optname])
        if level == stdlib.IPPROTO_TCP and optname == _TCP_INFO:
            return bytes([self._tcp_state()]) + bytes(231)
        return self._options.get(level, optname)

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
        self._options.set(level, optname, value, optlen)
        if self._end is not None:
            self._options.size_buffers(self._end)

    @property
    def dual_stack(self) -> bool:
        """Whether an IPv6 socket takes IPv4, too."""
        return self._family == stdlib.AF_INET6 and not self._options.only_ipv6

    @property
    def may_share(self) -> bool:
        """Whether SO_REUSEPORT is set."""
        return self._options.shares_port

    @property
    def tolerant(self) -> bool:
        """Whether SO_REUSEADDR is set and the socket does not listen."""
        return self._options.reuses_address and not self.is_listening

    # life

    def _let_go(self) -> None:
        """A listener resets who waits to be accepted; with SO_LINGER of 0 seconds the peer gets a reset, too."""
        self._registry.pop(self, None)
        if self._connect is not None:
            self._connect.stop()
        self._close_queue()
        self._release_port()
        if self._end is not None:
            self._end.close(abort=self._options.resets_on_close)

    def _release_port(self) -> None:
        if self._holds_port and self.bound is not None:
            self.host.release(self, self.bound[1])
            self._holds_port = False

    def stop_listening(self) -> None:
        """Close a listener because its host crashed; other sockets are left to the reset."""
        if self.is_listening:
            self._close_queue()
            self._release_port()
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
        target = await self._resolve(address, stdlib.AI_PASSIVE)
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

    # accepting

    def has_room(self) -> bool:
        """Whether a SYN finds room; Linux keeps one connection more than the backlog says."""
        return self._backlog is not None and len(self._queue) + self._handshakes <= self._backlog

    def expect(self, end: End) -> None:
        """A client's SYN was answered; the connection is queued when its handshake ends."""
        self._handshakes += 1
        self._options.size_buffers(end)

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

    async def accept(self) -> tuple[trio.socket.SocketType, SocketAddress]:
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
                await self._wait_readable()
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
        return accepted, shown(end.peer.address, self._family)

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
            target = await self._resolve(address)
            self._check_open()
            self._begin_connect(target)
            if self._settled():
                await trio.lowlevel.cancel_shielded_checkpoint()
            else:
                while not self._settled():
                    await self._wait_writable()
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
        self._options.size_buffers(end)
        self._hold(end)

    def connect_failed(self, code: int) -> None:
        """No SYN was answered, or with a refusal."""
        self._failed = True
        self._end = None
        self._error = code
        self._writer.wake()

    async def _resolve(self, address: object, flags: int = 0) -> Address:
        if self.dual_stack:
            flags |= stdlib.AI_V4MAPPED
        return await resolve(address, family=self._family, proto=self._proto, flags=flags)

    def _log(self, op: str, peer: str) -> None:
        end = self._end
        self._medium.trace.add(
            self._medium.timeline.now(), self.host.name, peer, op, 0, None, "" if end is None else end.label
        )
