"""One process that serves, in virtual time: which order does what."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.wires import MemoryListener, Peer, server_context
from trio_http import ConnectError, Request, Response, Server, ServerLimits, TLSError, run
from trio_http._run import Order, ServedProcess

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def ten_seconds(request: Request) -> Response:
    await trio.sleep(10)
    return Response("done")


class Case:
    def __init__(self, process: ServedProcess, listener: MemoryListener) -> None:
        self.process = process
        self.ended_at: float | None = None
        self._listener = listener

    def connect(self) -> Peer:
        return Peer(self._listener.connect())


@asynccontextmanager
async def serving(grace: float = 60, lame_duck: float = 0) -> AsyncIterator[Case]:
    listener = MemoryListener()
    process = ServedProcess(Server(ten_seconds, listeners=[listener]), grace=grace, lame_duck=lame_duck)
    case = Case(process, listener)

    async def run(*, task_status: trio.TaskStatus[Server]) -> None:
        await process.run(task_status=task_status)
        case.ended_at = trio.current_time()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield case


async def test_it_ends_when_the_last_request_is_answered(autojump_clock: MockClock) -> None:
    async with serving() as case:
        peer = case.connect()
        await peer.send(GET)
        await trio.sleep(1)
        case.process.obey(Order.END)
        assert (await peer.response())[2] == b"done"
        await peer.aclose()

    assert case.ended_at == 10
    assert not case.process.forced
    assert case.process.report is not None
    assert case.process.report.drained == 1


async def test_a_second_order_forces(autojump_clock: MockClock) -> None:
    async with serving() as case:
        peer = case.connect()
        await peer.send(GET)
        await trio.sleep(1)
        case.process.obey(Order.END)
        await trio.sleep(1)
        case.process.obey(Order.END)

    await peer.aclose()
    assert case.ended_at == 2
    assert case.process.forced


async def test_force_needs_no_end_before_it(autojump_clock: MockClock) -> None:
    async with serving() as case:
        peer = case.connect()
        await peer.send(GET)
        await trio.sleep(1)
        case.process.obey(Order.FORCE)

    await peer.aclose()
    assert case.ended_at == 1


async def test_being_replaced_and_told_to_end_is_no_force(autojump_clock: MockClock) -> None:
    async with serving() as case:
        peer = case.connect()
        await peer.send(GET)
        await trio.sleep(1)
        case.process.obey(Order.REPLACED)
        case.process.obey(Order.END)
        case.process.obey(Order.REPLACED)
        assert (await peer.response())[2] == b"done"
        await peer.aclose()

    assert case.ended_at == 10
    assert not case.process.forced


async def test_a_lame_duck_goes_on_for_a_while(autojump_clock: MockClock) -> None:
    async with serving(lame_duck=5) as case:
        case.process.obey(Order.END)
        await trio.sleep(4)
        peer = case.connect()
        await peer.send(GET)  # accepted still
        assert (await peer.response())[1][b"connection"] == b"close"
        await peer.aclose()

    assert case.ended_at == 14


async def test_one_that_is_replaced_does_not_pretend(autojump_clock: MockClock) -> None:
    async with serving(lame_duck=50) as case:
        case.process.obey(Order.REPLACED)

    assert case.ended_at == 0


async def test_somebody_else_may_shut_it_down(autojump_clock: MockClock) -> None:
    async with serving() as case:
        await case.process.server.shutdown()

    assert case.ended_at == 0


async def test_what_goes_wrong_in_a_lifespan_comes_out_as_it_is(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    with pytest.raises(RuntimeError, match="no database"):
        await ServedProcess(Server(ten_seconds, lifespan=lifespan)).run()


async def test_servers_beside_it_begin_before_and_end_after(autojump_clock: MockClock) -> None:
    main, side = MemoryListener(), MemoryListener()
    told: list[float] = []

    async def tell(request: Request) -> Response:
        told.append(trio.current_time())
        return await ten_seconds(request)

    process = ServedProcess(Server(ten_seconds, listeners=[main]), beside=[Server(tell, listeners=[side])])
    async with trio.open_nursery() as nursery:
        await nursery.start(process.run)
        busy = Peer(main.connect())
        await busy.send(GET)
        await trio.sleep(5)
        process.obey(Order.END)

        asked = Peer(side.connect())  # answered at 15, and the process ends at 10
        await asked.send(GET)
        await trio.sleep(4)
        assert (await busy.response())[2] == b"done"
        await busy.aclose()

    assert told == [5]
    assert trio.current_time() == 10
    await asked.aclose()


async def test_a_server_beside_it_that_cannot_listen_is_told(autojump_clock: MockClock) -> None:
    beside = Server(ten_seconds, path="/no/such/folder/socket")

    with pytest.raises(ConnectError, match="/no/such/folder/socket"):
        await ServedProcess(Server(ten_seconds, listeners=[MemoryListener()]), beside=[beside]).run()


def test_run_refuses_what_a_server_says_itself() -> None:
    with pytest.raises(ValueError, match=r"limits=.*give it to Server"):
        run(Server(ten_seconds, 0), limits=ServerLimits())


async def test_reloading_uses_what_the_function_makes(caplog: pytest.LogCaptureFixture) -> None:
    made: list[ssl.SSLContext] = []

    def make_context() -> ssl.SSLContext:
        if made:
            raise TLSError("cannot load the certificate")
        made.append(server_context())
        return made[0]

    process = ServedProcess(Server(ten_seconds, ssl_context=server_context()), make_context=make_context)
    caplog.set_level(logging.INFO)

    process.obey(Order.RELOAD)
    process.obey(Order.RELOAD)
    await wait_all_tasks_blocked()

    assert [record.getMessage() for record in caplog.records] == [
        "certificates read again",
        "the certificate stays as it was: cannot load the certificate",
    ]
