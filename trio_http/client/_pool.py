"""The connections of a client: who gets which, who waits, what is kept and for how long.

All of it is synchronous: a choice is made and written down in one go, and only then does anybody connect, send or
wait. So there is no moment at which a cancelled request could lose a slot. The pool knows neither URLs nor proxies
nor HTTP: its keys are whatever a route says may share connections.

How it works
------------
* A *slot* is a :class:`ClientConnection`, from the permit to open it until it is dropped. There are at most
  ``limits.connections`` of them, and ``limits.per_origin`` for one key. A request that has one gives it back in a
  ``finally``: :meth:`Pool.give_back` (it can be used again) or :meth:`Pool.drop` (it cannot).
* :meth:`Pool.take` gives the connection of that key that was used last, else a permit for a new one, else a permit in
  place of the connection that has been idle longest, whatever its key. Only the connection that is picked is asked
  whether it still lives. Each step takes the same time however many connections there are.
* Who gets nothing waits. Within a key it is first come, first served. A freed connection goes to the next of its own
  key, which saves a handshake; a freed slot goes to the keys with somebody waiting, in turn. A key that has seen
  ``PATIENCE`` connections go to others of their own key, while it waited for a slot, gets the next one.
* A waiting task is woken with its connection in hand: the hand-over and the waking are one step, and trio does not
  deliver a cancellation to a task that has been woken. What it was given is given back like any other.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import final

import outcome
import trio

from .. import _watch
from .._config import ClientLimits
from .._errors import PoolError
from ..transport import Sweeper, Watched
from ..wire import HTTP1Stream

__all__ = ["ClientConnection", "ConnectionInfo", "Pool", "WaiterInfo"]

PATIENCE = 8  # hand-overs to other keys that the key whose turn it is lets pass, so that no key starves


@final
@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One connection, for people.

    Attributes:
        key: What it is for; as a rule an origin.
        state: ``"opening"``, ``"active"`` or ``"idle"``.
        request: The request that holds it, method and URL; ``""`` while it is idle.
        task: The name of the task that holds it; ``""`` while it is idle.
        since: Seconds it has been in this state.
        age: Seconds since it was asked for.
        requests: Requests sent on it so far.
    """

    key: str
    state: str
    request: str
    task: str
    since: float
    age: float
    requests: int

    def __str__(self) -> str:
        if self.state == "idle":
            return f"idle connection to {self.key} for {self.since:.1f} s"
        return f"{self.request} (task {self.task}, {self.state} for {self.since:.1f} s)"


@final
@dataclass(frozen=True, slots=True)
class WaiterInfo:
    """One request that waits for a connection, for people.

    Attributes:
        key: What it waits for; as a rule an origin.
        request: Method and URL.
        task: The name of the waiting task.
        since: Seconds it has been waiting.
    """

    key: str
    request: str
    task: str
    since: float


@final
class ClientConnection(Watched):
    """A slot of the pool: a permit to open a connection, and then that connection.

    Attributes:
        stream: The connection; None as long as it is only a permit.
        holder: What holds it, ``str()`` of which is method and URL; None while it is idle.
        opening: The scope of the opening while that goes on, so that closing the pool can end it.
        opened_at: When the permit was given, on trio's clock.
        since: When it was last taken or given back.
        retire_at: When it is too old to be used again.
    """

    __slots__ = ("_place", "_pool", "holder", "opened_at", "opening", "retire_at", "since", "stream", "task")

    def __init__(self, pool: Pool, place: _Place) -> None:
        super().__init__(pool.sweeper)
        self._pool = pool
        self._place = place
        self.stream: HTTP1Stream | None = None
        self.opening: trio.CancelScope | None = None
        self.opened_at: float = trio.current_time()
        self.since: float = self.opened_at
        self.retire_at: float = math.inf
        self.holder: object = None
        self.task: trio.lowlevel.Task | None = None

    def __repr__(self) -> str:
        return f"<connection: {self.info()}>"

    @property
    def reused(self) -> bool:
        """True if a request has been answered on it already."""
        return self.stream is not None and self.stream.exchanges > 1

    def expire(self) -> None:
        """Be closed: the time for being idle, or for the answer, is over (called by the sweeper)."""
        if self.holder is not None and self.stream is not None:
            self.stream.expire()
        else:
            self._pool._expire(self)

    def info(self) -> ConnectionInfo:
        """Describe it."""
        now = trio.current_time()
        if self.stream is None:
            state = "opening"
        else:
            state = "active" if self.holder is not None else "idle"
        return ConnectionInfo(
            key=_readable(self._place.key),
            state=state,
            request="" if self.holder is None else str(self.holder),
            task="" if self.task is None else self.task.name,
            since=now - self.since,
            age=now - self.opened_at,
            requests=0 if self.stream is None else self.stream.exchanges,
        )


class _Place:
    """All that the pool knows about one key."""

    __slots__ = ("idle", "key", "passed", "slots", "waiters")

    def __init__(self, key: Hashable) -> None:
        self.key: Hashable = key
        self.slots: int = 0  # open, opening and idle
        self.idle: list[ClientConnection] = []  # the one used last at the end
        self.waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self.passed: int = 0  # how often others were served while this was the first of the hungry


class _Waiter:
    """A task that waits for a slot."""

    __slots__ = ("holder", "place", "since", "task")

    def __init__(self, place: _Place, holder: object) -> None:
        self.place = place
        self.holder = holder
        self.since = trio.current_time()
        self.task = trio.lowlevel.current_task()


@final
class Pool:
    """The connections of one client.

    Args:
        limits: How many.
        idle: Seconds an unused connection is kept; None for ever.
        sweeper: Who watches the time of idle connections.
        dispose: Told to close a connection that the pool gives up; synchronous, must not raise.
    """

    __slots__ = ("_dispose", "_hungry", "_idle", "_idle_seconds", "_limits", "_places", "_slots", "closed", "sweeper")

    def __init__(
        self,
        limits: ClientLimits,
        *,
        idle: float | None,
        sweeper: Sweeper,
        dispose: Callable[[HTTP1Stream], None],
    ) -> None:
        self._limits = limits
        self._idle_seconds = math.inf if idle is None else idle
        self.sweeper: Sweeper = sweeper
        self._dispose = dispose
        self._places: dict[Hashable, _Place] = {}
        self._slots: dict[ClientConnection, None] = {}  # a dict for its order: reports are the same each time
        self._idle: OrderedDict[ClientConnection, None] = OrderedDict()  # of all keys, idle longest first
        self._hungry: OrderedDict[_Place, None] = OrderedDict()  # with waiters that a free slot would help, in turn
        self.closed: bool = False

    def __repr__(self) -> str:
        waiting = sum(len(place.waiters) for place in self._places.values())
        return f"<Pool: {len(self._slots)} connections ({len(self._idle)} idle), {waiting} requests waiting>"

    # ---------------------------------------------------------------- for people

    @property
    def connections(self) -> Sequence[ConnectionInfo]:
        """All connections, oldest first."""
        return [connection.info() for connection in self._slots]

    @property
    def waiters(self) -> Sequence[WaiterInfo]:
        """All requests that wait for a connection; first come first within one key."""
        now = trio.current_time()
        return [
            WaiterInfo(_readable(place.key), str(waiter.holder), waiter.task.name, now - waiter.since)
            for place in self._places.values()
            for waiter in place.waiters
        ]

    def explain(self) -> str:
        """Say who holds the slots, for the text of a PoolTimeout."""
        holders = [str(connection.info()) for connection in self._slots if connection.holder is not None]
        shown = "; ".join(holders[:10]) + (f"; and {len(holders) - 10} more" if len(holders) > 10 else "")
        of = f"ClientLimits.connections={self._limits.connections}"
        if self._limits.per_origin is not None:
            of += f", per_origin={self._limits.per_origin}"
        return f"{of}, held by: {shown or 'nobody'}"

    # ---------------------------------------------------------------- taking

    def take(self, key: Hashable, holder: object, *, fresh: bool = False) -> ClientConnection | None:
        """Choose a connection, at once.

        Args:
            key: What the connection is for.
            holder: Who asks; ``str()`` of it is shown to people.
            fresh: Do not give one that has been used before.

        Returns:
            An open connection, or a permit to open one (its ``stream`` is None), or None: then :meth:`wait`.

        Raises:
            PoolError: The pool is closed.
        """
        # Hot: once per request.
        if self.closed:
            raise PoolError(f"{holder}: the client is closed")
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(key)
        idle = place.idle
        if idle:
            connection = idle[0] if fresh else idle[-1]
            stream = connection.stream
            assert stream is not None
            now = trio.current_time()
            if fresh or connection.deadline <= now or stream.transport.has_unread():
                self._forget(connection)  # its slot is free now
                self._dispose(stream)
            else:
                idle.pop()
                del self._idle[connection]
                connection.deadline = math.inf
                connection.holder = holder
                connection.since = now
                connection.task = trio.lowlevel.current_task()
                return connection
        limits = self._limits
        if limits.per_origin is not None and place.slots >= limits.per_origin:
            return None
        if limits.connections is not None and len(self._slots) >= limits.connections:
            if not self._idle:
                return None
            longest = next(iter(self._idle))
            self._forget(longest)
            assert longest.stream is not None
            self._dispose(longest.stream)
        return self._permit(place, holder, trio.lowlevel.current_task())

    async def wait(self, key: Hashable, holder: object) -> ClientConnection:
        """Wait in the queue after :meth:`take` gave nothing; between the two there must be no checkpoint.

        Returns:
            What :meth:`take` would have returned.

        Raises:
            PoolError: The pool was closed meanwhile.

        Cancellation:
            Leaves the queue. What has been handed over already is returned all the same: the cancellation comes at
            the caller's next checkpoint.
        """
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(key)
        waiter = _Waiter(place, holder)
        place.waiters[waiter] = None
        self._note_hunger(place)

        def abort(_: object) -> trio.lowlevel.Abort:
            del place.waiters[waiter]
            self._note_hunger(place)
            self._tidy(place)
            return trio.lowlevel.Abort.SUCCEEDED

        connection = await trio.lowlevel.wait_task_rescheduled(abort)
        assert isinstance(connection, ClientConnection)
        stream = connection.stream
        if stream is not None and stream.transport.has_unread():
            # It ended on its way to us. We keep the slot, and open another in it.
            _watch.closed(stream)
            self._dispose(stream)
            connection.stream = None
            connection.retire_at = math.inf
        return connection

    def _permit(self, place: _Place, holder: object, task: trio.lowlevel.Task) -> ClientConnection:
        self._places[place.key] = place  # it may have been forgotten with its last connection
        connection = ClientConnection(self, place)
        connection.holder = holder
        connection.task = task
        place.slots += 1
        self._slots[connection] = None
        return connection

    # ---------------------------------------------------------------- giving back

    def opened(self, connection: ClientConnection, stream: HTTP1Stream) -> None:
        """Note that a permit has become a connection."""
        connection.stream = stream
        if self._limits.max_age is not None:
            connection.retire_at = trio.current_time() + self._limits.max_age
        _watch.opened("connection", stream)

    def give_back(self, connection: ClientConnection, now: float) -> None:
        """Take back a connection that can carry another request.

        Args:
            connection: The connection.
            now: When its last response ended, on trio's clock.
        """
        # Hot: once per request.
        stream = connection.stream
        assert stream is not None
        if self.closed or now >= connection.retire_at:
            self.drop(connection)
            self._dispose(stream)
            return
        place = connection._place
        if place.waiters and not self._yields_to_others(place):
            waiter, _ = place.waiters.popitem(last=False)
            connection.holder = waiter.holder
            connection.task = waiter.task
            connection.since = now
            self._note_hunger(place)
            if place in self._hungry:
                self._hungry.move_to_end(place)  # it had its turn
            trio.lowlevel.reschedule(waiter.task, outcome.Value(connection))
            return
        if self._hungry:
            self.drop(connection)
            self._dispose(stream)
            return
        connection.holder = None
        connection.task = None
        connection.since = now
        place.idle.append(connection)
        self._idle[connection] = None
        if self._limits.idle is not None and len(self._idle) > self._limits.idle:
            longest = next(iter(self._idle))
            self._forget(longest)
            assert longest.stream is not None
            self._dispose(longest.stream)
            if longest is connection:
                return
        connection.arm(min(now + self._idle_seconds, connection.retire_at))

    def drop(self, connection: ClientConnection) -> None:
        """Take back the slot of a connection that cannot be used again; whoever drops it closes it."""
        if connection in self._slots:
            self._forget(connection)

    def _yields_to_others(self, place: _Place) -> bool:
        """Tell whether a freed connection has to make room for a key that has waited long enough."""
        if not self._hungry:
            return False
        first = next(iter(self._hungry))
        if first is place:
            return False
        first.passed += 1
        return first.passed > PATIENCE

    def _forget(self, connection: ClientConnection) -> None:
        """Remove a connection, and pass its slot on."""
        place = connection._place
        connection.unwatch()
        del self._slots[connection]
        place.slots -= 1
        if connection in self._idle:
            del self._idle[connection]
            place.idle.remove(connection)  # short, and the longest idle stands first
        if connection.stream is not None:
            _watch.closed(connection.stream)
        self._note_hunger(place)
        self._feed()
        self._tidy(place)

    def _feed(self) -> None:
        """Give free slots to those who wait for one."""
        limit = self._limits.connections
        while self._hungry and (limit is None or len(self._slots) < limit):
            place, _ = self._hungry.popitem(last=False)
            place.passed = 0
            waiter, _ = place.waiters.popitem(last=False)
            connection = self._permit(place, waiter.holder, waiter.task)
            self._note_hunger(place)  # at the end: the others are first now
            trio.lowlevel.reschedule(waiter.task, outcome.Value(connection))

    def _note_hunger(self, place: _Place) -> None:
        """Keep the list of the hungry true for one key."""
        per_origin = self._limits.per_origin
        if place.waiters and (per_origin is None or place.slots < per_origin):
            self._hungry.setdefault(place)
        elif self._hungry.pop(place, self) is None:
            place.passed = 0

    def _tidy(self, place: _Place) -> None:
        """Forget a key that nobody uses."""
        if not place.slots and not place.waiters:
            self._places.pop(place.key, None)

    # ---------------------------------------------------------------- ends

    def _expire(self, connection: ClientConnection) -> None:
        if connection in self._idle and connection.stream is not None:
            stream = connection.stream
            self._forget(connection)
            self._dispose(stream)

    def close(self) -> None:
        """Close all connections, and end all waiting: with a PoolError, in the tasks that wait."""
        self.closed = True
        for place in list(self._places.values()):
            while place.waiters:
                waiter, _ = place.waiters.popitem(last=False)
                error = PoolError(f"{waiter.holder}: the client was closed before there was a connection for it")
                trio.lowlevel.reschedule(waiter.task, outcome.Error(error))
        self._hungry.clear()
        for connection in list(self._slots):
            if connection.opening is not None:
                connection.opening.cancel()
            if connection.stream is not None:
                self._dispose(connection.stream)
            self._forget(connection)


def _readable(key: Hashable) -> str:
    return str(key) if not isinstance(key, tuple) or hasattr(key, "_fields") else " ".join(map(str, key))
