"""The form in which a function is called for each event: order, what is sent, and that the end comes exactly once."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing
from ws_opening import hand, shake
from ws_pairs import Hand

from tests.wires import Peer, serving
from trio_http import Request, Response
from trio_http.websocket import PerMessage, WebSocket, WebSocketOpCode, WebSocketResponse

pytestmark = pytest.mark.covers("S4.9", "S4.10", "S4.41")

OPEN, TEXT, BINARY = WebSocketOpCode.OPEN, WebSocketOpCode.TEXT, WebSocketOpCode.BINARY
PING, PONG, CLOSE = WebSocketOpCode.PING, WebSocketOpCode.PONG, WebSocketOpCode.CLOSE


class Recorder:
    """A function for each event, that notes what it was called with."""

    def __init__(self, answer: Any = None) -> None:
        self.calls: list[tuple[WebSocketOpCode, str | bytes]] = []
        self.answer = answer
        self.running = 0

    async def __call__(self, request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> str | bytes | None:
        assert self.running == 0, "two calls at once"
        self.running += 1
        try:
            self.calls.append((opcode, payload))
            assert isinstance(request.websocket, WebSocket)
            await trio.sleep(0.1)
            return None if self.answer is None else await self.answer(request, opcode, payload)
        finally:
            self.running -= 1


async def opened(peer: Peer) -> Hand:
    await shake(peer)
    return hand(peer)


def served(function: Recorder, kind: str = "memory", **options: Any) -> Any:
    async def handler(request: Request) -> Response:
        return WebSocketResponse(PerMessage(function), keepalive=None)

    return serving(handler, kind, **options)


async def test_each_event_is_one_call_in_order(autojump_clock: trio.testing.MockClock) -> None:
    function = Recorder()

    async with served(function) as wires, wires.connect() as peer:
        them = await opened(peer)
        await them.send(1, b"text")
        await them.send(9, b"")
        await them.send(2, b"")
        await them.send(10, b"pong")
        await them.send(9, b"ping")
        await them.send(1, b"")
        await them.send(8, b"\x03\xe8")
        assert await them.receive() == (0x8A, b"")
        assert await them.receive() == (0x8A, b"ping")
        assert await them.close_frame() == (1000, "")
        await trio.sleep(10)

    assert function.calls == [
        (OPEN, b""),
        (TEXT, "text"),
        (PING, b""),
        (BINARY, b""),
        (PONG, b"pong"),
        (PING, b"ping"),
        (TEXT, ""),
        (CLOSE, b""),
    ]


async def test_what_is_returned_is_sent_and_request_websocket_answers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def answer(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> str | bytes | None:
        if opcode is OPEN:
            return "welcome"
        if opcode is TEXT:
            await request.websocket.send(b"first")
        return payload or None

    async with served(Recorder(answer)) as wires, wires.connect() as peer:
        them = await opened(peer)
        assert await them.receive() == (0x81, b"welcome")
        await them.send(1, b"x")
        assert await them.receive() == (0x82, b"first")
        assert await them.receive() == (0x81, b"x")
        await them.send(2, b"y")
        assert await them.receive() == (0x82, b"y")


async def test_what_crosses_our_close_frame_is_not_kept(autojump_clock: trio.testing.MockClock) -> None:
    """Neither to be told of, nor in memory: a peer who does not answer may send pings until the deadline."""
    sessions: list[Any] = []

    async def answer(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        if opcode is TEXT:
            sessions.append(request.websocket._session)
            await request.websocket.close()

    function = Recorder(answer)
    async with served(function) as wires, wires.connect() as peer:
        them = await opened(peer)
        await them.send(1, b"x")
        assert await them.close_frame() == (1000, "")
        for _ in range(1000):
            await them.send(9, b"more")
        await trio.testing.wait_all_tasks_blocked()
        assert not sessions[0]._controls
        await them.send(8, b"\x03\xe8")
        await trio.sleep(1)

    assert function.calls == [(OPEN, b""), (TEXT, "x"), (CLOSE, b"")]


@pytest.mark.parametrize("where", [OPEN, TEXT])
async def test_close_comes_once_after_an_error(
    where: WebSocketOpCode, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        if opcode is where:
            raise ValueError("mine")

    function = Recorder(answer)
    async with served(function) as wires, wires.connect() as peer:
        them = await opened(peer)
        await them.send(1, b"x")
        assert await them.close_frame() == (1011, "internal error")
        await trio.sleep(20)

    assert [opcode for opcode, _ in function.calls].count(CLOSE) == 1
    assert function.calls[-1] == (CLOSE, b"")
    assert [each.exc_info[0] for each in caplog.records if each.levelno >= logging.ERROR and each.exc_info] == [
        ValueError
    ]


async def test_close_comes_once_when_the_peer_is_lost(autojump_clock: trio.testing.MockClock) -> None:
    function = Recorder()

    async with served(function) as wires:
        async with wires.connect() as peer:
            await opened(peer)
        await trio.sleep(10)

    assert function.calls == [(OPEN, b""), (CLOSE, b"")]


async def test_close_has_time_of_its_own(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[float] = []

    async def answer(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        if opcode is CLOSE:
            try:
                await trio.sleep_forever()
            finally:
                ended.append(trio.current_time())

    async with served(Recorder(answer)) as wires, wires.connect() as peer:
        them = await opened(peer)
        await them.send(8, b"\x03\xe8")
        began = trio.current_time()
        await trio.sleep(20)

    assert [at - began for at in ended] == [pytest.approx(5.2, abs=0.2)]
    assert "took more than 5 s" in caplog.text


@pytest.mark.parametrize("slow", [CLOSE, TEXT], ids=["close is slow", "a message is slow"])
async def test_a_forced_shutdown_does_not_wait_for_close(
    slow: WebSocketOpCode, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        if opcode in {slow, CLOSE}:
            await trio.sleep_forever()

    function = Recorder(answer)
    async with served(function) as wires, wires.connect() as peer:
        them = await opened(peer)
        await them.send(1, b"x")
        await trio.sleep(1)
        before = trio.current_time()
        report = await wires.server.shutdown(1)
        assert trio.current_time() - before <= 1.5
        assert report.stuck == []
        assert await them.close_frame() == (1001, "the server is shutting down")

    assert function.calls == [(OPEN, b""), (TEXT, "x"), (CLOSE, b"")]
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("kind", ["memory", "socket"])
async def test_a_shutdown_without_grace_waits_for_nobody(kind: str, mock_clock: trio.testing.MockClock) -> None:
    function = Recorder()

    async with served(function, kind, clock=mock_clock) as wires, wires.connect() as peer:
        them = await opened(peer)
        while not function.calls:
            await trio.sleep(0.01)
        before = trio.current_time()
        report = await wires.server.shutdown(0)
        assert trio.current_time() - before <= 0.5
        assert report.stuck == []
        assert (await them.close_frame())[0] == 1001

    assert function.calls == [(OPEN, b""), (CLOSE, b"")]


async def test_a_failure_at_the_end_is_logged(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: Request, opcode: WebSocketOpCode, payload: str | bytes) -> None:
        if opcode is CLOSE:
            raise ValueError("mine")

    async with served(Recorder(answer)) as wires, wires.connect() as peer:
        them = await opened(peer)
        await them.send(8, b"\x03\xe8")
        await them.close_frame()
        await trio.sleep(1)

    assert "the call that tells of the end failed" in caplog.text
