"""The chat of ``websocket_chat.py`` on several processes or machines: Redis carries what is said to all of them.

Run it: ``python examples/websocket_chat_redis.py``, as often as you like, against one Redis; then open
http://127.0.0.1:8000/ in some windows. The port is shared (SO_REUSEPORT), or say another one in ``PORT``.
The same from the command line, in ``examples``: ``trio-http serve websocket_chat_redis:app --workers 4 --lifespan
websocket_chat_redis:lifespan``.

What is said goes to everybody at once, through the hub. The last lines, and who is there, are kept in Redis, and each
process looks there once a second: so all show the same, and what was lost on the way comes after all. While Redis is
away each process goes on by itself, and says so in its log.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import coredis
import trio
from websocket_chat import Room, make_app

from trio_http import Request, Response, Server
from trio_http.redis import RedisBroadcast
from trio_http.web import Router
from trio_http.websocket import WebSocket

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
LINES, MEMBERS = "chat:lines", "chat:members"
KEPT = 100  # lines for those who come later
LOOK = 1.0  # seconds between two looks at what others have kept
BELIEVED = 10.0  # seconds for which a member counts as there; his process says it again at each look

log = logging.getLogger("chat")


class SharedRoom(Room):
    """A room that several processes have in common; ``hub`` reaches those who came to this one."""

    def __init__(self) -> None:
        super().__init__(kept=KEPT)
        self.everybody = RedisBroadcast(URL, "chat", queue=64)
        self._id = "shared"  # the numbers of lines mean the same in all processes, and after a restart
        self._elsewhere: set[str] = set()
        self._announced: set[str] = set()
        self._unsaved: list[dict[str, Any]] = []

    def say(self, name: str, text: str) -> None:
        """Bring a line to everybody; never waits."""
        # milliseconds and some chance: no two alike, and within the 53 bits of a browser's numbers
        number = time.time_ns() // 1_000_000 << 11 | secrets.randbits(11)
        line = {"kind": "line", "number": number, "from": name, "text": text, "at": time.time()}
        self._lines.append(line)
        self._unsaved.append(line)
        self.everybody.publish(json.dumps(line))

    async def _join(self, nursery: trio.Nursery, ws: WebSocket) -> None:
        await super()._join(nursery, ws)
        await nursery.start(self.everybody.join, ws)

    def _who_is_there(self) -> list[str]:
        return sorted(self._elsewhere.union(self.members))

    def _state(self, name: str, since: int) -> dict[str, Any]:
        return super()._state(name, 0)  # clocks differ, so all lines: the page knows which of them it has

    async def keep(self) -> None:
        """Keep lines and members in Redis, and see what others have kept there, until cancelled."""
        while True:
            try:
                async with coredis.Redis.from_url(URL, decode_responses=True, connect_timeout=5) as redis:
                    while True:
                        await self._save(redis)
                        await self._look(redis)
                        await trio.sleep(LOOK)
            except* Exception as group:  # whatever is wrong with Redis must not end the chat
                log.debug("lines and members cannot be kept", exc_info=group)
            await trio.sleep(LOOK)

    async def _save(self, redis: coredis.Redis[str]) -> None:
        while self._unsaved:
            await redis.rpush(LINES, [json.dumps(self._unsaved[0])])
            del self._unsaved[0]
        await redis.ltrim(LINES, -KEPT, -1)
        here = set(self.members)
        if gone := self._announced - here:
            await redis.zrem(MEMBERS, gone)
        if here:
            await redis.zadd(MEMBERS, dict.fromkeys(here, time.time()))
        self._announced = here

    async def _look(self, redis: coredis.Redis[str]) -> None:
        now = time.time()
        await redis.zremrangebyscore(MEMBERS, 0, now - BELIEVED)
        members = set(map(str, await redis.zrange(MEMBERS, 0, -1)))
        lines = [json.loads(str(text)) for text in await redis.lrange(LINES, 0, -1)]
        known = {line["number"] for line in self._lines}
        self._lines = deque([*lines, *self._unsaved], maxlen=KEPT)
        for line in lines:
            if line["number"] not in known:
                self.hub.publish(json.dumps(line))  # a page that has heard it drops it
        elsewhere = members.difference(self._announced, self.members)
        if elsewhere != self._elsewhere:
            self._elsewhere = elsewhere
            self._tell_who_is_there()


room = SharedRoom()
app = Router()


@app.get("/ready")
async def ready(request: Request) -> Response:
    """Tell a load balancer whether everybody can be heard here."""
    connected = room.everybody.connected
    return Response("ready" if connected else "Redis is away", status=200 if connected else 503)


app.mount("/", make_app(room))


@asynccontextmanager
async def lifespan(server: Server) -> AsyncIterator[None]:
    """Stay in touch with Redis for as long as the server runs."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(room.everybody.run)
        nursery.start_soon(room.keep)
        yield
        nursery.cancel_scope.cancel()


async def main() -> None:
    """Serve until interrupted."""
    logging.basicConfig(level=logging.INFO)
    server = Server(app, int(os.environ.get("PORT", "8000")), reuse_port=True, lifespan=lifespan)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        print(f"serving on {server.url}", flush=True)


if __name__ == "__main__":
    trio.run(main)
