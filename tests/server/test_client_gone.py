"""A handler whose client leaves is cancelled within 0.1 s, says why, and costs nothing while it stays."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.wires import ALL_KINDS, KINDS, STEP, serving
from trio_http import Request, Response, Server

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
PROMISED = 0.1  # seconds


class Told:
    """What a handler has seen of its end."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.over = trio.Event()
        self.reason: str | None = None
        self.seconds = 0.0
        self.left_at = 0.0

    async def wait(self, request: Request) -> None:
        self.begun.set()
        try:
            await trio.sleep_forever()
        finally:
            self.reason = request.cancel_reason
            self.seconds = trio.current_time() - self.left_at
            self.over.set()


def waiting(told: Told) -> Any:
    async def handler(request: Request) -> Response:
        await told.wait(request)
        return Response()

    return handler


def streaming(told: Told) -> Any:
    async def handler(request: Request) -> Response:
        async def produce(send: Any) -> None:
            await send(b"first")
            await told.wait(request)

        return Response(produce)

    return handler


def sent_by(state: str) -> bytes:
    if state == "unread body":
        return POST % 100 + b"x" * 50
    if state == "large unread body":
        return POST % 1_000_000 + b"x" * 20_000
    return GET + GET if state == "pipelined" else GET


STATES = ["waiting", "unread body", "large unread body", "pipelined", "streaming out"]
LEAVING = [
    (kind, how)
    for kind in ALL_KINDS
    for how in ("close", "end", "reset")
    if how != "reset" or kind not in {"memory", "tls over memory", "unix"}  # these have no RST
]


@pytest.mark.covers("A75", "A76")
@pytest.mark.parametrize("after", [0.0, 0.3], ids=["at once", "later"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("kind", "how"), LEAVING)
async def test_the_handler_is_cancelled_when_its_client_leaves(
    kind: str, how: str, state: str, after: float, mock_clock: MockClock
) -> None:
    told = Told()
    handler = streaming(told) if state == "streaming out" else waiting(told)

    with trio.fail_after(5):
        async with serving(handler, kind, clock=mock_clock) as wires, wires.connect() as peer:
            await peer.send(sent_by(state))
            await told.begun.wait()
            await trio.sleep(after)
            told.left_at = trio.current_time()
            if how == "close":
                await peer.aclose()
            elif how == "end":
                await peer.send_eof()
            else:
                peer.reset()
            await told.over.wait()

    assert told.reason == "client_gone"
    assert told.seconds <= PROMISED + STEP


@pytest.mark.parametrize("after", [0.0, 0.01, 0.3, 20.0])
async def test_it_is_cancelled_in_time_whenever_the_client_leaves(autojump_clock: Any, after: float) -> None:
    told = Told()

    async with serving(waiting(told)) as wires, wires.connect() as peer:
        await peer.send(GET)
        await told.begun.wait()
        await trio.sleep(after)
        told.left_at = trio.current_time()
        await peer.aclose()
        await told.over.wait()

    assert told.reason == "client_gone"
    assert told.seconds <= PROMISED


async def test_nothing_ticks_while_a_handler_waits_for_ever(autojump_clock: Any) -> None:
    told = Told()

    async with serving(waiting(told)) as wires, wires.connect() as peer:
        await peer.send(GET)
        await told.begun.wait()
        await trio.sleep(1)

        assert wires.server.monitor.parked
        assert wires.server.sweeper.next_wake > 1e6 or wires.server.sweeper.next_wake >= trio.current_time() + 20


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_connection_that_was_watched_goes_on(kind: str, mock_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        body = await request.read()
        await trio.sleep(0.12)
        return Response(body)

    with trio.fail_after(10):
        async with serving(handler, kind, clock=mock_clock) as wires, wires.connect() as peer:
            for number in range(3):
                await peer.send(POST % 5 + b"body%d" % number)
                status, _, body = await peer.response()

                assert (status, body) == (200, b"body%d" % number)
            assert wires.server.stats.requests == 3
            assert wires.server.stats.clients_gone == 0


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_what_a_watch_has_read_is_not_lost(kind: str, mock_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        if request.method == "GET":
            await trio.sleep(0.15)
            return Response(request.target)
        await trio.sleep(0.15)
        return Response(str(len(await request.read())))

    with trio.fail_after(10):
        async with serving(handler, kind, clock=mock_clock) as wires, wires.connect() as peer:
            await peer.send(POST % 200_000 + b"x" * 10)
            await trio.sleep(0.1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.send, b"x" * 199_990 + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")

                assert (await peer.response())[2] == b"200000"
                assert (await peer.response())[2] == b"/next"


@pytest.mark.covers("A75")
@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_server_can_let_handlers_run_on(kind: str, mock_clock: MockClock) -> None:
    done = trio.Event()

    async def handler(request: Request) -> Response:
        await trio.sleep(0.2)
        assert request.cancel_reason is None
        done.set()
        return Response()

    with trio.fail_after(5):
        async with serving(handler, kind, clock=mock_clock, cancel_on_disconnect=False) as wires:
            async with wires.connect() as peer:
                await peer.send(GET)
                await trio.sleep(0.02)
            await done.wait()


@pytest.mark.covers("A75")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_handler_can_ask_to_run_on(kind: str, mock_clock: MockClock) -> None:
    done = trio.Event()

    async def handler(request: Request) -> Response:
        request.set_cancel_on_disconnect(False)
        await trio.sleep(0.2)
        done.set()
        return Response()

    with trio.fail_after(5):
        async with serving(handler, kind, clock=mock_clock) as wires:
            async with wires.connect() as peer:
                await peer.send(GET)
                await trio.sleep(0.02)
            await done.wait()


async def test_asking_to_run_on_ends_with_the_request(autojump_clock: Any) -> None:
    told = Told()

    async def handler(request: Request) -> Response:
        if request.path == "/first":
            request.set_cancel_on_disconnect(False)
        else:
            await told.wait(request)
        return Response()

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.ask(GET.replace(b"/ ", b"/first "))
        await peer.send(GET)
        await told.begun.wait()
        await peer.aclose()
        with trio.fail_after(1):
            await told.over.wait()


@pytest.mark.parametrize("kind", [kind for kind in ALL_KINDS if "tls" not in kind])  # a FIN alone is no end in TLS
async def test_a_half_closed_client_gets_its_answer_where_that_is_wanted(kind: str, mock_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(0.2)
        return Response("still here")

    with trio.fail_after(5):
        async with serving(handler, kind, clock=mock_clock, half_close=True) as wires, wires.connect() as peer:
            await peer.send(GET)
            await peer.send_eof()

            assert (await peer.response())[2] == b"still here"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_quick_answer_reaches_a_half_closed_client(kind: str) -> None:
    async def handler(request: Request) -> Response:
        return Response("quick")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        await peer.send_eof()

        assert (await peer.response())[2] == b"quick"


@pytest.mark.covers("A75", "A76")
async def test_a_shielded_part_is_finished_first(autojump_clock: Any) -> None:
    steps: list[tuple[str, float]] = []
    over = trio.Event()

    async def handler(request: Request) -> Response:
        try:
            with request.shielded(10):
                await trio.sleep(5)
                steps.append(("committed", trio.current_time() - began))
            await trio.sleep(1)
            steps.append(("not reached", 0))
        finally:
            steps.append((str(request.cancel_reason), trio.current_time() - began))
            over.set()
        return Response()

    async with serving(handler) as wires:
        began = trio.current_time()
        async with wires.connect() as peer:
            await peer.send(GET)
            await trio.sleep(1)
        await over.wait()

    assert steps == [("committed", 5.0), ("client_gone", 5.0)]


@pytest.mark.covers("A75")
async def test_a_shield_ends_when_its_time_is_over(autojump_clock: Any) -> None:
    ended: list[float] = []
    over = trio.Event()

    async def handler(request: Request) -> Response:
        try:
            with request.shielded(3):
                await trio.sleep_forever()
        finally:
            ended.append(trio.current_time() - began)
            over.set()
        return Response()

    async with serving(handler) as wires:
        began = trio.current_time()
        async with wires.connect() as peer:
            await peer.send(GET)
            await trio.sleep(1)
        await over.wait()

    assert ended == [3.0]


@pytest.mark.parametrize(("takes", "ended_at"), [(1, 1.0), (1000, 3.0)])
async def test_a_shield_holds_and_ends_when_all_around_is_cancelled(
    takes: float, ended_at: float, autojump_clock: Any
) -> None:
    begun = trio.Event()
    done: list[float] = []

    async def handler(request: Request) -> Response:
        with request.shielded(3):
            begun.set()
            await trio.sleep(takes)
            done.append(trio.current_time())
        return Response()

    began = trio.current_time()
    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await begun.wait()

    assert trio.current_time() == began + ended_at
    assert bool(done) is (takes < 3)


async def test_a_shield_that_outlives_its_time_cancels_nobody_who_is_not_cancelled(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        with request.shielded(1):
            await trio.sleep(5)
        return Response("whole")

    async with serving(handler) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"whole"


async def test_shutdown_lifts_our_shields(autojump_clock: Any) -> None:
    begun = trio.Event()

    async def handler(request: Request) -> Response:
        with request.shielded(1000):
            begun.set()
            await trio.sleep_forever()
        return Response()

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await begun.wait()
        report = await wires.server.shutdown(grace=2)

        assert report.seconds <= 2.5
        assert len(report.cut) == 1
        assert not report.stuck


class Wakes(trio.abc.Instrument):
    """Counts how often any task runs."""

    def __init__(self) -> None:
        self.count = 0

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


async def test_a_deadlocked_handler_wakes_nobody(autojump_clock: Any) -> None:
    told = Told()
    wakes = Wakes()

    async with serving(waiting(told)) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        trio.lowlevel.add_instrument(wakes)
        await trio.sleep(10)  # only the end of this very sleep wakes a task
        trio.lowlevel.remove_instrument(wakes)

    assert wakes.count <= 1


@pytest.mark.parametrize("kind", KINDS)
async def test_clients_gone_are_counted_and_logged(
    kind: str, caplog: pytest.LogCaptureFixture, mock_clock: MockClock
) -> None:
    told = Told()
    caplog.set_level(logging.INFO, "trio_http.server")

    with trio.fail_after(5):
        async with serving(waiting(told), kind, clock=mock_clock) as wires:
            async with wires.connect() as peer:
                await peer.send(GET)
                await told.begun.wait()
            await told.over.wait()
            await trio.sleep(0.01)
            server: Server = wires.server

            assert server.stats.clients_gone == 1
            assert "client gone" in caplog.text


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_handler_that_has_read_a_part_of_its_body_is_watched_again(kind: str, mock_clock: MockClock) -> None:
    told = Told()

    async def handler(request: Request) -> Response:
        await trio.sleep(0.12)  # the watch has read ahead by now
        async for _ in request.body:
            break
        await told.wait(request)
        return Response()

    with trio.fail_after(5):
        async with serving(handler, kind, clock=mock_clock) as wires, wires.connect() as peer:
            await peer.send(POST % 100_000 + b"x" * 50_000)
            await told.begun.wait()
            await trio.sleep(0.1)
            told.left_at = trio.current_time()
            await peer.aclose()
            await told.over.wait()

    assert told.reason == "client_gone"
    assert told.seconds <= PROMISED + STEP


async def test_no_shield_is_put_up_after_the_grace(autojump_clock: Any) -> None:
    steps: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            await trio.sleep_forever()
        finally:
            with request.shielded(1000):
                await trio.sleep(1)
                steps.append("not reached")
        return Response()

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        report = await wires.server.shutdown(grace=1)

    assert not steps
    assert not report.stuck


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_watch_that_begins_when_somebody_reads_again_is_none(kind: str, mock_clock: MockClock) -> None:
    """The task of a watch runs a moment after it was asked for; by then the handler may wait for its body."""

    async def handler(request: Request) -> Response:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(request.read)
            await trio.sleep(0.05)  # it waits for the second byte now
            await request.exchange.watch()  # type: ignore[attr-defined]  # as the monitor starts it
            told.set()
        return Response(await request.read())

    with trio.fail_after(10):
        async with serving(handler, kind, clock=mock_clock) as wires, wires.connect() as peer:
            for _ in range(2):
                told = trio.Event()
                await peer.send(POST % 2 + b"a")
                await told.wait()
                await peer.send(b"b")

                assert (await peer.response())[2] == b"ab"


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_watch_that_begins_after_the_answer_is_none(kind: str, mock_clock: MockClock) -> None:
    watches: list[Any] = []

    async def handler(request: Request) -> Response:
        watches.append(request.exchange.watch)  # type: ignore[attr-defined]
        return Response("no", status=413)

    with trio.fail_after(10):
        async with (
            serving(handler, kind, clock=mock_clock) as wires,
            wires.connect() as peer,
            trio.open_nursery() as nursery,
        ):
            await peer.send(POST % 1_000_000 + b"a")
            assert (await peer.response())[0] == 413

            nursery.start_soon(watches[0])  # the connection lingers: it reads what nobody wants

            assert await peer.receive() == b""
