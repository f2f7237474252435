"""Listening: from ports, paths and inherited file descriptors to trio listeners."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
from collections.abc import Sequence

import trio

from .._errors import ConnectError
from ._protocol import Address

__all__ = ["listener_address", "listener_from_fd", "open_listeners", "open_unix_listener"]

_BACKLOG = 65535  # as trio does: the kernel cuts it down to what it allows
_NOT_OURS = ". Give an address of this machine, 127.0.0.1 to be found from here only, or None for all addresses"
_ADVICE = {
    0: _NOT_OURS,  # the name means nothing
    errno.EADDRNOTAVAIL: _NOT_OURS,
    errno.EADDRINUSE: ". Choose another one, port=0 for any free port, or stop whoever holds it",
    errno.EACCES: ". Ports below 1024 are for the superuser as a rule; a unix socket needs a folder we may write to",
    errno.ENOENT: ". The folder of a unix socket has to be there before",
}


async def open_listeners(
    port: int,
    *,
    host: str | Sequence[str] | None = "127.0.0.1",
    family: int = socket.AF_UNSPEC,
    flags: int = socket.AI_PASSIVE,
    backlog: int | None = None,
    reuse_port: bool = False,
    reuse_address: bool = True,
) -> Sequence[trio.SocketListener]:
    """Bind and listen on TCP.

    Args:
        port: The port; 0 for any free one (the same one for each address where that can be had).
        host: An address or a name, or several; None for all addresses, IPv4 and IPv6.
        family: ``socket.AF_INET`` or ``AF_INET6`` to use only that.
        flags: For ``getaddrinfo``, such as ``socket.AI_NUMERICHOST`` to have no name looked up.
        backlog: Connections the kernel queues for us; None for as many as it allows.
        reuse_port: Let several processes listen on one port (SO_REUSEPORT); the kernel shares connections out.
        reuse_address: Bind although connections of an earlier process linger (SO_REUSEADDR).

    Raises:
        ConnectError: An address cannot be bound; the text says which and why.

    Cancellation:
        Leaves nothing open.
    """
    wanted: object = port
    if not isinstance(wanted, int) or not 0 <= wanted <= 65535:
        raise ConnectError(f"cannot listen on port {wanted!r}: expected a number from 0 (any free port) to 65535")
    listeners: list[trio.SocketListener] = []
    missing: OSError | None = None
    try:
        for kind, address in await _addresses(port, host, family, flags):
            if port == 0 and listeners:
                address = (address[0], listeners[0].socket.getsockname()[1], *address[2:])
            try:
                listener = await _listen(kind, address, backlog, reuse_port=reuse_port, reuse_address=reuse_address)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error  # a name for both families, on a machine that has only one of them
            else:
                listeners.append(listener)
        if missing is not None and not listeners:
            raise missing
    except BaseException as error:
        for listener in listeners:
            listener.socket.close()
        if isinstance(error, OSError):
            raise _cannot_listen(f"port {port} of {_words(host)}", error) from error
        raise
    return listeners


_Wanted = tuple[int, tuple[str | int, ...]]


async def _addresses(port: int, host: str | Sequence[str] | None, family: int, flags: int) -> list[_Wanted]:
    names = [host] if host is None or isinstance(host, str) else list(host)
    found: dict[_Wanted, None] = {}
    for name in names:
        infos = await trio.socket.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM, flags=flags)
        for info in infos:
            address: tuple[str | int, ...] = tuple(part for part in info[4] if isinstance(part, str | int))
            found[int(info[0]), address] = None
    return list(found)


async def _listen(
    family: int, address: tuple[str | int, ...], backlog: int | None, *, reuse_port: bool, reuse_address: bool
) -> trio.SocketListener:
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuse_address and sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # each family has a socket of its own, so that addresses are told as they are
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await sock.bind(address)
        sock.listen(_BACKLOG if backlog is None else backlog)
        return trio.SocketListener(sock)
    except BaseException:
        sock.close()
        raise


async def open_unix_listener(path: str, *, mode: int | None = None, backlog: int | None = None) -> trio.SocketListener:
    """Bind and listen on a unix socket.

    A socket file that an earlier process has left behind is replaced; one that somebody listens on is not, and
    neither is any other kind of file.

    Args:
        path: The path.
        mode: The permissions of the socket file, such as ``0o660``; None leaves them to the umask.
        backlog: Connections the kernel queues for us; None for as many as it allows.

    Raises:
        ConnectError: The path cannot be bound; the text says why.
    """
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.stat(path).st_mode):
                await _replace_stale(path)
        await sock.bind(path)
        if mode is not None:
            os.chmod(path, mode)
        sock.listen(_BACKLOG if backlog is None else backlog)
        return trio.SocketListener(sock)
    except OSError as error:
        sock.close()
        raise _cannot_listen(f"the unix socket {path}", error) from error
    except BaseException:
        sock.close()
        raise


async def _replace_stale(path: str) -> None:
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            await probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")


def listener_from_fd(fd: int) -> trio.SocketListener:
    """Return the listener over an inherited file descriptor: systemd's, or that of a parent process.

    Args:
        fd: A listening stream socket; it belongs to the listener from now on.

    Raises:
        ConnectError: It is none.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise _cannot_listen(f"file descriptor {fd}", error) from error
    try:
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        listening = 1  # a system that cannot say
    if not listening:
        sock.detach()
        raise ConnectError(f"cannot listen on file descriptor {fd}: it is a socket that does not listen")
    sock.setblocking(False)
    return trio.SocketListener(trio.socket.from_stdlib_socket(sock))


def listener_address(listener: trio.abc.Listener[trio.abc.Stream]) -> Address:
    """Return where a listener listens; None if it is not one of sockets."""
    if isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if not isinstance(listener, trio.SocketListener):
        return None
    name = listener.socket.getsockname()
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else str(name)


def _words(host: str | Sequence[str] | None) -> str:
    if host is None:
        return "all addresses"
    return host if isinstance(host, str) else ", ".join(host)


def _cannot_listen(where: str, error: OSError) -> ConnectError:
    advice = _ADVICE.get(0 if isinstance(error, socket.gaierror) else error.errno or -1, "")
    return ConnectError(f"cannot listen on {where}: {error.strerror or error}{advice}")
