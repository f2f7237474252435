"""A service as it stands behind a load balancer: who is alive, who is ready, and who asks.

Run it: ``trio-http serve app:router --app-dir examples/deploy``, or this file itself. The files beside it are what
stands around it: nginx.conf, haproxy.cfg, notes.service and notes.socket for systemd, Dockerfile and kubernetes.yaml.
"""

from __future__ import annotations

import hashlib
import os

import trio

import trio_http
from trio_http import ProxyHeaders, Request, Response, Server
from trio_http.web import EventSender, EventStream, Router
from trio_http.websocket import WebSocket

router = Router()


@router.get("/live")
async def live(request: Request) -> Response:
    """Answer as long as the event loop turns: who cannot do that has to be restarted."""
    return Response("alive")


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Tell load balancers whether to send requests here: not any more, once the shutdown has begun."""
    draining = request.server is not None and request.server.draining
    return Response("draining" if draining else "ready", status=503 if draining else 200)


@router.get("/who")
async def who(request: Request) -> Response:
    """Tell what is known of the client, as far as the proxies are believed."""
    return Response(json={"ip": request.ip, "scheme": request.scheme, "host": request.host, "url": str(request.url)})


@router.post("/upload", max_content_length=1 << 30)
async def upload(request: Request) -> Response:
    """Take a body piece by piece, and tell what it was."""
    digest = hashlib.sha256()
    async for piece in request.body:
        digest.update(piece)
    return Response(digest.hexdigest())


@router.get("/events")
async def events(request: Request) -> Response:
    """Tell the time each second, until somebody has had enough."""

    async def tick(events: EventSender) -> None:
        count = 0
        while True:
            await events.send(str(count))
            count += 1
            await trio.sleep(1)

    return EventStream(request, tick)


@router.websocket("/ws")
async def echo(ws: WebSocket) -> None:
    """Send back what comes."""
    async for message in ws:
        await ws.send(message)


if __name__ == "__main__":
    # on a unix socket, for a proxy on this machine; `trio-http serve` has worker processes, too
    path = os.environ.get("SOCKET", "/run/notes/a.sock")
    trio_http.run(Server(router, path=path, proxy_headers=ProxyHeaders(["unix"])), grace=25, lame_duck=3)
