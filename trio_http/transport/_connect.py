"""Connecting: from a host and a port, or a path, to a connected trio stream.

Addresses are tried one after the other with a head start for each (RFC 8305, "happy eyeballs"). It knows nothing of
HTTP, of TLS or of deadlines.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import trio

from .._errors import ConnectError
from ._dial import Dial
from ._names import AddressInfo, Names, Resolver
from ._protocol import format_address

__all__ = ["Network", "NetworkOptions", "SocketOption"]

SocketOption = tuple[int, int, int | bytes]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """How connections are made.

    Attributes:
        family: ``socket.AF_INET`` or ``AF_INET6`` to use only that; ``AF_UNSPEC`` for both.
        local_address: The address of ours to connect from, as ``"10.0.0.1"``.
        interface: The network interface to connect through (SO_BINDTODEVICE; Linux, needs privileges).
        socket_options: ``(level, option, value)``, set before connecting.
        happy_eyeballs_delay: Seconds of head start for an address before the next one is tried beside it.
        resolver: Asked instead of the system's resolver.
        hosts: ``{"api.example": "127.0.0.1"}`` or ``{"api.example": "127.0.0.1:8000"}``: names that go elsewhere.
            TLS and Host fields keep the name.
        dns_ttl: Seconds for which the addresses of a name are remembered; None for asking each time. A name none of
            whose addresses answers is asked for again at once.
        prepare: Called with each socket before it is connected; the place for what no option covers.
    """

    family: int = socket.AF_UNSPEC
    local_address: str | None = None
    interface: str | None = None
    socket_options: Sequence[SocketOption] = ()
    happy_eyeballs_delay: float = 0.25  # RFC 8305 section 5 recommends 250 ms
    resolver: Resolver | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    dns_ttl: float | None = 10.0  # aiohttp 10 s; systemd-resolved and nscd hold it for as long as its TTL says
    prepare: Callable[[trio.socket.SocketType], object] | None = None


@final
class Network:
    """The way out: opens connections as the options say, and remembers the addresses of names.

    Args:
        options: How.
    """

    __slots__ = ("_options", "names")

    def __init__(self, options: NetworkOptions) -> None:
        self._options = options
        self.names: Names = Names(
            family=options.family, resolver=options.resolver, hosts=options.hosts, ttl=options.dns_ttl
        )

    async def open_tcp(self, host: str, port: int, dial: Dial) -> trio.SocketStream:
        """Connect over TCP.

        Args:
            host: A name or an address.
            port: The port.
            dial: Told how long the resolving of the name took.

        Raises:
            ConnectError: The name has no address, or none of them took the connection; the text says which and why.

        Cancellation:
            Leaves nothing open.
        """
        addresses = await dial.resolving(self.names.resolve, host, port)
        try:
            if len(addresses) > 1:
                return await _race(host, port, _interleaved(addresses), self._options)
            try:
                return await _attempt(addresses[0], self._options)
            except OSError as error:
                raise _refused(host, port, [(addresses[0], error)]) from error
        except BaseException:
            self.names.forget(host, port)  # nobody answers there, or not in time
            raise

    async def open_unix(self, path: str) -> trio.SocketStream:
        """Connect to a unix socket.

        Raises:
            ConnectError: Nobody listens there; the text says why.
        """
        try:
            return await _attempt((socket.AF_UNIX, socket.SOCK_STREAM, 0, path), self._options)
        except OSError as error:
            raise ConnectError(f"cannot connect to the unix socket {path}: {_reason(error)}") from error


async def _attempt(address: AddressInfo, options: NetworkOptions) -> trio.SocketStream:
    family, kind, protocol, sockaddr = address
    sock = trio.socket.socket(family, kind, protocol)
    try:
        if family != socket.AF_UNIX:
            if options.local_address is not None:
                await sock.bind((options.local_address, 0))
            if options.interface is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.interface.encode() + b"\0")
        for level, option, value in options.socket_options:
            sock.setsockopt(level, option, value)
        if options.prepare is not None:
            options.prepare(sock)
        await sock.connect(sockaddr)
        return trio.SocketStream(sock)
    except BaseException:
        sock.close()
        raise


def _interleaved(addresses: list[AddressInfo]) -> list[AddressInfo]:
    """Alternate the families, in the order of preference within each (RFC 8305 section 4)."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    second = [address for address in addresses if address[0] != addresses[0][0]]
    ordered: list[AddressInfo] = []
    while first or second:
        if first:
            ordered.append(first.pop(0))
        if second:
            ordered.append(second.pop(0))
    return ordered


async def _race(host: str, port: int, addresses: list[AddressInfo], options: NetworkOptions) -> trio.SocketStream:
    failures: list[tuple[AddressInfo, OSError]] = []
    winners: list[trio.SocketStream] = []
    faults: list[Exception] = []  # of the user's own code

    async def attempt(address: AddressInfo, failed: trio.Event) -> None:
        try:
            stream = await _attempt(address, options)
        except OSError as error:
            failures.append((address, error))
            failed.set()
        except Exception as error:
            faults.append(error)
            nursery.cancel_scope.cancel()
        else:
            winners.append(stream)  # two may arrive in the same tick: the first is taken, the others are closed
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(options.happy_eyeballs_delay):
                    await failed.wait()
        # the caller's cancellation comes here when it was too late to stop a winner
        await trio.lowlevel.checkpoint_if_cancelled()
    except BaseExceptionGroup as group:
        for stream in winners:
            stream.socket.close()
        if group.split(trio.Cancelled)[1] is None:
            await trio.lowlevel.checkpoint_if_cancelled()  # the caller's cancellation, without our nursery's wrapping
        raise
    except BaseException:
        for stream in winners:
            stream.socket.close()
        raise
    for loser in winners[0 if faults else 1 :]:
        loser.socket.close()
    if faults:
        raise faults[0]
    if winners:
        return winners[0]
    raise _refused(host, port, failures) from ExceptionGroup("each address was tried", [error for _, error in failures])


def _reason(error: OSError) -> str:
    """Return what the kernel says; trio puts the address before it, which stands in our text already."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)


def _refused(host: str, port: int, failures: Sequence[tuple[AddressInfo, OSError]]) -> ConnectError:
    told = [
        f"{format_address((str(address[3][0]), int(address[3][1])))}: {_reason(error)}" for address, error in failures
    ]
    if len(told) == 1 and told[0].startswith(f"{format_address((host, port))}: "):
        return ConnectError(f"cannot connect to {told[0]}")
    return ConnectError(f"cannot connect to {format_address((host, port))}: {'; '.join(told)}")
