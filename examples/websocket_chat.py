"""A chat: everybody gets what anybody says, and who is too slow does not hold up the others.

Run it: ``python examples/websocket_chat.py``, then open http://127.0.0.1:8000/ in two windows.
"""

from __future__ import annotations

import os

import trio

import trio_http
from trio_http import Request, Response
from trio_http.websocket import Broadcast, WebSocket, WebSocketResponse

PAGE = """<!doctype html><title>chat</title><form><input autofocus></form><ul></ul><script>
const ws = new WebSocket(`ws://${location.host}/chat`), input = document.querySelector("input");
document.querySelector("form").onsubmit = (e) => { e.preventDefault(); ws.send(input.value); input.value = ""; };
ws.onmessage = (e) => {
  const line = document.createElement("li");
  line.textContent = e.data;
  document.querySelector("ul").prepend(line);
};
</script>"""

hub = Broadcast()


async def talk(ws: WebSocket) -> None:
    """Bring one member what the others say, and the others what he says."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.join, ws)
        async for message in ws:
            hub.publish(message)
        nursery.cancel_scope.cancel()


async def handler(request: Request) -> Response:
    """Give the page, or the chat."""
    if request.path == "/chat":
        return WebSocketResponse(talk)
    return Response(PAGE, headers={"Content-Type": "text/html; charset=utf-8"})


async def main() -> None:
    """Serve until interrupted."""
    port = int(os.environ.get("PORT", "8000"))
    await trio_http.serve(handler, port)


if __name__ == "__main__":
    trio.run(main)
