"""What stands around requests: the lifespan, background work, and contexts that outlive the handler."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import weakref
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.wires import ALL_KINDS, KINDS, MemoryListener, Peer, serving
from trio_http import Request, Response, Server, serve_connection
from trio_http.server import ServerConnection
from trio_http.wire import HTTP1Stream

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


@pytest.mark.covers("A9")
@pytest.mark.parametrize("kind", KINDS)
async def test_handlers_see_what_the_lifespan_provides(kind: str) -> None:
    steps: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[Mapping[str, Any]]:
        steps.append("begin")
        who.set("the lifespan")
        yield {"db": "database"}
        steps.append("end")

    async def handler(request: Request) -> Response:
        request.state["mine"] = True
        return Response(f"{request.state['db']} {who.get()} {sorted(request.state)}")

    async with serving(handler, kind, lifespan=lifespan) as wires, wires.connect() as peer:
        assert steps == ["begin"]
        assert (await peer.ask(GET))[2] == b"database the lifespan ['db', 'mine']"
        assert (await peer.ask(GET))[2] == b"database the lifespan ['db', 'mine']"
        await wires.server.shutdown(grace=1)
        await trio.testing.wait_all_tasks_blocked()

        assert steps == ["begin", "end"]


@pytest.mark.covers("A9")
async def test_the_lifespan_ends_after_the_last_request(autojump_clock: Any) -> None:
    steps: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[None]:
        yield
        steps.append("lifespan over")

    async def handler(request: Request) -> Response:
        await trio.sleep(3)
        steps.append("answered")
        return Response()

    async with serving(handler, lifespan=lifespan) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        report = await wires.server.shutdown(grace=10)
        await trio.sleep(1)

    assert steps == ["answered", "lifespan over"]
    assert report.drained == 1


async def test_a_lifespan_that_fails_to_begin_is_an_error_of_serve(autojump_clock: Any) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    server = Server(listeners=[MemoryListener()], lifespan=lifespan)

    with pytest.raises(OSError, match="no database"):
        await server.listen()


# ---------------------------------------------------------------- background


@pytest.mark.covers("A10")
async def test_background_work_goes_on_after_the_answer(autojump_clock: Any) -> None:
    done: list[float] = []

    async def work(seconds: float) -> None:
        await trio.sleep(seconds)
        done.append(trio.current_time())

    async def handler(request: Request) -> Response:
        request.background(work, 5)
        return Response("at once")

    async with serving(handler) as wires:
        began = trio.current_time()
        async with wires.connect() as peer:
            assert (await peer.ask(GET))[2] == b"at once"
            assert trio.current_time() == began
        await trio.sleep(10)

    assert done == [began + 5]


@pytest.mark.covers("A10", "A80")
async def test_background_work_that_fails_touches_nothing_else(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        raise RuntimeError("background trouble")

    async def handler(request: Request) -> Response:
        request.background(work)
        await trio.sleep(1)
        return Response("fine")

    async with serving(handler) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"fine"
        assert (await peer.ask(GET))[2] == b"fine"
        assert wires.server.stats.errors == 2

    assert "background trouble" in caplog.text
    assert "GET /" in caplog.text


@pytest.mark.covers("A10")
async def test_background_work_that_fails_while_it_is_cut_does_so_too(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("cannot put it away")

    async def handler(request: Request) -> Response:
        request.background(work)
        return Response()

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.ask(GET)
        report = await wires.server.shutdown(grace=1)

    assert len(report.cut) == 1
    assert "cannot put it away" in caplog.text


@pytest.mark.parametrize(("seconds", "cut"), [(3, 0), (300, 1)])
async def test_background_work_has_the_grace_of_a_shutdown(autojump_clock: Any, seconds: float, cut: int) -> None:
    finished: list[bool] = []

    async def work() -> None:
        await trio.sleep(seconds)
        finished.append(True)

    async def handler(request: Request) -> Response:
        request.background(work)
        return Response()

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.ask(GET)
        report = await wires.server.shutdown(grace=5)

        assert len(report.cut) == cut
        assert report.seconds <= 5.5
        assert bool(finished) == (not cut)


async def test_background_work_cannot_begin_once_the_shutdown_has(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(2)
        with pytest.raises(RuntimeError, match="shutting down"):
            request.background(trio.sleep, 1)
        return Response("refused")

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wires.server.shutdown, 10)
            assert (await peer.response())[2] == b"refused"


# ---------------------------------------------------------------- entered contexts


class Source:
    """A context that notes what happens to it."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def __aenter__(self) -> Self:
        self.steps.append("entered")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.steps.append("left" if error[0] is None else "cancelled")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_entered_context_ends_after_the_last_byte(kind: str) -> None:
    source = Source()

    async def handler(request: Request) -> Response:
        entered = await request.enter(source)

        async def produce(send: Any) -> None:
            await send(b"one")
            entered.steps.append("sent")

        return Response(produce)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        await peer.receive_until(b"0\r\n\r\n")
        await peer.send(GET)  # the next request comes after the end of the first exchange
        await peer.receive_until(b"0\r\n\r\n")

    assert source.steps[:3] == ["entered", "sent", "left"]


async def test_an_entered_context_ends_when_the_client_leaves(autojump_clock: Any) -> None:
    source = Source()

    async def handler(request: Request) -> Response:
        await request.enter(source)

        async def produce(send: Any) -> None:
            await trio.sleep_forever()

        return Response(produce)

    async with serving(handler) as wires:
        async with wires.connect() as peer:
            await peer.send(GET)
            await peer.receive_until(b"\r\n\r\n")
        await trio.sleep(1)

        assert source.steps == ["entered", "cancelled"]


async def test_a_context_that_fails_at_its_end_is_logged(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    @contextlib.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield
        raise RuntimeError("cannot leave")

    async def handler(request: Request) -> Response:
        await request.enter(manager())
        return Response("sent")

    async with serving(handler) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"sent"
        assert (await peer.ask(GET))[2] == b"sent"

    assert "cannot leave" in caplog.text


# ---------------------------------------------------------------- one connection


@pytest.mark.parametrize("kind", ["socket", "virtual", "memory"])
async def test_a_closed_connection_leaves_nothing_to_the_garbage_collector(kind: str, mock_clock: MockClock) -> None:
    async def hello(request: Request) -> Response:
        return Response("hello")

    async with serving(hello, kind, clock=mock_clock) as wires:
        gc.collect()
        gc.disable()
        try:
            async with wires.connect() as peer:
                await peer.ask(GET)
            with trio.fail_after(5):
                while any(isinstance(one, ServerConnection | HTTP1Stream) for one in gc.get_objects()):
                    await trio.sleep(0.01)  # one look of the monitor may go by
        finally:
            gc.enable()


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_a_connection_whose_client_has_ended_it_is_closed_at_once(kind: str) -> None:
    async def hello(request: Request) -> Response:
        return Response("hello")

    async with serving(hello, kind) as wires, wires.connect() as peer:
        await peer.send(LAST)
        assert (await peer.receive_all()).endswith(b"hello")  # the end has come, and ours has not gone out
        with trio.fail_after(1):
            while any(connection.requests for connection in wires.server.connections):
                await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_what_comes_after_the_last_request_does_not_cost_its_answer(kind: str) -> None:
    async def hello(request: Request) -> Response:
        await request.read()
        return Response("hello" * 20_000)

    async with serving(hello, kind) as wires, wires.connect() as peer:
        # An old client's CRLF after the body: closing with bytes unread would reset the connection, answer and all.
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab\r\n")
        await peer.send(b"and more, later")
        assert (await peer.receive_all()).endswith(b"hello" * 20_000)


@pytest.mark.parametrize("kind", ["socket", "virtual", "memory"])
async def test_an_idle_connection_keeps_nothing_of_its_last_exchange(kind: str) -> None:
    class Kept:
        pass

    seen: list[weakref.ref[Kept]] = []

    async def handler(request: Request) -> Response:
        request.state["kept"] = kept = Kept()
        seen.append(weakref.ref(kept))
        return Response("hello")

    async with serving(handler, kind) as wires, wires.connect() as peer:
        gc.disable()  # what is freed is freed because nobody refers to it
        try:
            await peer.ask(GET)
            await trio.testing.wait_all_tasks_blocked()
            assert len(wires.server.connections) == 1
            assert seen[0]() is None
        finally:
            gc.enable()


async def test_a_server_serves_one_such_connection_at_a_time(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    _, second = trio.testing.memory_stream_pair()

    async def handler(request: Request) -> Response:
        return Response("served")

    server = Server(handler)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="serves already"):
            await server.serve_stream(second)
        await ours.aclose()
        await trio.testing.wait_all_tasks_blocked()

        third, fourth = trio.testing.memory_stream_pair()
        nursery.start_soon(server.serve_stream, fourth)
        assert (await Peer(third).ask(GET))[0] == 200
        await third.aclose()


@pytest.mark.covers("S1.68")
async def test_one_connection_can_be_served_alone(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response(f"{request.ip} {request.peer}")

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await serve_connection(handler, theirs, peer=("192.0.2.7", 1234))

        nursery.start_soon(serve)
        peer = Peer(ours)
        assert (await peer.ask(GET))[2] == b"192.0.2.7 ('192.0.2.7', 1234)"
        await peer.aclose()  # and so the nursery ends


@pytest.mark.covers("A6")
async def test_lame_duck_goes_on_but_says_close(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response("quack")

    async with serving(handler) as wires, trio.open_nursery() as nursery:

        async def shut_down() -> None:
            report = await wires.server.shutdown(grace=1, lame_duck=5)
            assert 5 <= report.seconds <= 6.5

        nursery.start_soon(shut_down)
        await trio.sleep(2)
        async with wires.connect() as peer:
            _, fields, body = await peer.ask(GET)

        assert body == b"quack"
        assert fields[b"connection"] == b"close"
