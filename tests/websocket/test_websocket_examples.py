"""The examples about WebSockets do what they say."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from tests.client.client_peers import run, serve_app
from tests.examples import example
from trio_http import Client, ConnectionClosed, Request, Response
from trio_http.testing import VirtualNetwork
from trio_http.websocket import Broadcast, WebSocket, WebSocketResponse
from trio_http.websocket._session import Session


class Member:
    """Somebody in the chat, who speaks JSON."""

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws

    async def send(self, **message: object) -> None:
        await self.ws.send_json(message)

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next message of a kind."""
        while True:
            message: dict[str, Any] = await self.ws.receive_json()
            if message["kind"] == kind:
                return message

    async def enter(self, name: str, **more: object) -> dict[str, Any]:
        await self.send(name=name, **more)
        return await self.receive("welcome")


def chatting(story: Callable[[Client, Any], Awaitable[None]]) -> None:
    chat = example("websocket_chat")

    async def main(net: VirtualNetwork) -> None:
        room = chat.Room(kept=3)
        await serve_app(net, chat.make_app(room))
        async with Client(base_url="http://api") as client:
            await story(client, room)
        await trio.sleep(60)
        assert not room.members
        assert not len(room.hub)

    run(main)


def test_the_chat_brings_everything_to_everybody() -> None:
    async def story(client: Client, room: Any) -> None:
        async with client.websocket("/chat") as first, client.websocket("/chat") as second:
            ann, bob = Member(first), Member(second)
            assert (await ann.enter(" Ann "))["members"] == ["Ann"]
            assert (await bob.enter("Bob"))["members"] == ["Ann", "Bob"]
            await ann.send(text=" hello ")
            for each in (ann, bob):
                line = await each.receive("line")
                assert (line["from"], line["text"], line["number"]) == ("Ann", "hello", 1)
            await second.close()
            while (await ann.receive("members"))["members"] != ["Ann"]:
                pass

    chatting(story)


def test_who_comes_back_gets_what_he_missed() -> None:
    async def story(client: Client, room: Any) -> None:
        async with client.websocket("/chat") as ws:
            welcome = await Member(ws).enter("Ann")
        for number in range(5):
            room.say("Bob", str(number))
        async with client.websocket("/chat") as ws:
            again = await Member(ws).enter("Ann", since=4, room=welcome["room"])
            assert [line["text"] for line in again["lines"]] == ["4"]
        async with client.websocket("/chat") as ws:
            elsewhere = await Member(ws).enter("Ann", since=4, room="another")
            assert [line["text"] for line in elsewhere["lines"]] == ["2", "3", "4"]

    chatting(story)


def test_the_chat_says_what_is_wrong() -> None:
    async def story(client: Client, room: Any) -> None:
        async with client.websocket("/chat") as first, client.websocket("/chat") as second:
            ann, other = Member(first), Member(second)
            await ann.enter("Ann")
            for name in ("Ann", "", "x" * 25, "a\nb\0", 7):
                await other.send(name=name)
                assert "name" in (await other.receive("error"))["text"]
            await second.send("[]")
            await other.receive("error")
            await second.send("{")
            await other.receive("error")
            await other.enter("Bob")
            await other.send(text="x" * 2001)
            assert "2000 characters" in (await other.receive("error"))["text"]
        async with client.websocket("/chat") as ws:
            began = trio.current_time()
            with pytest.raises(ConnectionClosed, match="1008: no name for 10 s"):
                await ws.receive()
            assert trio.current_time() - began < 11

    chatting(story)


def test_a_member_who_vanishes_leaves_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def story(client: Client, room: Any) -> None:
        async with client.websocket("/chat") as ws:
            ann = Member(ws)
            await ann.enter("Ann")
            await ann.send(text="")
            assert isinstance(ws._session, Session)
            await ws._session.aclose()  # as when the connection is lost, while the answer is on its way

    chatting(story)

    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_the_client_prints_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    follower = example("websocket_client")
    hub = Broadcast()

    async def handler(request: Request) -> Response:
        return WebSocketResponse(hub.join)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        with trio.move_on_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follower.follow, "ws://api/chat")
                await trio.sleep(1)
                hub.publish("news")
                await trio.sleep(1)
                nursery.cancel_scope.cancel()

    run(main)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("connected; ")
    assert lines[1:] == ["news"]
