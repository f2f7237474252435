"""Hooks and observers: when they are called, in which order, and that their failures stay where they are."""

from __future__ import annotations

import json
import logging
import socket
import struct
import sys
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing

from tests.wires import KINDS, MemoryListener, Peer, serving, until
from trio_http import AccessLog, Instrument, Request, Response, Server, ServerLimits, ServerTimeouts
from trio_http.messages import SendChunk
from trio_http.server import Connection, Disconnect, Draft, Reply
from trio_http.websocket import WebSocketResponse

GET = b'GET /x?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: test "1"\r\nReferer: http://r/\r\n\r\n'


async def hello(request: Request) -> Response:
    return Response("hello", headers={"x-both": "handler"})


@pytest.mark.covers("S2.44", "S2.45", "S2.46", "S2.47")
async def test_hooks_are_called_in_order(autojump_clock: Any) -> None:
    calls: list[str] = []

    async with serving(hello) as wires:
        server = wires.server

        @server.on_connect
        async def connected(connection: Connection) -> None:
            calls.append(f"connect {connection.requests}")

        @server.on_receive
        def first(request: Request, response: Response) -> None:
            calls.append(f"receive 1 {request.path}")

        @server.on_receive
        async def second(request: Request, response: Response) -> None:
            await trio.sleep(1)
            calls.append("receive 2")

        @server.on_reply
        async def replied(request: Request, response: Response) -> None:
            calls.append(f"reply {response.status}")

        @server.on_disconnect
        def disconnected(info: Disconnect) -> None:
            calls.append(f"disconnect {info.reason} {info.requests} {info.bytes_sent > 0}")

        async with wires.connect() as peer:
            assert (await peer.ask(GET))[2] == b"hello"
        await trio.sleep(1)

    assert calls == ["connect 0", "receive 1 /x", "receive 2", "reply 200", "disconnect closed 1 True"]


@pytest.mark.covers("S2.46", "S2.73")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_receive_hook_can_answer(kind: str) -> None:
    handled: list[Request] = []

    async def handler(request: Request) -> Response:
        handled.append(request)
        return Response("handler")

    async with serving(handler, kind) as wires:

        @wires.server.on_receive
        def status(request: Request, response: Response) -> None:
            if request.path == "/status":
                response.status = 403

        @wires.server.on_receive
        def body(request: Request, response: Draft) -> None:  # type: ignore[type-arg]  # what is passed is a Draft
            assert request.path != "/status", "nothing is called after an answer"
            if request.path == "/body":
                response.write("written ")
                response.write(b"twice")

        async with wires.connect() as peer:
            assert (await peer.ask(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 403
            assert (await peer.ask(b"GET /body HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"written twice"
            assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"handler"

    assert len(handled) == 1


@pytest.mark.covers("S2.46")
async def test_fields_of_a_receive_hook_are_added_to_the_answer(autojump_clock: Any) -> None:
    async with serving(hello) as wires:

        @wires.server.on_receive
        def add(request: Request, response: Response) -> None:
            response.headers["x-hook"] = "hook"
            response.headers["x-both"] = "hook"

        async with wires.connect() as peer:
            _, fields, _ = await peer.ask(GET)

    assert fields[b"x-hook"] == b"hook"
    assert fields[b"x-both"] == b"handler"


@pytest.mark.covers("S2.46")
async def test_a_server_without_a_handler_answers_by_its_hooks(autojump_clock: Any) -> None:
    listener = MemoryListener()
    server = Server(listeners=[listener])

    @server.on_receive
    def answer(request: Request, response: Response) -> None:
        if request.path == "/x":
            response.status = 201

    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        peer = Peer(listener.connect())

        assert (await peer.ask(GET))[0] == 201
        assert (await peer.ask(b"GET /y HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 404
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A80", "S2.48")
async def test_errors_are_told_and_stay_where_they_are(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    async def handler(request: Request) -> Response:
        if request.path == "/x":
            raise RuntimeError("handler trouble")
        return Response("fine")

    async with serving(handler) as wires:

        @wires.server.on_error
        async def failed(error: Exception, connection: Connection) -> None:
            told.append(f"{error} {connection.request!r}")
            raise ValueError("hook trouble")

        @wires.server.on_reply
        def reply(request: Request, response: Response) -> None:
            if request.path == "/reply":
                raise RuntimeError("reply trouble")

        async with wires.connect() as peer:
            assert (await peer.ask(GET))[0] == 500
            assert (await peer.ask(b"GET /reply HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"fine"
            assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"fine"

    assert told == ["handler trouble <Request GET /x?q=1>", "reply trouble <Request GET /reply>"]
    assert "hook trouble" in caplog.text


async def test_a_receive_hook_that_fails_is_answered_500(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(hello) as wires:

        @wires.server.on_receive
        def trouble(request: Request, response: Response) -> None:
            raise RuntimeError("receive trouble")

        async with wires.connect() as peer:
            assert (await peer.ask(GET))[0] == 500

    assert "receive trouble" in caplog.text


@pytest.mark.covers("S2.45")
@pytest.mark.parametrize(
    ("sent", "seconds", "reason"),
    [
        (b"", 200, "head"),
        (b"GET / HT", 200, "head"),
        (GET, 200, "idle"),
        (b"nonsense\r\n\r\n", 5, "error"),
        (GET.replace(b"/x", b"/slow"), 1, "client_gone"),
    ],
)
async def test_the_reason_of_a_disconnect_is_told(
    autojump_clock: Any, sent: bytes, seconds: float, reason: str
) -> None:
    ends: list[Disconnect] = []

    async def handler(request: Request) -> Response:
        if request.path == "/slow":
            await trio.sleep(1000)
        return Response()

    async with serving(handler) as wires:
        wires.server.on_disconnect(ends.append)
        async with wires.connect() as peer:
            if sent:
                await peer.send(sent)
            await trio.sleep(seconds)
        await trio.sleep(5)

    assert [end.reason for end in ends] == [reason]


# ---------------------------------------------------------------- observers


class Journal:
    """An observer that writes everything down."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.replies: list[Reply] = []

    def connection_opened(self, connection: Connection) -> None:
        self.lines.append("opened")

    def connection_closed(self, connection: Connection, disconnect: Disconnect) -> None:
        self.lines.append(f"closed {disconnect.reason}")

    def request_received(self, request: Request) -> None:
        self.lines.append(f"received {request.path}")

    def request_answered(self, request: Request, response: Response | None, reply: Reply) -> None:
        self.lines.append(f"answered {reply.status} {reply.complete}")
        self.replies.append(reply)

    def handler_failed(self, request: Request, error: Exception) -> None:
        self.lines.append(f"failed {error}")


@pytest.mark.covers("A78")
async def test_an_observer_sees_everything(autojump_clock: Any) -> None:
    journal = Journal()

    async def handler(request: Request) -> Response:
        await trio.sleep(2)
        if request.path == "/fail":
            raise RuntimeError("trouble")
        if request.path == "/gone":
            await trio.sleep(1000)
        return Response("x" * 100)

    async with serving(handler, instruments=[journal]) as wires:
        async with wires.connect() as peer:
            await peer.ask(GET)
            await peer.ask(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
            await peer.send(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
            await trio.sleep(5)
        await trio.sleep(1)

    assert journal.lines == [
        "opened",
        "received /x",
        "answered 200 True",
        "received /fail",
        "failed trouble",
        "answered 500 True",
        "received /gone",
        "answered 499 False",
        "closed client_gone",
    ]
    assert journal.replies[0].seconds == 2


@pytest.mark.covers("A78")
async def test_an_observer_may_come_later(autojump_clock: Any) -> None:
    journal = Journal()

    async with serving(hello) as wires, wires.connect() as peer:
        await peer.ask(GET)
        wires.server.add_instrument(journal)
        await peer.ask(GET)

    assert journal.lines[:2] == ["received /x", "answered 200 True"]
    assert 100 < journal.replies[0].bytes_sent < 300


@pytest.mark.covers("A78")
async def test_an_observer_that_comes_late_is_told_from_the_next_request_on(autojump_clock: Any) -> None:
    journal = Journal()

    async def handler(request: Request) -> Response:
        if request.path == "/gone":
            await trio.sleep(1000)
        wires.server.add_instrument(journal)
        return Response("fine")

    async with serving(handler) as wires:
        async with wires.connect() as peer:
            await peer.ask(GET)
            await peer.send(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
            await trio.sleep(1)
        await trio.sleep(1)

    assert journal.lines == ["received /gone", "answered 499 False", "closed client_gone"]


@pytest.mark.covers("A78")
@pytest.mark.parametrize(
    ("options", "plain"),
    [
        ({}, True),
        ({"instruments": [Journal()]}, False),
        ({"limits": ServerLimits(concurrency=5)}, False),
        ({"timeouts": ServerTimeouts(handler=5)}, False),
    ],
)
async def test_a_server_without_observers_does_nothing_for_them(autojump_clock: Any, options: Any, plain: bool) -> None:
    called: list[str] = []

    def profile(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and "/server/" in frame.f_code.co_filename.replace("\\", "/"):
            called.append(frame.f_code.co_name)

    async with serving(hello, **options) as wires, wires.connect() as peer:
        await peer.ask(GET)
        sys.setprofile(profile)
        try:
            await peer.ask(GET)
        finally:
            sys.setprofile(None)

    extra = {"_observed", "_limited", "_hooked", "enter", "tell", "call_hook"}
    assert (not extra.intersection(called)) == plain
    assert "_serve" in called
    assert "_send_whole" not in called, "the answer goes the shortest way all the same"


@pytest.mark.covers("A78", "A80")
@pytest.mark.parametrize(
    "method",
    ["connection_opened", "connection_closed", "request_received", "request_answered", "handler_failed"],
)
async def test_an_observer_that_fails_is_logged_and_harms_nobody(
    autojump_clock: Any, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Instrument):
        def __getattribute__(self, name: str) -> Any:
            if name == method:
                raise RuntimeError("the observer is broken")
            return super().__getattribute__(name)

    async def handler(request: Request) -> Response:
        if request.path == "/fail":
            raise RuntimeError("trouble")
        return Response("fine")

    journal = Journal()
    async with serving(handler, instruments=[Broken(), journal]) as wires:
        for _ in range(2):
            async with wires.connect() as peer:
                assert (await peer.ask(GET))[0] == 200
                assert (await peer.ask(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 500
        await trio.testing.wait_all_tasks_blocked()

        assert wires.server.instruments == [journal]
    assert caplog.text.count("it is called no more") == 1
    assert len(journal.lines) == 2 * 7


# ---------------------------------------------------------------- the access log


@pytest.mark.covers("A77")
async def test_the_access_log_is_combined(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trio_http.access")

    async with serving(hello, "memory", instruments=[AccessLog()]) as wires, wires.connect() as peer:
        await peer.ask(GET)

    (line,) = [record.getMessage() for record in caplog.records if record.name == "trio_http.access"]
    assert line.startswith("- - - [")
    assert '"GET /x?q=1 HTTP/1.1" 200 ' in line
    assert '"http://r/" "test \\"1\\""' in line


@pytest.mark.covers("A77")
async def test_the_access_log_is_json(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trio_http.access")

    async with serving(hello, instruments=[AccessLog("json")]) as wires, wires.connect() as peer:
        await peer.ask(GET)

    (line,) = [record.getMessage() for record in caplog.records if record.name == "trio_http.access"]
    fields = json.loads(line)
    assert fields["status"] == 200
    assert fields["target"] == "/x?q=1"
    assert fields["complete"] is True


async def test_credentials_are_not_logged(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def handler(request: Request) -> Response:
        raise RuntimeError("trouble")

    secret = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\nCookie: s=c2VjcmV0\r\n\r\n"
    async with serving(handler, instruments=[AccessLog("json")]) as wires, wires.connect() as peer:
        await peer.ask(secret)

    assert "c2VjcmV0" not in caplog.text


async def test_an_observer_is_told_what_was_sent_and_not_what_was_meant(autojump_clock: Any) -> None:
    journal = Journal()

    async def handler(request: Request) -> Response:
        return WebSocketResponse(lambda ws: ws.close())

    async with serving(handler, instruments=[journal]) as wires, wires.connect() as peer:
        assert (await peer.ask(b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 426

    assert [reply.status for reply in journal.replies] == [426]


@pytest.mark.covers("A77")
async def test_the_access_log_tells_peer_bytes_time_and_what_was_cut_short(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trio_http.access")

    async def handler(request: Request) -> Response:
        async def pieces(send: SendChunk) -> None:
            await send(b"x" * 1000)
            await trio.sleep(2)
            await send(b"y" * 1000)

        return Response(pieces)

    async with serving(handler, "virtual", instruments=[AccessLog(), AccessLog("json")]) as wires:
        async with wires.connect() as peer:
            await peer.send(GET)
            await peer.receive_until(b"\r\n0\r\n\r\n")
        async with wires.connect() as peer:
            await peer.send(GET)
            await peer.receive_until(b"x" * 1000)
            await trio.sleep(1)
        await trio.sleep(1)

    lines = [record.getMessage() for record in caplog.records if record.name == "trio_http.access"]
    whole, cut = (json.loads(line) for line in lines[1::2])
    assert (whole["ip"], whole["complete"], round(whole["seconds"], 3)) == ("127.0.0.1", True, 2)
    assert 2000 < whole["bytes"] < 2300
    assert (cut["complete"], round(cut["seconds"], 1)) == (False, 1)
    assert 1000 < cut["bytes"] < 1300
    assert lines[0].startswith("127.0.0.1 - - [")
    assert lines[0].endswith(" 2.000000")
    assert lines[2].endswith(" aborted")
    assert f" 200 {cut['bytes']} " in lines[2]


async def test_who_has_gone_already_is_known_by_address() -> None:
    ends: list[Disconnect] = []
    server = Server(hello)
    server.on_disconnect(ends.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            address = client.getsockname()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # reset: nobody can be asked for the address any more
        with trio.fail_after(5):
            await until(lambda: ends)
        nursery.cancel_scope.cancel()

    assert ends[0].peer == address
