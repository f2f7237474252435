"""Where connections come in: accepting from listeners, in batches, as long as there is room.

It knows nothing of what becomes of a connection but when it has left.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, final

import trio

from ..transport import PlainAcceptor, Readiness, SocketTransport

__all__ = ["Entrance", "Listener"]

log = logging.getLogger("trio_http.server")

ACCEPT_BATCH = 64  # connections taken before those that are open get a turn
ACCEPT_PAUSE = 0.1  # seconds to wait when the process has no file descriptor left; as trio.serve_listeners does
T = TypeVar("T")

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}

Listener = trio.abc.Listener[trio.abc.Stream]
Take = Callable[[SocketTransport | trio.abc.Stream], None]


@final
class Entrance:
    """Counts who is inside, and lets no more in than there is room for.

    Args:
        most: At most so many at once; None for any number.
        batch: So many are taken before those that are inside get a turn.
    """

    __slots__ = ("_batch", "_most", "_open", "_room")

    def __init__(self, most: int | None, batch: int = ACCEPT_BATCH) -> None:
        self._most = most
        self._batch = batch
        self._open = 0  # accepted and not yet closed
        self._room = trio.Event()  # set and renewed whenever a connection ends while accepting is paused

    def came(self) -> None:
        """Count one more: when it is accepted, not in its new task, which runs only later."""
        self._open += 1

    def left(self) -> None:
        """Count one less."""
        self._open -= 1
        self._room.set()

    async def wait_until_empty(self) -> None:
        """Wait until nobody is inside, handshakes counted; for when no more are accepted."""
        while self._open:
            if self._room.is_set():
                self._room = trio.Event()
            await self._room.wait()

    async def accept(self, listener: Listener, readiness: Readiness | None, take: Take) -> None:
        """Accept until cancelled.

        Args:
            listener: Where from.
            readiness: Where plain sockets wait together.
            take: Given each connection, counted already; it must see to :meth:`left`.
        """
        if isinstance(listener, trio.SocketListener) and PlainAcceptor.fits(listener):
            with PlainAcceptor(listener, readiness) as acceptor:
                accept_some = partial(acceptor.accept_some, self._room_now)
                while True:
                    await self._wait_for_room()
                    for transport in await self._patiently(accept_some):
                        self._took(take, transport)
        while True:
            await self._wait_for_room()
            stream = await self._patiently(listener.accept)
            try:
                await self._wait_for_room()  # another listener may have filled it while this one waited
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
            self._took(take, stream)

    def _room_now(self) -> int:
        """How many may come in one go; 0 if there is no room."""
        return self._batch if self._most is None else min(self._batch, max(0, self._most - self._open))

    async def _wait_for_room(self) -> None:
        while not self._room_now():
            if self._room.is_set():
                self._room = trio.Event()  # one for all listeners that wait
            await self._room.wait()

    async def _patiently(self, accept: Callable[[], Awaitable[T]]) -> T:
        """Accept; where the process has run out of descriptors or memory, wait and try again."""
        while True:
            try:
                return await accept()
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    raise
                log.error("accepting paused for %g s: %s", ACCEPT_PAUSE, error)
                await trio.sleep(ACCEPT_PAUSE)

    def _took(self, take: Take, accepted: SocketTransport | trio.abc.Stream) -> None:
        self.came()
        take(accepted)
