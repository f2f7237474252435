"""The chat's page in a real browser: two pages in Chromium and a client of ours, who talk with one another.

A page of the test drives the chat's own pages in frames, as people do: it types, sends and reads.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.examples import example
from tests.interop.real_programs import require
from trio_http import Client, Request, Response, Server
from trio_http.web import Router
from trio_http.websocket import WebSocket

DRIVER = """<!doctype html><title>driver</title>
<iframe id="ann" src="/" width=600 height=500></iframe><iframe id="bob" src="/" width=600 height=500></iframe>
<script>
const page = who => document.getElementById(who).contentDocument;
const text = (who, id) => page(who)?.getElementById(id)?.innerText ?? "";
const until = async condition => { while (!condition()) await new Promise(done => setTimeout(done, 20)); };
const submit = (who, form, input, value) => {
  page(who).getElementById(input).value = value;
  page(who).getElementById(form).requestSubmit();
};
const tell = what => fetch("/told", { method: "POST", body: JSON.stringify(what) });
const seen = who => ({
  state: text(who, "state"),
  live: page(who).getElementById("state").classList.contains("live"),
  members: [...page(who).querySelectorAll("#members li")].map(each => each.textContent),
  lines: [...page(who).querySelectorAll("#lines li")].map(each => each.lastChild.textContent),
  mine: [...page(who).querySelectorAll("#lines li.mine")].map(each => each.lastChild.textContent),
  fits: page(who).documentElement.scrollWidth <= 600,
});
const steps = {
  async enter() {
    await until(() => page("ann")?.getElementById("who")?.open && page("bob")?.getElementById("who")?.open);
    submit("ann", "enter", "name", "Ann");
    await until(() => text("ann", "state") === "connected as Ann");
    submit("bob", "enter", "name", "Ann");
    await until(() => text("bob", "complaint") !== "");
    const complaint = text("bob", "complaint");
    submit("bob", "enter", "name", "Bob <i>");
    await until(() => text("bob", "state") === "connected as Bob <i>");
    return { complaint };
  },
  async talk() {
    submit("ann", "talk", "text", "hello <b>there</b>");
    await until(() => seen("bob").lines.length === 1);
    submit("bob", "talk", "text", "hi");
    await until(() => seen("ann").lines.length === 3);
    return { ann: seen("ann"), bob: seen("bob"), bold: page("bob").querySelectorAll("#lines li b b").length };
  },
  async back() {
    await until(() => seen("ann").live && seen("bob").live && seen("ann").lines.length === 4);
    return { ann: seen("ann") };
  },
};
(async () => {
  while (true) {
    const step = await (await fetch("/next")).text();
    try { await tell({ step, ...await steps[step]() }); } catch (error) { await tell({ step, error: String(error) }); }
  }
})();
</script>"""


class Driver:
    """The page that does as it is told."""

    def __init__(self) -> None:
        self._steps, self._next = trio.open_memory_channel[str](0)
        self._told, self._results = trio.open_memory_channel[dict[str, Any]](1)

    def routes(self, router: Router) -> None:
        @router.get("/driver")
        async def page(request: Request) -> Response:
            return Response(DRIVER, headers={"content-type": "text/html; charset=utf-8"})

        @router.get("/next")
        async def step(request: Request) -> Response:
            return Response(await self._next.receive())

        @router.post("/told")
        async def told(request: Request) -> Response:
            await self._told.send(json.loads(await request.text()))
            return Response(status=204)

    async def do(self, step: str) -> dict[str, Any]:
        """Let the page take a step; return what it saw."""
        await self._steps.send(step)
        result = await self._results.receive()
        assert result.pop("step") == step
        assert "error" not in result, result
        return result


@asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[None]:
    """Chromium without a screen, on a page for the length of the block."""
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
        "--disable-component-update", "--no-first-run", f"--user-data-dir={profile}",
        "--remote-debugging-port=0",  # otherwise it leaves as soon as the page is loaded
    ]  # fmt: skip
    async with trio.open_nursery() as nursery:
        run = functools.partial(trio.run_process, capture_stdout=True, capture_stderr=True)
        nursery.start_soon(run, [require("chromium"), *options, url])
        yield
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A64")
async def test_two_pages_and_a_client_talk(tmp_path: Path) -> None:
    require("chromium")
    chat = example("websocket_chat")
    room = chat.Room()
    driver = Driver()
    router = Router()
    driver.routes(router)
    sockets: list[WebSocket] = []

    @router.websocket("/chat")
    async def talk(ws: WebSocket) -> None:
        sockets.append(ws)
        await room.talk(ws)

    router.mount("/", chat.make_app(room))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            server = Server(router)
            await nursery.start(server.listen)
            async with browsing(f"{server.url}/driver", tmp_path), Client(base_url=server.url) as client:
                entered = await driver.do("enter")
                assert entered == {"complaint": "Ann is there already: take another name"}

                async with client.websocket("/chat") as ws:
                    await ws.send_json({"name": "Client"})
                    while (await ws.receive_json())["kind"] != "welcome":
                        pass
                    talked = trio.Event()

                    async def answer() -> None:
                        while (message := await ws.receive_json()).get("text") != "hi":
                            pass
                        assert message["from"] == "Bob <i>"
                        await ws.send_json({"text": "so am I"})
                        await talked.wait()

                    nursery.start_soon(answer)
                    seen = await driver.do("talk")
                    talked.set()
                lines = ["hello <b>there</b>", "hi", "so am I"]
                assert seen["ann"]["lines"] == lines
                assert seen["ann"]["mine"] == lines[:1]
                assert seen["ann"]["members"] == ["Ann", "Bob <i>", "Client"]
                assert seen["bob"]["mine"] == ["hi"]
                assert seen["bold"] == 0  # what people say is text, not part of the page
                assert seen["ann"]["fits"]

                for ws in sockets:
                    await ws.close(1012, "back in a moment")
                room.say("Cy", "while you were away")
                seen = await driver.do("back")
                assert seen["ann"]["lines"] == [*lines, "while you were away"]
                assert seen["ann"]["state"] == "connected as Ann"
                assert sorted(room.members) == ["Ann", "Bob <i>"]
            await server.shutdown(2)
            nursery.cancel_scope.cancel()
