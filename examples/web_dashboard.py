"""A dashboard that is always up to date, by server-sent events: one task measures, every open page gets it.

Run it: ``python examples/web_dashboard.py``, then open http://127.0.0.1:8000/ in as many windows as you like.
``PORT=8080`` in the environment takes another port.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import trio

import trio_http
from trio_http import Handler, Request, Response
from trio_http.web import EventSender, EventStream, Router


class Board:
    """The latest values, for all who watch: slow watchers miss some, they hold up nobody."""

    def __init__(self) -> None:
        self._number = 0
        self._values: dict[str, float] = {}
        self._watchers: set[trio.MemorySendChannel[tuple[int, dict[str, float]]]] = set()

    def show(self, values: dict[str, float]) -> None:
        """Replace the values."""
        self._number += 1
        self._values = values
        for watcher in self._watchers:
            try:
                watcher.send_nowait((self._number, values))
            except trio.WouldBlock:
                continue

    @contextmanager
    def watch(self) -> Iterator[trio.MemoryReceiveChannel[tuple[int, dict[str, float]]]]:
        """Give the values of now and all that come, for the length of the block."""
        send, receive = trio.open_memory_channel[tuple[int, dict[str, float]]](1)
        send.send_nowait((self._number, self._values))
        self._watchers.add(send)
        try:
            yield receive
        finally:
            self._watchers.discard(send)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)


def make_app(board: Board) -> Handler:
    """Return the dashboard as a handler."""
    router = Router()

    @router.get("/")
    async def page(request: Request) -> Response:
        return Response(PAGE, headers={"content-type": "text/html; charset=utf-8"})

    @router.get("/events")
    async def events(request: Request) -> Response:
        async def source(events: EventSender) -> None:
            with board.watch() as values:
                async for number, latest in values:
                    await events.send(json=latest, event="values", id=str(number))

        return EventStream(request, source)

    return router


async def measure(board: Board, seconds: float = 1.0) -> None:
    """Show the load of this machine, again and again."""
    while True:
        one, five, fifteen = os.getloadavg()
        board.show({"1 minute": one, "5 minutes": five, "15 minutes": fifteen, "watchers": board.watchers})
        await trio.sleep(seconds)


async def main(port: int = 8000) -> None:
    board = Board()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, make_app(board), port)
        nursery.start_soon(measure, board)
        print(f"open {server.url}; Ctrl-C ends it")


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1rem }
#values { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1rem }
#values div { border: 1px solid #8884; border-radius: .6rem; padding: 1rem }
#values b { display: block; font-size: 2.2rem; font-variant-numeric: tabular-nums }
</style>
<h1>Load of this machine</h1>
<p id="state">connecting</p>
<div id="values"></div>
<script>
const state = document.getElementById("state"), values = document.getElementById("values");
const source = new EventSource("/events");
source.onopen = () => { state.textContent = "live" };
source.onerror = () => { state.textContent = "connecting again" };
source.addEventListener("values", event => {
  values.replaceChildren(...Object.entries(JSON.parse(event.data)).map(([name, value]) => {
    const box = document.createElement("div"), number = document.createElement("b");
    number.textContent = Number.isInteger(value) ? value : value.toFixed(2);
    box.append(number, name);
    return box;
  }));
});
</script>
</html>
"""

if __name__ == "__main__":
    try:
        trio.run(main, int(os.environ.get("PORT", "8000")))
    except* KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
