"""A chat with a page: names, who is there, what was said before; and who is too slow does not hold up the others.

Run it: ``python examples/websocket_chat.py``, then open http://127.0.0.1:8000/ in two windows;
``PORT=8080`` in the environment takes another port.

All that travels on the WebSocket is JSON. A member begins with ``{"name": "Ann"}``, and one who comes back adds the
``room`` he was in and ``since``, the number of the last line he has seen; then he sends ``{"text": "hello"}``. He gets
``{"kind": "welcome"}`` with his name, the room, the members and the lines he has missed, then ``"line"``, ``"members"``
and, if he did something wrong, ``"error"``.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections import deque
from pathlib import Path
from typing import Any

import trio

import trio_http
from trio_http import DecodingError, Handler, Request, Response
from trio_http.web import Router
from trio_http.websocket import Broadcast, WebSocket, WebSocketLimits

PAGE = Path(__file__).with_suffix(".html").read_text()
NAME_LENGTH = 24
TEXT_LENGTH = 2000
PATIENCE = 10  # seconds to say who you are


class Room:
    """Who is there, what was said, and the hub that brings it to everybody.

    Args:
        kept: How many lines those see who come later.
    """

    def __init__(self, *, kept: int = 100) -> None:
        self.hub = Broadcast(queue=64, policy="close")  # a page that was too slow comes back, and gets what it missed
        self.members: dict[str, None] = {}
        self._id = secrets.token_hex(8)  # numbers of lines mean nothing in another room, such as after a restart
        self._lines: deque[dict[str, Any]] = deque(maxlen=kept)
        self._number = 0

    def say(self, name: str, text: str) -> None:
        """Bring a line to everybody; never waits."""
        self._number += 1
        line = {"kind": "line", "number": self._number, "from": name, "text": text, "at": time.time()}
        self._lines.append(line)
        self.hub.publish(json.dumps(line))

    async def talk(self, ws: WebSocket) -> None:
        """Let somebody take part until he leaves."""
        entered = await self._enter(ws)
        if entered is None:
            return
        name, since = entered
        try:
            async with trio.open_nursery() as nursery:
                # from here on nothing that is said is lost; what comes twice the page knows by its number
                await self._join(nursery, ws)
                self._tell_who_is_there()
                with contextlib.suppress(trio_http.ConnectionClosed):
                    await ws.send_json({"kind": "welcome", **self._state(name, since)})
                    await self._listen(ws, name)
                nursery.cancel_scope.cancel()
        finally:
            del self.members[name]
            self._tell_who_is_there()

    async def _join(self, nursery: trio.Nursery, ws: WebSocket) -> None:
        await nursery.start(self.hub.join, ws)

    def _who_is_there(self) -> list[str]:
        return list(self.members)

    def _state(self, name: str, since: int) -> dict[str, Any]:
        missed = [line for line in self._lines if line["number"] > since]
        return {"name": name, "room": self._id, "members": self._who_is_there(), "lines": missed}

    async def _enter(self, ws: WebSocket) -> tuple[str, int] | None:
        """Ask for a name until it is a good one; None for somebody who gives none in time."""
        with trio.move_on_after(PATIENCE):
            while True:
                asked = await receive(ws)
                name, since = asked.get("name"), asked.get("since")
                name = " ".join(name.split()) if isinstance(name, str) else ""
                if not name or len(name) > NAME_LENGTH or not name.isprintable():
                    await ws.send_json({"kind": "error", "text": f"a name has 1 to {NAME_LENGTH} characters"})
                elif name in self._who_is_there():
                    await ws.send_json({"kind": "error", "text": f"{name} is there already: take another name"})
                else:
                    self.members[name] = None
                    return name, since if isinstance(since, int) and asked.get("room") == self._id else 0
        await ws.close(1008, f"no name for {PATIENCE} s")
        return None

    async def _listen(self, ws: WebSocket, name: str) -> None:
        while True:
            text = (await receive(ws)).get("text")
            if isinstance(text, str) and 0 < len(text := text.strip()) <= TEXT_LENGTH:
                self.say(name, text)
            else:
                await ws.send_json({"kind": "error", "text": f"a line has 1 to {TEXT_LENGTH} characters"})

    def _tell_who_is_there(self) -> None:
        self.hub.publish(json.dumps({"kind": "members", "members": self._who_is_there()}))


async def receive(ws: WebSocket) -> dict[str, Any]:
    """The next message, which should be an object; an empty one if it is not."""
    try:
        value = await ws.receive_json()
    except DecodingError:
        value = None
    return value if isinstance(value, dict) else {}


def make_app(room: Room) -> Handler:
    """Return the page and the chat as a handler."""
    router = Router()

    @router.get("/")
    async def page(request: Request) -> Response:
        policy = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        fields = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
        return Response(PAGE, headers=fields)

    router.websocket("/chat", limits=WebSocketLimits(message=16 * 1024))(room.talk)
    return router


async def main() -> None:
    """Serve until interrupted."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, make_app(Room()), int(os.environ.get("PORT", "8000")))
        print(f"open {server.url} in two windows; Ctrl-C ends it")


if __name__ == "__main__":
    try:
        trio.run(main)
    except* KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
