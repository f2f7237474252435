"""The line between a supervisor and a worker: single words, and an end that cannot be missed.

It is a pair of sockets that keeps messages apart. When either process ends, however it ends, the kernel closes its
side and the other one hears it. (Linux could kill a worker when its parent dies, but goes by the *thread* that started
it, and trio starts processes in threads that end after a while.)
"""

from __future__ import annotations

import contextlib
import socket
from typing import Self, final

import trio

__all__ = ["Line"]

_LONGEST = 64


@final
class Line:
    """One end of a line.

    Args:
        sock: A connected socket that keeps messages apart; it belongs to the line from now on.
    """

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock

    @classmethod
    def pair(cls) -> tuple[Self, socket.socket]:
        """Return one end, and the socket of the other, for another process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """The descriptor, for ``poll``."""
        return self._sock.fileno()

    def tell(self, word: str) -> None:
        """Say a word; nobody listens any more is no error, because the end of the line tells that."""
        with contextlib.suppress(OSError):
            self._sock.send(word.encode())

    async def hear(self) -> str | None:
        """Wait for a word.

        Returns:
            The word; None at the end of the line.

        Cancellation:
            Loses none.
        """
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            try:
                return self._sock.recv(_LONGEST).decode() or None
            except BlockingIOError:
                continue
            except ConnectionResetError:
                return None

    def close(self) -> None:
        """End the line; whoever waits in :meth:`hear` has to be cancelled first."""
        self._sock.close()
