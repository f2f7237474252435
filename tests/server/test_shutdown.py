"""The end of a server: what is idle goes at once, what is active gets its grace, and then nothing is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_http
from tests.wires import MemoryListener, Peer, serving
from trio_http import ConnectError, Request, Response, Server, ShutdownReport
from trio_http.messages import SendChunk

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response("Hello, World!")


@pytest.mark.covers("A5", "A4")
async def test_shutting_down_an_idle_server_takes_no_time(autojump_clock: MockClock) -> None:
    async with serving(hello) as wires, wires.connect() as peer:
        await peer.ask(GET)

        report = await wires.server.shutdown(grace=60)

        assert (report.drained, report.cut, report.stuck) == (1, [], [])
        assert trio.current_time() == 0
        assert await peer.receive() == b""


@pytest.mark.covers("A4", "A5", "S1.67")
async def test_an_active_request_is_finished_and_says_close(autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(10)
        return Response("done")

    async with serving(handler) as wires, wires.connect() as peer, trio.open_nursery() as nursery:
        await peer.send(GET)
        await trio.sleep(1)
        nursery.start_soon(wires.server.shutdown, 60)

        _, fields, body = await peer.response()

        assert trio.current_time() == 10
        assert body == b"done"
        assert fields[b"connection"] == b"close"
        assert await peer.receive() == b""


@pytest.mark.covers("A4")
async def test_what_outlasts_the_grace_is_cut_and_reported(autojump_clock: MockClock) -> None:
    reasons: list[str | None] = []

    async def handler(request: Request) -> Response:
        try:
            await trio.sleep_forever()
        finally:
            reasons.append(request.cancel_reason)
        raise AssertionError

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)

        report = await wires.server.shutdown(grace=5)

        assert trio.current_time() == 6
        assert report.drained == 0
        assert len(report.cut) == 1
        assert "GET /" in report.cut[0]
        assert report.stuck == []
    assert reasons == ["shutdown"]


@pytest.mark.covers("A4")
async def test_a_second_shutdown_may_be_shorter(autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wires.server.shutdown, 100)
            await trio.sleep(1)
            await wires.server.shutdown(grace=1)

        assert trio.current_time() == 3


@pytest.mark.covers("A4")
@pytest.mark.parametrize("kind", ["memory", "tls over memory"])
async def test_who_comes_in_the_moment_it_begins_does_not_hold_it(kind: str, autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(2)
        return Response()

    async def ask(peer: Peer) -> None:
        await peer.ask(GET)
        await peer.aclose()

    async with serving(handler, kind) as wires, wires.connect() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(ask, peer)
        await trio.sleep(1)
        [listener] = wires.server.listeners
        assert isinstance(listener, MemoryListener)
        silent = listener.connect()
        report = await wires.server.shutdown(grace=100)
        await silent.aclose()

    assert wires.server.stats.connections == 2
    assert report.seconds == 1


@pytest.mark.covers("A4")
async def test_a_peer_that_reads_nothing_does_not_hold_the_shutdown(autojump_clock: MockClock) -> None:
    async def producer(send: SendChunk) -> None:
        while True:
            await send(b"x" * 65536)

    async def handler(request: Request) -> Response:
        return Response(producer)

    ours, theirs = trio.testing.lockstep_stream_pair()
    listener = MemoryListener()
    listener._send.send_nowait(theirs)
    async with trio.open_nursery() as nursery:
        server = Server(handler, listeners=[listener])
        await nursery.start(server.listen)
        await ours.send_all(GET)
        await trio.sleep(1)

        report = await server.shutdown(grace=1)

        assert trio.current_time() <= 2.5
        assert len(report.cut) == 1


@pytest.mark.covers("A4")
async def test_user_code_that_does_not_end_is_named(autojump_clock: MockClock) -> None:
    release = trio.Event()

    async def handler(request: Request) -> Response:
        with trio.CancelScope(shield=True):
            await release.wait()
        return Response("late")

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)

        report = await wires.server.shutdown(grace=1)

        assert trio.current_time() <= 2.5
        assert len(report.stuck) == 1
        release.set()


@pytest.mark.covers("A1")
async def test_the_server_task_ends_with_the_shutdown(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, hello)
        await server.shutdown()
    # leaving the nursery proves that the task has ended by itself


async def test_after_the_shutdown_nobody_listens() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, hello)
        port = server.port
        await server.shutdown()

    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", port)


@pytest.mark.covers("S1.67")
async def test_stop_accepting_leaves_connections_alone() -> None:
    async with serving(hello, "socket") as wires, wires.connect() as peer:
        await peer.ask(GET)
        wires.server.stop_accepting()
        await trio.testing.wait_all_tasks_blocked()

        assert (await peer.ask(GET))[0] == 200
        with pytest.raises(OSError, match="all attempts to connect"):
            await wires.connect().__aenter__()


async def test_cancelling_the_server_closes_everything() -> None:
    ended = trio.Event()

    async def handler(request: Request) -> Response:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()
        raise AssertionError

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, handler)
        peer = Peer(await trio.open_tcp_stream("127.0.0.1", server.port))
        await peer.send(GET)
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()

    assert ended.is_set()
    assert await peer.receive_all() == b""
    await peer.aclose()


async def test_a_port_in_use_is_told_in_one_line() -> None:
    async with serving(hello, "socket") as wires:
        with pytest.raises(
            ConnectError, match=r"cannot listen on port \d+ of 127.0.0.1: Address already in use.*port=0"
        ):
            await trio_http.serve(hello, wires.server.port)


@pytest.mark.covers("A1", "S1.51", "S1.64", "S2.33")
async def test_a_server_says_where_it_is() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, hello)

        assert server.addresses == [("127.0.0.1", server.port)]
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert f"127.0.0.1:{server.port}" in repr(server)
        await server.aclose()

    with pytest.raises(RuntimeError, match="does not listen"):
        _ = Server(hello).port


async def test_two_servers_do_not_know_each_other() -> None:
    async with serving(hello, "socket") as one, serving(hello, "socket") as two, two.connect() as peer:
        await one.server.shutdown()

        assert (await peer.ask(GET))[0] == 200


async def test_connections_that_come_during_the_drain_are_closed(autojump_clock: MockClock) -> None:
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        server = Server(hello, listeners=[listener])
        await nursery.start(server.listen)
        peer = Peer(listener.connect())

        await server.shutdown(grace=60)

        assert trio.current_time() == 0
        assert await peer.receive() == b""
        await peer.aclose()


async def test_an_error_beside_a_cancellation_stays_on_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("while being cancelled")
        raise AssertionError

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, handler)
        peer = Peer(await trio.open_tcp_stream("127.0.0.1", server.port))
        await peer.send(GET)
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    # leaving the nursery without an error proves it

    await peer.aclose()
    assert "while being cancelled" in caplog.text


async def test_lingering_lets_each_connection_ask_once_more(autojump_clock: MockClock) -> None:
    async with serving(hello) as wires, wires.connect() as used, wires.connect() as new, trio.open_nursery() as nursery:
        await used.ask(GET)
        await trio.sleep(1)
        reports: list[trio_http.ShutdownReport] = []

        async def shut_down() -> None:
            reports.append(await wires.server.shutdown(grace=60, linger=5))
            assert trio.current_time() == 4  # when the last one has gone, not after all of its time

        nursery.start_soon(shut_down)
        await trio.sleep(1)
        assert (await used.ask(GET))[1][b"connection"] == b"close"
        await used.aclose()
        await trio.sleep(2)
        assert (await new.ask(GET))[1][b"connection"] == b"close"
        await new.aclose()

    assert [(report.drained, report.cut) for report in reports] == [(2, [])]


async def test_lingering_ends(autojump_clock: MockClock) -> None:
    async with serving(hello) as wires, wires.connect() as idle:
        await idle.ask(GET)

        await wires.server.shutdown(grace=60, linger=5)

        assert trio.current_time() == 5
        assert await idle.receive() == b""


class AtTheLastMoment(trio.abc.Listener[trio.abc.Stream]):
    """A listener whose one connection comes in the very step in which the shutdown begins."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin: Callable[[], None] | None = begin
        self.come = trio.Event()

    async def accept(self) -> trio.abc.Stream:
        await self.come.wait()
        begin, self._begin = self._begin, None
        if begin is None:
            await trio.sleep_forever()
            raise AssertionError
        begin()
        return trio.testing.memory_stream_pair()[0]

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_connection_that_comes_at_the_last_moment_is_neither_cut_nor_stuck(autojump_clock: MockClock) -> None:
    async def handler(request: Request) -> Response:
        return Response("")

    async def end_one() -> ShutdownReport:
        reports: list[ShutdownReport] = []

        async def stop() -> None:
            reports.append(await server.shutdown(grace=1))

        async with trio.open_nursery() as nursery:
            listener = AtTheLastMoment(lambda: nursery.start_soon(stop))
            server = Server(handler, listeners=[listener])
            await nursery.start(server.listen)
            listener.come.set()
        return reports[0]

    for _ in range(20):  # which of two tasks runs first is left to chance
        report = await end_one()
        assert (report.cut, report.stuck) == ([], [])
        assert report.drained >= 0
