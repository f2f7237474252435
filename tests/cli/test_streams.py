"""WebSockets and events on the command line."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from cli_kit import Screen, command

from tests.wires import serving
from trio_http import Request, Response
from trio_http.web import EventSender, EventStream, Router
from trio_http.websocket import WebSocket

pytestmark = pytest.mark.covers("B42")

router = Router()


@router.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await trio.sleep(0.5)
        await ws.send(message)


@router.websocket("/ends")
async def ends(ws: WebSocket) -> None:
    await ws.send('{"a":1}')
    await ws.send(b"\0\1")
    await ws.close(int(ws.request.query.get("code", "1000")), "enough")


@router.get("/events")
async def events(request: Request) -> Response:
    async def send(events: EventSender) -> None:
        await events.send("one\ntwo", event="tick", id="7")
        await trio.sleep(60)  # longer than any timeout of a read
        await events.send('{"a":1}')
        await trio.sleep_forever()

    if request.headers.get("last-event-id"):
        return Response(status=204)
    return EventStream(request, send)


@asynccontextmanager
async def base() -> AsyncIterator[str]:
    async with serving(router, "virtual") as wires:
        yield wires.server.url


async def test_lines_go_out_and_messages_come_in(virtual_network: Any, autojump_clock: Any) -> None:
    async with base() as url:
        code, screen = await command(
            "get", f"{url}/echo", "--websocket", screen=Screen("hi\ngrüß dich\r\nlast".encode())
        )

    assert (code, screen.text) == (0, "hi\ngrüß dich\nlast\n")


async def test_a_ws_url_is_enough(virtual_network: Any, autojump_clock: Any) -> None:
    async with base() as url:
        code, screen = await command("get", url.replace("http", "ws") + "/ends")

    assert (code, screen.out.getvalue(), screen.notes) == (0, b'{"a":1}\n\0\1', "")


async def test_a_bad_end_is_told(virtual_network: Any, autojump_clock: Any) -> None:
    async with base() as url:
        code, screen = await command("get", f"{url}/ends?code=4000", "--websocket")

    assert code == 9
    assert screen.notes == "trio-http: the WebSocket was closed with code 4000: enough\n"


async def test_no_websocket_there(virtual_network: Any, autojump_clock: Any) -> None:
    async with base() as url:
        code, screen = await command("get", f"{url}/nothing", "--websocket")

    assert (code, screen.notes.count("\n")) == (4, 1)


async def test_a_person_sees_binary_messages_in_words(virtual_network: Any, autojump_clock: Any) -> None:
    screen = Screen(is_terminal=True)
    async with base() as url:
        await command("get", f"{url}/ends", "--websocket", screen=screen)

    assert screen.text == '{\n  "a": 1\n}\n(binary, 2 B)\n'


async def test_events_come_as_they_come(virtual_network: Any, autojump_clock: Any) -> None:
    screen = Screen()
    async with base() as url:
        with trio.move_on_after(70):
            await command("get", f"{url}/events", "--sse", "--timeout", "5", screen=screen)

    assert screen.text == 'one\ntwo\n{"a":1}\n'


async def test_a_person_sees_type_and_id(virtual_network: Any, autojump_clock: Any) -> None:
    screen = Screen(is_terminal=True)
    async with base() as url:
        with trio.move_on_after(70):
            await command("get", f"{url}/events", "--sse", screen=screen)

    assert screen.text.partition("\n\n")[2] == 'tick 7\none\ntwo\nmessage 7\n{\n  "a": 1\n}\n'


async def test_no_events_there(virtual_network: Any, autojump_clock: Any) -> None:
    async with base() as url:
        code, screen = await command("get", f"{url}/nothing", "--sse")

    assert (code, screen.notes.count("\n")) == (4, 1)


async def test_a_pipe_that_breaks_is_no_error_of_ours(virtual_network: Any, autojump_clock: Any) -> None:
    class Broken(io.BytesIO):
        def write(self, data: Any) -> int:
            raise BrokenPipeError

    for path in ("/events", "/ends"):
        screen = Screen()
        screen.terminal.stdout = Broken()
        async with base() as url:
            with pytest.raises(BrokenPipeError):
                await command("get", f"{url}{path}", "--sse" if path == "/events" else "--websocket", screen=screen)
        assert screen.notes == ""
