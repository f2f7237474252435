"""Connecting: from a host and a port, or a path, to a connected trio stream.

Names are resolved, and addresses tried one after the other with a head start for each (RFC 8305, "happy eyeballs").
It knows nothing of HTTP, of TLS or of deadlines.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import trio

from .._errors import ConnectError
from ._dial import Dial
from ._protocol import format_address

__all__ = ["NetworkOptions", "Resolver", "SocketOption", "open_tcp", "open_unix"]

SocketOption = tuple[int, int, int | bytes]
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""``async def resolve(host, port)`` returns IP addresses, the preferred first."""

_AddressInfo = tuple[int, int, int, Any]  # family, kind, protocol, sockaddr


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
        prepare: Called with each socket before it is connected; the place for what no option covers.
    """

    family: int = socket.AF_UNSPEC
    local_address: str | None = None
    interface: str | None = None
    socket_options: Sequence[SocketOption] = ()
    happy_eyeballs_delay: float = 0.25  # RFC 8305 section 5 recommends 250 ms
    resolver: Resolver | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[trio.socket.SocketType], object] | None = None

    @property
    def is_plain(self) -> bool:
        """True if nothing but trio's own connecting is asked for."""
        return self == _PLAIN


async def open_tcp(host: str, port: int, options: NetworkOptions, dial: Dial | None = None) -> trio.SocketStream:
    """Connect over TCP.

    Args:
        host: A name or an address.
        port: The port.
        options: How.
        dial: Told how long the resolving of the name took.

    Raises:
        ConnectError: The name has no address, or none of them took the connection; the text says which and why.

    Cancellation:
        Leaves nothing open.
    """
    begun = trio.current_time()
    try:
        addresses = await _resolve(host, port, options)
    finally:
        if dial is not None:
            dial.dns += trio.current_time() - begun
    if len(addresses) == 1:
        try:
            return await _attempt(addresses[0], options)
        except OSError as error:
            raise _refused(host, port, [(addresses[0], error)]) from error
    return await _race(host, port, _interleaved(addresses), options)


async def open_unix(path: str, options: NetworkOptions) -> trio.SocketStream:
    """Connect to a unix socket.

    Raises:
        ConnectError: Nobody listens there; the text says why.
    """
    try:
        return await _attempt((socket.AF_UNIX, socket.SOCK_STREAM, 0, path), options)
    except OSError as error:
        raise ConnectError(f"cannot connect to the unix socket {path}: {error.strerror or error}") from error


async def _resolve(host: str, port: int, options: NetworkOptions) -> list[_AddressInfo]:
    wanted = host
    mapped = options.hosts.get(host)
    if mapped is not None:
        host, port = _split_mapped(mapped, port)
    try:
        if options.resolver is not None and not _is_address(host):
            found: list[_AddressInfo] = []
            for address in await options.resolver(host, port):
                found += await _getaddrinfo(address, port, options.family)
        else:
            found = await _getaddrinfo(host, port, options.family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConnectError(f"cannot resolve the name {wanted!r}: {reason}") from error
    if not found:
        raise ConnectError(f"the name {wanted!r} has no address of the wanted family")
    return found


async def _getaddrinfo(host: str, port: int, family: int) -> list[_AddressInfo]:
    infos = await trio.socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return [(info[0], info[1], info[2], info[4]) for info in infos]


def _split_mapped(mapped: str, port: int) -> tuple[str, int]:
    name, colon, number = mapped.rpartition(":")
    if colon and number.isdigit() and ("[" in name or ":" not in name):
        return name.strip("[]"), int(number)
    return mapped.strip("[]"), port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def _attempt(address: _AddressInfo, options: NetworkOptions) -> trio.SocketStream:
    family, kind, protocol, sockaddr = address
    sock = trio.socket.socket(family, kind, protocol)
    try:
        if family != socket.AF_UNIX and options != _PLAIN:
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


def _interleaved(addresses: list[_AddressInfo]) -> list[_AddressInfo]:
    """Alternate the families, in the order of preference within each (RFC 8305 section 4)."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    second = [address for address in addresses if address[0] != addresses[0][0]]
    ordered: list[_AddressInfo] = []
    while first or second:
        if first:
            ordered.append(first.pop(0))
        if second:
            ordered.append(second.pop(0))
    return ordered


async def _race(host: str, port: int, addresses: list[_AddressInfo], options: NetworkOptions) -> trio.SocketStream:
    failures: list[tuple[_AddressInfo, OSError]] = []
    winners: list[trio.SocketStream] = []

    async def attempt(address: _AddressInfo, failed: trio.Event) -> None:
        try:
            stream = await _attempt(address, options)
        except OSError as error:
            failures.append((address, error))
            failed.set()
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
    for loser in winners[1:]:
        loser.socket.close()
    if winners:
        return winners[0]
    raise _refused(host, port, failures) from ExceptionGroup("each address was tried", [error for _, error in failures])


def _refused(host: str, port: int, failures: Sequence[tuple[_AddressInfo, OSError]]) -> ConnectError:
    told = [
        f"{format_address((str(address[3][0]), int(address[3][1])))}: {error.strerror or error}"
        for address, error in failures
    ]
    return ConnectError(f"cannot connect to {format_address((host, port))}: {'; '.join(told)}")


_PLAIN = NetworkOptions()
