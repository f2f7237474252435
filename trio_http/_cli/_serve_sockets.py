"""The listening sockets of ``trio-http serve``: opened here, given by systemd, or inherited from a supervisor."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence

import trio

from .._errors import HTTPError
from .._run import inherited_descriptors
from ..transport import format_address, listener_from_fd, open_listeners, open_unix_listener
from ._parser import UsageError
from ._serve_options import ServeOptions

__all__ = ["in_words", "inherited", "listeners_of", "listening"]

PORT = 8000


@contextlib.contextmanager
def listening(options: ServeOptions) -> Iterator[Sequence[socket.socket]]:
    """Open the sockets for the length of a block; afterwards the files of unix sockets are gone, too.

    Raises:
        UsageError: One cannot be had.
    """
    try:
        descriptors = inherited_descriptors(os.environ)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        sockets = trio.run(_open, options, descriptors)
    except (HTTPError, OSError) as error:  # OSError: a name that cannot be resolved
        raise UsageError(str(error)) from error
    made = {path: os.stat(path).st_ino for path in options.path}
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()
        for path, inode in made.items():
            with contextlib.suppress(OSError):
                if os.stat(path).st_ino == inode:  # not that of a successor
                    os.unlink(path)


async def _open(options: ServeOptions, descriptors: Sequence[int]) -> Sequence[socket.socket]:
    listeners: list[trio.SocketListener] = []
    try:
        for descriptor in (*options.fd, *descriptors):
            listeners += [listener_from_fd(descriptor)]
        for path in options.path:
            listeners += [await open_unix_listener(path, backlog=options.backlog)]
        if options.host or options.port is not None or not listeners:
            hosts = options.host or ("127.0.0.1",)
            host = None if "*" in hosts else hosts
            port = PORT if options.port is None else options.port
            listeners += await open_listeners(port, host=host, backlog=options.backlog)
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    # taken out of trio's hands, because those are made for one run of its loop
    return [socket.socket(fileno=listener.socket.detach()) for listener in listeners]


def inherited(descriptors: Sequence[int]) -> Sequence[socket.socket]:
    """Return the sockets that a supervisor has passed on."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # a program that a handler starts must not hold them
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def listeners_of(sockets: Sequence[socket.socket]) -> Sequence[trio.SocketListener]:
    """Return listeners over sockets; these are theirs from now on, so that who ends to listen has done so."""
    return [listener_from_fd(sock.detach()) for sock in sockets]


def in_words(sockets: Sequence[socket.socket], *, secure: bool) -> str:
    """Say where they listen, for people."""
    scheme = "https" if secure else "http"
    names = [sock.getsockname() for sock in sockets]
    return ", ".join(
        f"{scheme}://{format_address(name[:2])}" if isinstance(name, tuple) else f"unix:{name}" for name in names
    )
