"""One message to many WebSockets, without waiting for the slowest."""

from __future__ import annotations

from collections import deque
from typing import Literal, final

import trio

from .._errors import ConnectionClosed
from ._websocket import WebSocket

__all__ = ["Broadcast", "Policy"]

Policy = Literal["drop", "close"]
"""What becomes of a peer that is too slow: he misses the oldest messages, or he is closed with 1008."""


@final
class Broadcast:
    """A hub: what is published goes to every WebSocket that has joined.

    Each peer has a queue of its own, which the task that joined him empties. Publishing only fills the queues, so it
    never waits; what is done about a full one is the peer's policy.

    Args:
        queue: Messages that may wait for one peer.
        policy: What becomes of a peer whose queue is full, unless said otherwise when he joins.

    Example:
        >>> hub = Broadcast()
        >>> async def talk(ws):
        ...     async with trio.open_nursery() as nursery:
        ...         await nursery.start(hub.join, ws)
        ...         async for message in ws:
        ...             hub.publish(message)
        ...         nursery.cancel_scope.cancel()
    """

    __slots__ = ("_members", "_policy", "_queue")

    def __init__(self, *, queue: int = 16, policy: Policy = "close") -> None:
        if queue < 1:
            raise ValueError(f"Broadcast(queue={queue!r}) makes no sense: give at least 1")
        self._queue = queue
        self._policy: Policy = _checked(policy)
        self._members: dict[_Member, None] = {}  # in the order they joined, so that the same seed gives the same order

    def __len__(self) -> int:
        """How many have joined."""
        return len(self._members)

    def publish(self, message: str | bytes) -> int:
        """Put a message into every queue; never waits.

        Returns:
            How many peers will get it.
        """
        # Hot: 0.3 us for each peer, and 3 more for one whose task has to be woken.
        reached = 0
        for member in self._members:
            if len(member.waiting) >= self._queue:
                member.missed += 1
                if member.policy == "close":
                    member.dropped = True
                    member.wake()
                    continue
                member.waiting.popleft()
            member.waiting.append(message)
            member.wake()
            reached += 1
        return reached

    async def join(
        self,
        ws: WebSocket,
        *,
        policy: Policy | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> int:
        """Send a WebSocket what is published, until it is closed.

        Under the ASGI server of others its end is seen by who receives or sends, as ASGI tells it to nobody else.

        ``await nursery.start(hub.join, ws)`` returns once he has joined: what is published from then on reaches him.

        Args:
            ws: Whom.
            policy: What becomes of him if he is too slow; None for the hub's own.
            task_status: Told at once; see above.

        Returns:
            How many messages he has missed.

        Cancellation:
            He has left the hub; a message that was being sent is treated as :meth:`WebSocket.send` says.
        """
        member = _Member(self._policy if policy is None else _checked(policy))
        self._members[member] = None
        at_end = ws._session.at_end
        at_end[member.wake] = None
        sending = trio.CancelScope()
        member.sending = sending
        task_status.started()
        try:
            with sending:
                while ws.is_open and not member.dropped:
                    if member.waiting:
                        await ws.send(member.waiting.popleft())
                    else:
                        await member.wait()
        except ConnectionClosed:
            pass
        finally:
            del at_end[member.wake]
            del self._members[member]
        if member.dropped:
            await ws.close(1008, f"too slow: {self._queue} messages were waiting")
        else:
            await trio.lowlevel.checkpoint()
        return member.missed


@final
class _Member:
    __slots__ = ("_task", "dropped", "missed", "policy", "sending", "waiting")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.waiting: deque[str | bytes] = deque()
        self.missed = 0
        self.dropped = False
        self.sending: trio.CancelScope | None = None
        self._task: trio.lowlevel.Task | None = None

    def wake(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)
        elif self.dropped and self.sending is not None:
            self.sending.cancel()  # it hangs in a send that the peer does not take

    async def wait(self) -> None:
        self._task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


def _checked(policy: Policy) -> Policy:
    if policy not in ("drop", "close"):
        raise ValueError(f"policy={policy!r}: give 'drop' or 'close'")
    return policy
