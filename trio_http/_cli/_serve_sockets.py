"""The listening sockets of ``trio-http serve``: opened here, given by systemd, or inherited from a supervisor."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import trio

from .._errors import HTTPError
from .._run import PatientListener, hand_over, inherited_descriptors
from ..messages import Handler
from ..semantics import split_host_port
from ..server import Server, status_page
from ..transport import format_address, listener_from_fd, open_listeners, open_unix_listener
from ._parser import UsageError
from ._serve_options import ServeOptions

__all__ = ["Share", "Sockets", "listeners_of", "listening", "servers_beside"]

PORT = 8000
STATUS_MODE = 0o600  # it tells who is connected, and what they look at


@final
@dataclass(frozen=True, slots=True)
class Share:
    """The sockets of one process that serves.

    Attributes:
        own: Where it accepts.
        others: Where it helps out: those of other workers.
        status: Where it tells what it does.
        metrics: Where it tells what has been counted.
    """

    own: Sequence[socket.socket]
    others: Sequence[socket.socket]
    status: Sequence[socket.socket]
    metrics: Sequence[socket.socket]

    @property
    def _parts(self) -> Sequence[Sequence[socket.socket]]:
        return self.own, self.others, self.status, self.metrics

    @property
    def descriptors(self) -> Sequence[int]:
        """All descriptors."""
        return [sock.fileno() for part in self._parts for sock in part]

    def __str__(self) -> str:
        return ":".join(",".join(str(sock.fileno()) for sock in part) for part in self._parts)

    @classmethod
    def inherited(cls, text: str) -> Share:
        """Return what a supervisor has passed on, given its ``str()`` there.

        Raises:
            ValueError: The text is no such thing.
            OSError: Its descriptors are no sockets.
        """
        parts = [[int(number) for number in part.split(",") if number] for part in text.split(":")]
        own, others, status, metrics = ([_inherit(descriptor) for descriptor in part] for part in parts)
        return cls(own, others, status, metrics)


def _inherit(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)  # a program that a handler starts must not hold it
    return socket.socket(fileno=descriptor)


@final
class Sockets:
    """The sockets of a service.

    A TCP address has one for each worker (SO_REUSEPORT), because then the kernel spreads connections evenly. All of
    them belong to the supervisor and outlive every worker; with a socket the connections that wait at it are lost.

    Args:
        owned: For each worker its own.
        common: Those that all share: unix sockets, and what was inherited.
        status: For each worker where it tells what it does; empty if nobody wants to know.
        metrics: Where any of them tells what all have counted.
    """

    def __init__(
        self,
        owned: Sequence[Sequence[socket.socket]],
        common: Sequence[socket.socket],
        status: Sequence[socket.socket],
        metrics: Sequence[socket.socket],
    ) -> None:
        self._owned = owned
        self._common = common
        self._status = status
        self._metrics = metrics

    def share(self, worker: int) -> Share:
        """Return what this worker gets; 1 is the first."""
        return Share(
            [*self._common, *self._owned[worker - 1]],
            [sock for index, each in enumerate(self._owned, 1) if index != worker for sock in each],
            self._status[worker - 1 : worker],
            self._metrics,
        )

    def close(self) -> None:
        """Close them."""
        for part in (self._common, *self._owned, self._status, self._metrics):
            for sock in part:
                sock.close()

    def in_words(self, *, secure: bool) -> str:
        """Say where they listen, for people."""
        return _in_words(self.share(1).own, "https" if secure else "http")

    @property
    def beside_in_words(self) -> str:
        """Say where they tell of the service, for people; nothing if nowhere."""
        told = []
        if self._metrics:
            told.append(f"metrics at {_in_words(self._metrics, 'http', '/metrics')}")
        if self._status:
            told.append(f"status at {_in_words(self._status, 'http')}, for trio-http top")
        return "; ".join(told)


def _in_words(sockets: Sequence[socket.socket], scheme: str, path: str = "") -> str:
    names = [sock.getsockname() for sock in sockets]
    return ", ".join(
        f"{scheme}://{format_address(name[:2])}{path}" if isinstance(name, tuple) else f"unix:{name}" for name in names
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
    made: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(_delete, made)
        try:
            sockets = trio.run(_open, options, descriptors, workers, made)
        except (HTTPError, OSError, ValueError) as error:  # OSError: a name that cannot be resolved
            raise UsageError(str(error)) from error
        stack.callback(sockets.close)
        yield sockets


def _delete(made: Mapping[str, int]) -> None:
    for path, inode in made.items():
        with contextlib.suppress(OSError):
            if os.stat(path).st_ino == inode:  # not that of a successor
                os.unlink(path)


async def _open(options: ServeOptions, descriptors: Sequence[int], workers: int, made: dict[str, int]) -> Sockets:
    common: list[trio.SocketListener] = []
    owned: list[Sequence[trio.SocketListener]] = [[] for _ in range(workers)]
    status: list[trio.SocketListener] = []
    metrics: Sequence[trio.SocketListener] = []
    try:
        for descriptor in (*options.fd, *descriptors):
            common += [listener_from_fd(descriptor)]
        for path in options.path:
            common += [await open_unix_listener(path, mode=options.path_mode, backlog=options.backlog)]
            made[path] = os.stat(path).st_ino
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
        for path in _status_paths(options, workers):
            status += [await open_unix_listener(path, mode=STATUS_MODE)]
            made[path] = os.stat(path).st_ino
            hand_over(path, options.user, options.group)
        if options.metrics is not None:
            name, number = split_host_port(options.metrics)
            metrics = await open_listeners(number or 0, host=None if name == "*" else name)
    except BaseException:
        _close([*common, *(listener for each in owned for listener in each), *status, *metrics])
        raise
    return Sockets([_taken_out(each) for each in owned], *map(_taken_out, (common, status, metrics)))


def _status_paths(options: ServeOptions, workers: int) -> Sequence[str]:
    if options.status is None:
        return []
    if options.workers is None:
        return [options.status]
    return [f"{options.status}.{number}" for number in range(1, workers + 1)]


def _taken_out(listeners: Sequence[trio.SocketListener]) -> Sequence[socket.socket]:
    # out of trio's hands: its sockets are made for one run of its loop
    return [socket.socket(fileno=listener.socket.detach()) for listener in listeners]


def _close(listeners: Sequence[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


def listeners_of(share: Share) -> Sequence[trio.SocketListener | PatientListener]:
    """Return the listeners of a process; the sockets are theirs from now on, so that who ends to listen has done so."""
    return [*map(_listener, share.own), *map(PatientListener, share.others)]


def servers_beside(share: Share, server: Server, metrics: Handler | None) -> Sequence[Server]:
    """Return the servers that tell of one, on sockets of their own.

    Args:
        share: The sockets.
        server: Of which they tell.
        metrics: Answers what has been counted.
    """
    pages = [(share.status, status_page(server)), (share.metrics, metrics)]
    return [Server(page, listeners=[*map(_listener, part)]) for part, page in pages if part and page is not None]


def _listener(sock: socket.socket) -> trio.SocketListener:
    return listener_from_fd(sock.detach())
