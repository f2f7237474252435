"""A broadcast whose members are spread over processes and machines, joined by a channel of Redis.

How it works
------------
* Members here get a message at once, whatever Redis does; it also goes into an outbox. One task sends what is in there
  to Redis, and what others have published comes back and goes to the members here.
* Redis' own echo of our messages is thrown away: each process has a name of its own, made when it begins to run, so
  that workers which were forked from one another differ.
* When the connection ends, another one is made, later and later. A message whose sending failed is sent again then,
  and numbered, so that whoever has got it does not get it twice. What was published elsewhere meanwhile is lost to us:
  Redis keeps nothing for those who are away.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from typing import final
from urllib.parse import urlsplit

import coredis
import trio
from coredis.exceptions import RedisError
from coredis.retry import NoRetryPolicy

from .._entropy import random_bytes, random_unit
from ..websocket import Broadcast, Policy, WebSocket
from ._envelope import NODE_SIZE, Seen, open_envelope, seal

__all__ = ["RedisBroadcast"]

log = logging.getLogger("trio_http.redis")

FIRST_PAUSE = 0.1  # seconds before connecting again; doubled with each failure
MAX_PAUSE = 10.0


@final
class RedisBroadcast:
    """A hub like :class:`~trio_http.websocket.Broadcast`, over all processes that share a channel of one Redis.

    It has to :meth:`run` in a nursery of yours; while Redis cannot be reached the members here go on hearing each
    other, which is logged, and so is the end of it.

    Args:
        url: ``redis://user:password@host:6379/0``, ``rediss://`` for TLS, or ``unix:///path``.
        channel: The name of the channel. Who may publish there speaks to all members: keep Redis to yourself.
        queue: Messages that may wait for one peer.
        policy: What becomes of a peer whose queue is full, unless said otherwise when he joins.
        outbox: Messages that may wait for Redis; beyond that the oldest are dropped, and counted.
        timeout: Seconds for connecting, and for each answer of Redis; after so long a silence it is asked whether it
            is there.

    Attributes:
        dropped: Messages that never reached Redis, because too many were waiting.

    Example:
        >>> hub = RedisBroadcast("redis://127.0.0.1:6379", "chat")
        >>> async def main():
        ...     async with trio.open_nursery() as nursery:
        ...         nursery.start_soon(hub.run)
        ...         await trio_http.serve(handler, 8000)
    """

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        queue: int = 16,
        policy: Policy = "close",
        outbox: int = 1024,
        timeout: float = 5.0,
    ) -> None:
        if outbox < 1:
            raise ValueError(f"RedisBroadcast(outbox={outbox!r}) makes no sense: give at least 1")
        if not 0 < timeout < math.inf:
            raise ValueError(f"RedisBroadcast(timeout={timeout!r}) makes no sense: give a positive number of seconds")
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError(
                f"RedisBroadcast: a URL with the scheme {parts.scheme!r} is none of Redis: expected "
                "redis://host:6379/0, rediss:// for TLS, or unix:///path"
            )
        self._url = url
        self._where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        self._channel = channel
        self._local = Broadcast(queue=queue, policy=policy)
        self._outbox: deque[tuple[int, str | bytes]] = deque()
        self._outbox_size = outbox
        self._timeout = timeout
        self._number = 0
        self._more = trio.Event()
        self._connected = trio.Event()
        self._running = False
        self.dropped: int = 0

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<RedisBroadcast {self._channel!r} through {self._where}: {state}, {len(self)} members here>"

    def __len__(self) -> int:
        """How many have joined here, in this process."""
        return len(self._local)

    @property
    def connected(self) -> bool:
        """True while messages of other processes can come; a readiness probe may want to know."""
        return self._connected.is_set()

    @property
    def waiting(self) -> int:
        """How many messages wait for Redis."""
        return len(self._outbox)

    async def wait_connected(self) -> None:
        """Wait until Redis is reached."""
        await self._connected.wait()

    def publish(self, message: str | bytes) -> int:
        """Give a message to everybody, here and elsewhere; never waits.

        Returns:
            How many peers in this process will get it.
        """
        self._number += 1
        if len(self._outbox) >= self._outbox_size:
            self._outbox.popleft()
            self.dropped += 1
        self._outbox.append((self._number, message))
        self._more.set()
        return self._local.publish(message)

    async def join(
        self,
        ws: WebSocket,
        *,
        policy: Policy | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> int:
        """Send a WebSocket what is published anywhere, until it is closed; see :meth:`Broadcast.join`.

        Args:
            ws: Whom.
            policy: What becomes of him if he is too slow; None for the hub's own.
            task_status: For ``nursery.start``: from then on he gets all that comes here.

        Returns:
            How many messages he has missed.

        Cancellation:
            He has left the hub; a message that was being sent is treated as :meth:`WebSocket.send` says.
        """
        return await self._local.join(ws, policy=policy, task_status=task_status)

    # ---------------------------------------------------------------- Redis

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry messages between this process and the others, until cancelled. Redis' absence never ends it.

        It counts as started at once, so that a service can start before its Redis: see :meth:`wait_connected`.

        Raises:
            RuntimeError: It runs already.
        """
        if self._running:
            raise RuntimeError(f"{self!r} runs already: a hub is run once")
        self._running = True
        node = random_bytes(NODE_SIZE)
        seen = Seen()
        failures = 0
        try:
            task_status.started()
            while True:
                errors = await self._connect_once(node, seen)
                was_connected = self.connected
                if was_connected:
                    self._connected = trio.Event()
                failures = 1 if was_connected else failures + 1
                # half of it by chance: after a restart not all workers come at the same moment
                pause = min(MAX_PAUSE, FIRST_PAUSE * math.ldexp(1, min(failures, 16) - 1)) * (0.5 + random_unit() / 2)
                if failures in (1, 2) or failures % 10 == 0:
                    what = "lost" if was_connected else "cannot be reached"
                    log.warning(
                        "Redis at %s %s (%s); members here go on, others are not heard; attempt %d in %.1f s",
                        self._where,
                        what,
                        _words(errors),
                        failures,
                        pause,
                    )
                await trio.sleep(pause)
        finally:
            self._running = False
            if self.connected:
                self._connected = trio.Event()

    async def _connect_once(self, node: bytes, seen: Seen) -> list[Exception]:
        """Carry messages as long as one connection lives; return what ended it."""
        errors: list[Exception] = []
        try:
            # coredis would connect again by itself, without a word: here nobody but run() does.
            redis = coredis.Redis.from_url(
                self._url, retry_policy=NoRetryPolicy(), connect_timeout=self._timeout, stream_timeout=self._timeout
            )
            async with (
                redis,
                redis.pubsub(
                    channels=[self._channel],
                    ignore_subscribe_messages=True,
                    retry_policy=NoRetryPolicy(),
                    subscription_timeout=self._timeout,
                    max_idle_seconds=self._timeout,
                ) as subscription,
                trio.open_nursery() as nursery,
            ):
                log.info("Redis at %s reached; %d messages waiting, %d dropped", *self._facts())
                self._connected.set()
                nursery.start_soon(self._send, redis, node)
                async for message in subscription:
                    data = message["data"]
                    if isinstance(data, bytes):
                        self._take(data, node, seen)
                nursery.cancel_scope.cancel()
        except* Exception as group:
            # whatever is wrong with Redis or the way there must not end the service; run() says it
            errors.extend(_leaves(group))
        return errors

    def _facts(self) -> tuple[str, int, int]:
        return self._where, len(self._outbox), self.dropped

    async def _send(self, redis: coredis.Redis[bytes], node: bytes) -> None:
        while True:
            while self._outbox:
                number, message = entry = self._outbox[0]
                await redis.publish(self._channel, seal(node, number, message))
                if self._outbox and self._outbox[0] is entry:  # it may have been dropped meanwhile
                    self._outbox.popleft()
            self._more = trio.Event()
            await self._more.wait()

    def _take(self, data: bytes, node: bytes, seen: Seen) -> None:
        envelope = open_envelope(data)
        if envelope is None:
            log.warning("something else than our messages was published on the channel %r; ignored", self._channel)
        elif envelope.node != node and seen.is_new(envelope):
            self._local.publish(envelope.message)


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _words(errors: list[Exception]) -> str:
    for error in errors:
        if not isinstance(error, RedisError | OSError):
            log.error("unexpected error of the connection with Redis", exc_info=error)
    texts = [f"{type(error).__name__}: {error}" if str(error) else type(error).__name__ for error in errors]
    return "; ".join(dict.fromkeys(texts)) or "the connection ended"
