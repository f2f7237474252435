"""Accepting what another worker was to accept and did not.

Each worker has a socket of its own on the port (SO_REUSEPORT), and the kernel spreads connections over them evenly. The
price would be that what waits at a worker that is dead, stuck or overburdened waits with it. So each worker also keeps
an eye on the sockets of the others, and takes what has waited there for a while.
"""

from __future__ import annotations

import errno
import socket
from typing import final

import trio

__all__ = ["PatientListener"]

PATIENCE = 0.05  # seconds that the owner has
HEAD_START = 1.0  # seconds before the first look: workers that start together do not come up in the same instant
_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


@final
class PatientListener(trio.abc.Listener[trio.SocketStream]):
    """A listener that lets another process go first.

    Args:
        sock: A listening socket; it belongs to the listener from now on.
        patience: Seconds that a connection may wait for the other process.
        head_start: Seconds before that counts.
    """

    def __init__(self, sock: socket.socket, *, patience: float = PATIENCE, head_start: float = HEAD_START) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._patience = patience
        self._head_start = head_start
        self._late = False  # what is in the queue now has waited already

    async def accept(self) -> trio.SocketStream:
        """Wait until a connection has waited in vain, and take it.

        Raises:
            OSError: The process is out of descriptors or memory.

        Cancellation:
            Accepts none.
        """
        await trio.sleep(self._head_start)
        self._head_start = 0.0
        while True:
            if not self._late:
                await trio.lowlevel.wait_readable(self._sock)
                await trio.sleep(self._patience)
            try:
                accepted, _ = self._sock.accept()
            except OSError as error:
                # whatever else it is concerns a connection that is gone (accept(2))
                self._late = False
                if error.errno in _OUT_OF_RESOURCES:
                    raise
            else:
                self._late = True
                return trio.SocketStream(trio.socket.from_stdlib_socket(accepted))

    async def aclose(self) -> None:
        """Close the socket."""
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()
        await trio.lowlevel.checkpoint()
