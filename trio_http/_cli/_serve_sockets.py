"""The listening sockets of ``trio-http serve``: opened here, given by systemd, or inherited from a supervisor."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from typing import final

import trio

from .._errors import HTTPError
from .._run import PatientListener, hand_over, inherited_descriptors
from ..transport import format_address, listener_from_fd, open_listeners, open_unix_listener
from ._parser import UsageError
from ._serve_options import ServeOptions

__all__ = ["Sockets", "inherited", "listeners_of", "listening"]

PORT = 8000


@final
class Sockets:
    """The sockets of a service.

    A TCP address has one for each worker (SO_REUSEPORT), because then the kernel spreads connections evenly. All of
    them belong to the supervisor and outlive every worker; with a socket the connections that wait at it are lost.

    Args:
        owned: For each worker its own.
        common: Those that all share: unix sockets, and what was inherited.
    """

    def __init__(self, owned: Sequence[Sequence[socket.socket]], common: Sequence[socket.socket]) -> None:
        self._owned = owned
        self._common = common

    @property
    def all(self) -> Sequence[socket.socket]:
        """All of them."""
        return [*self._common, *(sock for each in self._owned for sock in each)]

    def of(self, worker: int) -> Sequence[socket.socket]:
        """Those where this worker (1 is the first) accepts."""
        return [*self._common, *self._owned[worker - 1]]

    def of_others(self, worker: int) -> Sequence[socket.socket]:
        """Those where it helps out."""
        return [sock for index, each in enumerate(self._owned, 1) if index != worker for sock in each]

    def close(self) -> None:
        """Close them."""
        for sock in self.all:
            sock.close()

    def in_words(self, *, secure: bool) -> str:
        """Say where they listen, for people."""
        scheme = "https" if secure else "http"
        names = [sock.getsockname() for sock in self.of(1)]
        return ", ".join(
            f"{scheme}://{format_address(name[:2])}" if isinstance(name, tuple) else f"unix:{name}" for name in names
        )


@contextlib.contextmanager
def listening(options: ServeOptions, workers: int = 1) -> Iterator[Sockets]:
    """Open the sockets for the length of a block; afterwards the files of unix sockets are gone, too.

    Raises:
        UsageError: One cannot be had.
    """
    try:
        descriptors = inherited_descriptors(os.environ)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        sockets = trio.run(_open, options, descriptors, workers)
    except (HTTPError, OSError, ValueError) as error:  # OSError: a name that cannot be resolved
        raise UsageError(str(error)) from error
    made = {path: os.stat(path).st_ino for path in options.path}
    try:
        yield sockets
    finally:
        sockets.close()
        for path, inode in made.items():
            with contextlib.suppress(OSError):
                if os.stat(path).st_ino == inode:  # not that of a successor
                    os.unlink(path)


async def _open(options: ServeOptions, descriptors: Sequence[int], workers: int) -> Sockets:
    common: list[trio.SocketListener] = []
    owned: list[Sequence[trio.SocketListener]] = [[] for _ in range(workers)]
    try:
        for descriptor in (*options.fd, *descriptors):
            common += [listener_from_fd(descriptor)]
        for path in options.path:
            common += [await open_unix_listener(path, mode=options.path_mode, backlog=options.backlog)]
            hand_over(path, options.user, options.group)
        if options.host or options.port is not None or not common:
            hosts = options.host or ("127.0.0.1",)
            host = None if "*" in hosts else hosts
            port = PORT if options.port is None else options.port
            if workers > 1 and port:
                # SO_REUSEPORT would let us join whoever listens there with it; so ask without it first
                _close(await open_listeners(port, host=host))
            for index in range(workers):
                owned[index] = await open_listeners(port, host=host, backlog=options.backlog, reuse_port=workers > 1)
                port = int(owned[index][0].socket.getsockname()[1])
    except BaseException:
        _close([*common, *(listener for each in owned for listener in each)])
        raise
    return Sockets([_taken_out(each) for each in owned], _taken_out(common))


def _taken_out(listeners: Sequence[trio.SocketListener]) -> Sequence[socket.socket]:
    # out of trio's hands: its sockets are made for one run of its loop
    return [socket.socket(fileno=listener.socket.detach()) for listener in listeners]


def _close(listeners: Sequence[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


def inherited(descriptors: Sequence[int]) -> Sequence[socket.socket]:
    """Return the sockets that a supervisor has passed on."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # a program that a handler starts must not hold them
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def listeners_of(
    sockets: Sequence[socket.socket], of_others: Sequence[socket.socket] = ()
) -> Sequence[trio.SocketListener | PatientListener]:
    """Return listeners over sockets; these are theirs from now on, so that who ends to listen has done so."""
    patient = [PatientListener(sock) for sock in of_others]
    return [*(listener_from_fd(sock.detach()) for sock in sockets), *patient]
