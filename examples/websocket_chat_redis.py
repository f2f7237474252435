"""The chat on several processes or machines: Redis carries what is said from each to all others.

Run it twice, against one Redis: ``python examples/websocket_chat_redis.py``, with ``PORT=8000`` and ``PORT=8001`` or,
since the port is shared (SO_REUSEPORT), with the same one; then open http://127.0.0.1:8000/ in some windows.
While Redis is away each process goes on by itself, and says so in its log.
"""

from __future__ import annotations

import logging
import os

import trio

from trio_http import Request, Response, Server
from trio_http.redis import RedisBroadcast
from trio_http.web import Router
from trio_http.websocket import WebSocket

PAGE = """<!doctype html><title>chat</title><form><input autofocus></form><ul></ul><script>
const ws = new WebSocket(`ws://${location.host}/chat`), input = document.querySelector("input");
document.querySelector("form").onsubmit = (e) => { e.preventDefault(); ws.send(input.value); input.value = ""; };
ws.onmessage = (e) => {
  const line = document.createElement("li");
  line.textContent = e.data;
  document.querySelector("ul").prepend(line);
};
</script>"""

hub = RedisBroadcast(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), "chat")
router = Router()


@router.get("/")
async def page(request: Request) -> Response:
    """Give the page."""
    return Response(PAGE, headers={"Content-Type": "text/html; charset=utf-8"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Tell a load balancer whether everybody can be heard here."""
    return Response("ready" if hub.connected else "Redis is away", status=200 if hub.connected else 503)


@router.websocket("/chat")
async def talk(ws: WebSocket) -> None:
    """Bring one member what the others say, and the others what he says."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.join, ws)
        async for message in ws:
            hub.publish(message)
        nursery.cancel_scope.cancel()


async def main() -> None:
    """Serve until interrupted."""
    logging.basicConfig(level=logging.INFO)
    server = Server(router, int(os.environ.get("PORT", "8000")), reuse_port=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        await nursery.start(server.listen)
        print(f"serving on {server.url}", flush=True)


if __name__ == "__main__":
    trio.run(main)
