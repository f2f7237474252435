"""WebSockets as answers of handlers: the handshake, rejection, shutdown, and what becomes of errors."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing
from ws_kit import KEY
from ws_opening import hand, opening, shake

from tests.wires import ALL_KINDS, serving
from trio_http import Request, Response
from trio_http._errors import ConnectionClosed, LocalProtocolError
from trio_http.websocket import Deflate, WebSocket, WebSocketResponse


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def echoing(request: Request) -> Response:
    return WebSocketResponse(echo)


@pytest.mark.covers("A54", "A55")
@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_websocket_is_served(kind: str) -> None:
    with trio.fail_after(5):
        async with serving(echoing, kind) as wires, wires.connect() as peer:
            fields = await shake(peer)
            assert fields[b"sec-websocket-accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            assert fields[b"upgrade"] == b"websocket"
            assert fields[b"connection"].lower() == b"upgrade"
            assert b"sec-websocket-extensions" not in fields
            assert b"sec-websocket-protocol" not in fields
            them = hand(peer)
            await them.send(1, "ä".encode())
            assert await them.receive() == (0x81, "ä".encode())
            await them.send(2, bytes(70000))
            assert await them.receive() == (0x82, bytes(70000))
            await them.send(8, b"\x03\xe8")
            assert await them.close_frame() == (1000, "")
            assert await them.receive() is None


async def test_frames_right_behind_the_handshake_are_not_lost(autojump_clock: trio.testing.MockClock) -> None:
    async with serving(echoing) as wires, wires.connect() as peer:
        await shake(peer, trailing=b"\x81\x82" + KEY + bytes(a ^ b for a, b in zip(b"hi", KEY, strict=False)))
        assert await hand(peer).receive() == (0x81, b"hi")


@pytest.mark.covers("A54")
@pytest.mark.parametrize(
    ("fields", "line", "status"),
    [
        ({}, "POST /ws HTTP/1.1", 405),
        ({"Upgrade": None}, "GET /ws HTTP/1.1", 426),
        ({"Upgrade": "h2c"}, "GET /ws HTTP/1.1", 426),
        ({"Connection": "close"}, "GET /ws HTTP/1.1", 426),
        ({"Sec-WebSocket-Version": None}, "GET /ws HTTP/1.1", 426),
        ({"Sec-WebSocket-Version": "8"}, "GET /ws HTTP/1.1", 426),
        ({"Sec-WebSocket-Key": None}, "GET /ws HTTP/1.1", 400),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, "GET /ws HTTP/1.1", 400),
        ({"Sec-WebSocket-Key": "not base64 at all!!!!!!="}, "GET /ws HTTP/1.1", 400),
        ({"Sec-WebSocket-Key": ""}, "GET /ws HTTP/1.1", 400),
    ],
)
async def test_what_is_no_handshake_is_refused(
    fields: dict[str, str | None], line: str, status: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving(echoing) as wires, wires.connect() as peer:
        found, answer, body = await peer.ask(opening(fields, line=line))

    assert found == status
    assert body.endswith(b"\n")
    if "Sec-WebSocket-Version" in fields:
        assert answer[b"sec-websocket-version"] == b"13"
    if status == 426:
        assert answer[b"upgrade"] == b"websocket"


@pytest.mark.parametrize("connection", ["keep-alive, Upgrade", "upgrade", "foo,UPGRADE"])
async def test_connection_is_a_list_without_case(connection: str, autojump_clock: trio.testing.MockClock) -> None:
    async with serving(echoing) as wires, wires.connect() as peer:
        await shake(peer, {"Connection": connection, "Upgrade": "WebSocket"})


@pytest.mark.covers("A54")
async def test_a_handler_rejects_with_any_response_and_the_connection_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def handler(request: Request) -> Response:
        if "authorization" not in request.headers:
            return Response("who are you?", status=401, headers={"WWW-Authenticate": "Basic"})
        return WebSocketResponse(echo, headers={"X-Mine": "1"})

    async with serving(handler) as wires, wires.connect() as peer:
        status, fields, body = await peer.ask(opening())
        assert (status, body) == (401, b"who are you?")
        assert fields[b"www-authenticate"] == b"Basic"
        accepted = await shake(peer, {"Authorization": "Basic x"})
        assert accepted[b"x-mine"] == b"1"


@pytest.mark.covers("A62")
@pytest.mark.parametrize(
    ("origin", "passes"),
    [("https://example.com", True), ("HTTPS://EXAMPLE.COM", True), (None, True), ("https://evil.example", False),
     ("null", False), ("https://example.com.evil.example", False)],
)  # fmt: skip
async def test_origins_are_checked(origin: str | None, passes: bool, autojump_clock: trio.testing.MockClock) -> None:
    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo, origins=["https://example.com"])

    async with serving(handler) as wires, wires.connect() as peer:
        if passes:
            await shake(peer, {"Origin": origin})
        else:
            status, _, _ = await peer.ask(opening({"Origin": origin}))
            assert status == 403


@pytest.mark.covers("A54")
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("chat", b"chat"),
        ("superchat, chat", b"superchat"),
        ("other", None),
        (None, None),
        ("chat,superchat", b"superchat"),
    ],
)
async def test_subprotocols(offered: str | None, chosen: bytes | None, autojump_clock: trio.testing.MockClock) -> None:
    async def tell(ws: WebSocket) -> None:
        await ws.send(str(ws.subprotocol))

    async def handler(request: Request) -> Response:
        return WebSocketResponse(tell, subprotocols=["superchat", "chat"])

    async with serving(handler) as wires, wires.connect() as peer:
        fields = await shake(peer, {"Sec-WebSocket-Protocol": offered})
        assert fields.get(b"sec-websocket-protocol") == chosen
        assert await hand(peer).receive() == (0x81, b"None" if chosen is None else chosen)


@pytest.mark.parametrize("names", ["chat", ["a b"], ["chat", "chat"], [""]])
def test_subprotocols_are_names(names: Any) -> None:
    with pytest.raises((LocalProtocolError, TypeError)):
        WebSocketResponse(echo, subprotocols=names)


def test_origins_are_a_collection() -> None:
    with pytest.raises(TypeError, match="collection"):
        WebSocketResponse(echo, origins="https://example.com")


@pytest.mark.covers("A59")
@pytest.mark.parametrize(
    ("offer", "ours", "answer"),
    [
        ("", Deflate(), "; server_max_window_bits=12"),
        ("", Deflate(window_bits=15), ""),
        ("; client_max_window_bits", Deflate(window_bits=15, peer_window_bits=15), ""),
        ("; client_max_window_bits", Deflate(), "; server_max_window_bits=12; client_max_window_bits=12"),
        (
            "; client_max_window_bits=10; server_max_window_bits=10",
            Deflate(),
            "; server_max_window_bits=10; client_max_window_bits=10",
        ),
        ('; server_max_window_bits="10"', Deflate(), "; server_max_window_bits=10"),
        (
            "; server_no_context_takeover; client_no_context_takeover",
            Deflate(window_bits=15),
            "; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            "",
            Deflate(window_bits=15, takeover=False, peer_takeover=False),
            "; server_no_context_takeover; client_no_context_takeover",
        ),
        ("; server_max_window_bits=8, permessage-deflate", Deflate(window_bits=15), ""),
        ("; server_max_window_bits=8", Deflate(), None),
        ("; server_max_window_bits=16", Deflate(), None),
        ("; server_max_window_bits=010", Deflate(), None),
        ("; server_max_window_bits", Deflate(), None),
        ("; server_no_context_takeover=1", Deflate(), None),
        ("; unknown=1", Deflate(), None),
        ("; client_max_window_bits=9; client_max_window_bits=9", Deflate(), None),
        ("-x", Deflate(), None),
        ("-x, ;, ;;, permessage-deflate", Deflate(window_bits=15), ""),
        ("", None, None),
        (None, Deflate(), None),
    ],
)
async def test_compression_is_negotiated(
    offer: str | None, ours: Deflate | None, answer: str | None, autojump_clock: trio.testing.MockClock
) -> None:
    offered = None if offer is None else f"permessage-deflate{offer}"

    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo, compression=ours)

    async with serving(handler) as wires, wires.connect() as peer:
        fields = await shake(peer, {"Sec-WebSocket-Extensions": offered})
        agreed = None if answer is None else f"permessage-deflate{answer}".encode()
        assert fields.get(b"sec-websocket-extensions") == agreed
        them = hand(peer)
        await them.send(1, b"x" * 1000)
        found = await them.receive()
        assert found is not None
        assert found[0] == (0x81 if answer is None else 0xC1)


# ---------------------------------------------------------------- how it ends


async def test_the_end_of_the_function_closes_with_1000(autojump_clock: trio.testing.MockClock) -> None:
    async def brief(ws: WebSocket) -> None:
        await ws.send("bye")

    async def handler(request: Request) -> Response:
        return WebSocketResponse(brief)

    async with serving(handler) as wires, wires.connect() as peer:
        await shake(peer)
        them = hand(peer)
        assert await them.receive() == (0x81, b"bye")
        assert await them.close_frame() == (1000, "")
        await them.send(8, b"\x03\xe8")
        assert await them.receive() is None


async def test_a_failing_function_closes_with_1011_and_is_logged(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(ws: WebSocket) -> None:
        raise ValueError("mine")

    async def handler(request: Request) -> Response:
        return WebSocketResponse(broken)

    async with serving(handler) as wires, wires.connect() as peer:
        await shake(peer)
        assert await hand(peer).close_frame() == (1011, "internal error")
        await trio.sleep(20)

    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "in a group"])
async def test_a_peer_that_leaves_is_no_error(
    grouped: bool, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    async def listen(ws: WebSocket) -> None:
        try:
            await ws.receive()
        except ConnectionClosed as error:
            seen.append(error.code)
            raise

    async def wait(ws: WebSocket) -> None:
        if not grouped:
            await listen(ws)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, ws)
            await trio.sleep_forever()

    async def handler(request: Request) -> Response:
        return WebSocketResponse(wait)

    async with serving(handler) as wires:
        async with wires.connect() as peer:
            await shake(peer)
        await trio.sleep(1)

    assert seen == [1006]
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_shutdown_closes_with_1001_within_the_grace(autojump_clock: trio.testing.MockClock) -> None:
    ended = []

    async def handler(request: Request) -> Response:
        async def until_the_end(ws: WebSocket) -> None:
            await echo(ws)
            ended.append(trio.current_time())

        return WebSocketResponse(until_the_end)

    async with serving(handler) as wires, wires.connect() as peer, trio.open_nursery() as nursery:
        await shake(peer)
        them = hand(peer)
        await trio.sleep(5)
        nursery.start_soon(wires.server.shutdown, 10)
        code, _ = await them.close_frame()
        assert code == 1001
        await trio.sleep(1)
        await them.send(8, b"\x03\xe9")
        assert await them.receive() is None

    assert ended == [5 + 0]  # the iteration ended as soon as it began to close


async def test_shutdown_does_not_wait_for_a_function_that_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    async def stubborn(ws: WebSocket) -> None:
        await trio.sleep_forever()

    async def handler(request: Request) -> Response:
        return WebSocketResponse(stubborn)

    async with serving(handler) as wires, wires.connect() as peer:
        await shake(peer)
        before = trio.current_time()
        await wires.server.shutdown(2)
        assert trio.current_time() - before <= 2.5
        code, _ = await hand(peer).close_frame()
        assert code == 1001


@pytest.mark.parametrize(
    ("kind", "echoes"),
    # nothing can follow half a message; a socket takes a small one whole, where other streams may be cut in the middle
    [*((kind, 0) for kind in ALL_KINDS), *((kind, 5) for kind in ("socket", "crowd", "unix", "tls"))],
)
async def test_a_shutdown_without_grace_says_why(kind: str, echoes: int) -> None:
    with trio.fail_after(5):
        async with serving(echoing, kind) as wires, wires.connect() as peer:
            await shake(peer)
            them = hand(peer)
            await them.send(1, b"here")
            assert await them.receive() == (0x81, b"here")
            for _ in range(echoes):
                await them.send(1, bytes(1000))
            before = trio.current_time()
            report = await wires.server.shutdown(0)
            assert trio.current_time() - before <= 0.5
            assert report.stuck == []
            while (found := await them.receive()) is not None and found[0] == 0x81:
                pass
            assert found == (0x88, b"\x03\xe9the server is shutting down")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x01x", 1002),  # without a mask
        (b"\x83\x80" + KEY, 1002),  # an unknown opcode
        (b"\x81\x82" + KEY + bytes([0xFF ^ KEY[0], 0xFF ^ KEY[1]]), 1007),
        (b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + KEY, 1009),
        (b"\xc1\x80" + KEY, 1002),  # compressed, though nothing was agreed
    ],
)
@pytest.mark.parametrize("kind", ["memory", "virtual"])
async def test_each_fault_has_its_code_and_the_reason_arrives(
    data: bytes, code: int, kind: str, autojump_clock: Any
) -> None:
    async with serving(echoing, kind) as wires, wires.connect() as peer:
        await shake(peer)
        them = hand(peer)
        await them.stream.send_all(data + bytes(100_000))  # and goes on sending
        assert (await them.close_frame())[0] == code
        await them.stream.aclose()
