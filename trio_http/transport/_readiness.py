"""Which of many plain sockets can be read: one epoll for all of a server's, and one task that waits for it.

How it works
------------
Trio arms a socket anew for each wait: a system call, two objects and three coroutines more than waking a task takes. On
a busy server that is a fifth of all that an exchange costs below HTTP. So sockets join an epoll of our own, once, for
changes only (edge triggered); trio waits for that epoll as for any descriptor, and one task hands out what has come.

* The price is one turn of that task for each batch of changes. It pays from about eight busy connections (measured with
  fixed answers, CPU a request here and through ``wait_readable``: 24/18 us with 2 connections, 15/13 with 4, 11.4/12.5
  with 8, 10.1/12.2 with 16, 9.1/12.0 with 64). With fewer, sockets wait by themselves; each joins when it next waits.
* A change is told once. So a member remembers that it may be readable until a read comes back with less than it asked
  for, and for ever once the peer has ended: the end is told together with the last bytes, or with none.
* Nothing ticks: with no member, or no change, the task sleeps in trio's own wait.

Linux only, where there is ``select.epoll``; elsewhere every socket waits by itself.
"""

from __future__ import annotations

import select
import sys
from types import TracebackType
from typing import Protocol, Self, final

from trio.lowlevel import wait_readable

__all__ = ["CROWD", "Member", "Readiness"]

CROWD = 8  # connections from which on waiting together costs less than waiting alone
# Changes handed out at once. Those that wake together pass through the scheduler together, and what one of them has in
# the processor's cache must not be gone when its turn comes: with 1,024 busy connections 64 is 8 % faster than 512.
_BATCH = 64


class Member(Protocol):
    """A socket that has joined."""

    def stir(self, ended: bool) -> None:
        """Something has come, or the peer has ended. Called by the task of :class:`Readiness`; must not raise."""


@final
class Readiness:
    """The shared wait; a context manager that owns a descriptor. Its :meth:`run` has to outlive its members.

    Args:
        crowd: From so many open sockets on they wait together.

    Attributes:
        crowded: True while so many sockets are open that waiting together pays.
    """

    __slots__ = ("_crowd", "_epoll", "_members", "_open", "crowded")

    def __init__(self, crowd: int = CROWD) -> None:
        assert sys.platform == "linux"
        self._crowd = crowd
        self._epoll = select.epoll()
        self._members: dict[int, Member] = {}
        self._open = 0
        self.crowded: bool = False

    @staticmethod
    def available() -> bool:
        """Tell whether this system has what it takes."""
        return hasattr(select, "epoll")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._members.clear()
        self._epoll.close()

    def __repr__(self) -> str:
        return f"<Readiness: {len(self._members)} of {self._open} sockets wait together>"

    def opened(self) -> None:
        """Count a socket that may join."""
        self._open += 1
        self.crowded = self._open >= self._crowd

    def closing(self, fd: int) -> None:
        """Forget a socket, which is closed right after this."""
        self._open -= 1
        self.crowded = self._open >= self._crowd
        if self._members.pop(fd, None) is not None:
            # Closing takes a descriptor out only if it is the last one for its socket, which a fork can prevent.
            self._epoll.unregister(fd)

    def join(self, fd: int, member: Member) -> None:
        """Have a socket's changes told to a member from now on; what is there already is told, too."""
        assert sys.platform == "linux"
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        self._members[fd] = member

    async def run(self) -> None:
        """Hand out changes until cancelled."""
        assert sys.platform == "linux"
        poll = self._epoll.poll
        members = self._members
        ended = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
        while True:
            await wait_readable(self._epoll.fileno())
            # No code of others runs in this loop, so no descriptor can be closed, and its number taken again, under it.
            for fd, flags in poll(0, _BATCH):
                members[fd].stir(flags & ended != 0)
