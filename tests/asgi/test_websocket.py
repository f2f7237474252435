"""WebSockets of an application: the handshake as its decision, messages both ways, every way to end."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from asgiref.typing import WebSocketScope

from tests.asgi.apps import WEBSOCKET, body, start
from tests.websocket.ws_kit import binary, close, text
from tests.wires import KINDS, serving
from trio_http.asgi import ASGIHandler, ClientDisconnected, Message, Receive, Scope, Send

ACCEPT: Message = {"type": "websocket.accept"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.covers("A72")
async def test_messages_go_both_ways(kind: str) -> None:
    with trio.fail_after(5):
        async with serving(ASGIHandler(echo), kind) as wires, wires.connect() as peer:
            await peer.send(WEBSOCKET + b"\r\n" + text("early"))
            assert (await peer.receive_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await peer.receive_exactly(7) == text("early", masked=False)
            await peer.send(binary(b"\0\1") + text("é"))
            assert await peer.receive_exactly(4) == binary(b"\0\1", masked=False)
            assert await peer.receive_exactly(4) == text("é", masked=False)
            await peer.send(close(1000, b"bye"))
            assert (await peer.receive_all())[:4] == close(1000, masked=False)[:1] + b"\x05\x03\xe8"


async def test_the_scope_of_a_websocket(autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x-mine", b"1")]})

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n\r\n")
        head = (await peer.receive_until(b"\r\n\r\n")).lower()
        assert b"sec-websocket-protocol: b\r\n" in head
        assert b"x-mine: 1\r\n" in head
        assert await peer.receive_exactly(4) == b"\x88\x02\x03\xe8", "returning closes it with 1000"

    (scope,) = seen
    assert set(scope) == set(WebSocketScope.__annotations__), "what the specification names, and nothing else"
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/ws")
    assert scope["subprotocols"] == ["a", "b", "c"]
    assert "method" not in scope
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert scope["http_version"] == "1.1"


async def test_closing_before_accepting_refuses_with_403(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})
        assert (await receive())["type"] == "websocket.disconnect"

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        assert (await peer.ask(WEBSOCKET + b"\r\n"))[0] == 403
        assert (await peer.ask(WEBSOCKET + b"\r\n"))[0] == 403, "the connection goes on"


async def test_a_denial_may_be_any_response(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        first = start(401, [(b"www-authenticate", b"Basic")])
        await send({**first, "type": "websocket.http.response.start"})
        await send({**body(b"who ", more=True), "type": "websocket.http.response.body"})
        await send({**body(b"are you?"), "type": "websocket.http.response.body"})

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        status, fields, data = await peer.ask(WEBSOCKET + b"\r\n")

    assert (status, fields[b"www-authenticate"], data) == (401, b"Basic", b"who are you?")


async def test_a_bad_handshake_never_reaches_the_application(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("not asked")

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(WEBSOCKET.replace(b"13", b"12") + b"\r\n")
        assert (status, fields[b"sec-websocket-version"]) == (426, b"13")
        assert (await peer.ask(WEBSOCKET.replace(b"Key: AAAA", b"Key: ") + b"\r\n"))[0] == 400


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (close(4001, b"tired"), (4001, "tired")),
        (close(), (1005, "")),
        (None, (1006, None)),
    ],
)
async def test_how_the_peer_ends_it_is_told(ends: bytes | None, told: tuple[int, str], autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        seen.append(await receive())
        seen.append(await receive())
        with pytest.raises(ClientDisconnected):
            await send({"type": "websocket.send", "text": "x"})

    async with serving(ASGIHandler(app), "memory") as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        if ends is None:
            await peer.aclose()
        else:
            await peer.send(ends)
        await trio.sleep(1)

    assert [each["type"] for each in seen] == ["websocket.disconnect"] * 2
    code, reason = told
    assert seen[0]["code"] == code
    assert reason is None or seen[0]["reason"] == reason


async def test_the_application_closes_with_its_own_code(autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        seen.append(await receive())

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        assert await peer.receive_exactly(10) == close(4000, b"enough", masked=False)
        await peer.send(close(4000))
        await peer.receive_all()
        await trio.sleep(1)

    assert (seen[0]["type"], seen[0]["code"]) == ("websocket.disconnect", 4000)


async def test_a_shutdown_closes_with_1001(autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        seen.append(await receive())

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wires.server.shutdown, 5)
            assert (await peer.receive_exactly(4))[2:] == b"\x03\xe9"
            await peer.send(close(1001))
        await trio.sleep(1)

    assert (seen[0]["type"], seen[0]["code"]) == ("websocket.disconnect", 1001)


@pytest.mark.parametrize("accepted", [False, True])
async def test_an_application_that_fails(accepted: bool, autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if accepted:
            await send(ACCEPT)
        raise ValueError("it broke")

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        head = await peer.receive_until(b"\r\n\r\n")
        if accepted:
            assert (await peer.receive_exactly(4))[2:] == b"\x03\xf3"
        else:
            assert head.startswith(b"HTTP/1.1 500 ")

    assert "it broke" in caplog.text


async def test_one_that_lets_the_disconnect_out_is_no_error(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        if (await receive())["type"] == "websocket.disconnect":
            raise ValueError("WebSocketDisconnect, as frameworks do")

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        await peer.send(close(1001))
        await peer.receive_all()
        await trio.sleep(1)

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], "returned before the handshake was answered; expected 'websocket.accept', 'websocket.close' or"),
        ([{"type": "websocket.send", "text": "x"}], "'websocket.send' before the handshake was answered; expected"),
        ([start()], "'http.response.start' before the handshake was answered"),
        ([{"type": "websocket.accept", "subprotocol": "zzz"}], "subprotocol='zzz'; the client offers: none"),
        ([ACCEPT, ACCEPT], "'websocket.accept' on an open WebSocket; expected 'websocket.send' or"),
        ([ACCEPT, {"type": "websocket.send"}], "both of bytes and text, or none"),
        ([ACCEPT, {"type": "websocket.send", "text": b"x"}], "of type bytes; expected str"),
        ([ACCEPT, {"type": "websocket.close", "code": "x"}], "code='x'; expected an int"),
        ([ACCEPT, {"type": "websocket.close", "code": 17}], "17"),
    ],
)
async def test_messages_out_of_order_are_refused(
    messages: list[Message], expected: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await peer.receive_until(b"\r\n\r\n")
        await peer.send(close(1000))
        await trio.sleep(1)

    assert expected in caplog.text


async def test_a_client_that_leaves_before_the_answer_cancels_the_application(autojump_clock: Any) -> None:
    ended: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with serving(ASGIHandler(app), "memory") as wires, wires.connect() as peer:
        await peer.send(WEBSOCKET + b"\r\n")
        await trio.sleep(1)
        left = trio.current_time()
        await peer.aclose()
        await trio.sleep(1)

    assert ended[0] - left <= 0.1
