"""The examples about WebSockets do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import trio

from tests.client.client_peers import run, serve_app
from trio_http import Client
from trio_http.testing import VirtualNetwork


def example(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_chat_brings_everything_to_everybody() -> None:
    chat = example("websocket_chat")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, chat.handler)
        async with (
            Client(base_url="http://api") as client,
            client.websocket("/chat") as one,
            client.websocket("/chat") as two,
        ):
            await trio.sleep(1)
            await one.send("hello")
            assert [await ws.receive() for ws in (one, two)] == ["hello", "hello"]
            page = await client.get("/")
            assert "<title>chat</title>" in page.text()

    run(main)


def test_the_client_prints_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    chat, follower = example("websocket_chat"), example("websocket_client")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, chat.handler)
        with trio.move_on_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follower.follow, "ws://api/chat")
                await trio.sleep(1)
                chat.hub.publish("news")
                await trio.sleep(1)
                nursery.cancel_scope.cancel()

    run(main)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("connected; ")
    assert lines[1:] == ["news"]
