"""The client leaves, the server stops: what an application is told, when it is cancelled, and when not."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.asgi.apps import GET, body, both_ways, handler_of, start
from tests.wires import serving
from trio_http import ServerLimits, ServerTimeouts
from trio_http.asgi import ASGIHandler, ClientDisconnected, Receive, Scope, Send

KINDS = ["memory", "virtual"]


@both_ways
@pytest.mark.parametrize("kind", KINDS)
async def test_an_application_is_cancelled_when_its_client_leaves(kind: str, way: str, autojump_clock: Any) -> None:
    ended: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with serving(handler_of(app, way), kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        left = trio.current_time()
        await peer.send_eof()
        await trio.sleep(1)

    assert ended[0] - left <= 0.1


@both_ways
@pytest.mark.parametrize("kind", KINDS)
async def test_who_waits_in_receive_is_told_first_and_may_end_by_itself(
    kind: str, way: str, autojump_clock: Any
) -> None:
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        told.append((await receive())["type"])
        await trio.sleep(0.5)  # what has to be put away
        told.append("ended by itself")

    async with serving(handler_of(app, way), kind) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        await peer.send_eof()
        await trio.sleep(3)
        assert not wires.server.connections

    assert told == ["http.disconnect", "ended by itself"]


@both_ways
async def test_who_goes_on_in_spite_of_it_is_cancelled_after_a_second(way: str, autojump_clock: Any) -> None:
    told: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        told.append((await receive())["type"])
        began = trio.current_time()
        try:
            await trio.sleep_forever()
        finally:
            told.append(trio.current_time() - began)

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        await peer.send_eof()
        await trio.sleep(3)

    assert told == ["http.disconnect", pytest.approx(1.0)]


@pytest.mark.parametrize("way", ["pushed"])
@pytest.mark.parametrize("server_cancels", [True, False])
async def test_cancelling_can_be_switched_off(way: str, server_cancels: bool, autojump_clock: Any) -> None:
    told: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(5)
        told.append((await receive())["type"])
        told.append((await receive())["type"])
        await send(start())
        with pytest.raises(ClientDisconnected):
            await send(body())
        told.append("went on")

    handler = handler_of(app, way, cancel_on_disconnect=False)
    async with serving(handler, cancel_on_disconnect=server_cancels) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        await peer.send_eof()
        await trio.sleep(10)

    assert told[-2:] == ["http.disconnect", "went on"]


@both_ways
async def test_sending_to_nobody_is_an_oserror_and_no_error_of_the_server(
    way: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Exception] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        try:
            while True:
                await send(body(b"x" * 10000, more=True))
                await trio.sleep(0.01)
        except OSError as error:
            seen.append(error)
            raise

    handler = handler_of(app, way, cancel_on_disconnect=False)
    async with serving(handler, "memory", cancel_on_disconnect=False) as wires:
        async with wires.connect() as peer:
            await peer.send(GET)
            await peer.receive()
        await trio.sleep(5)

    assert isinstance(seen[0], ClientDisconnected)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@both_ways
async def test_leaving_within_the_body_is_a_disconnect(way: str, autojump_clock: Any) -> None:
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            told.append(message["body"].decode())
        told.append(message["type"])

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        await trio.sleep(1)
        await peer.send_eof()
        await trio.sleep(1)

    assert told == ["abc", "http.disconnect"]


@both_ways
async def test_receive_ends_when_the_answer_is_complete(way: str, autojump_clock: Any) -> None:
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

        async def listen() -> None:
            told.append((await receive())["type"])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(1)
            await send(start())
            await send(body(b"x"))
        told.append((await receive())["type"])

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"x"
        await trio.sleep(1)

    assert told == ["http.disconnect", "http.disconnect"]


# ---------------------------------------------------------------- what an application does after its answer


@both_ways
@pytest.mark.parametrize("kind", KINDS)
async def test_work_after_the_answer_goes_on_when_the_client_leaves(kind: str, way: str, autojump_clock: Any) -> None:
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"accepted"))
        await trio.sleep(10)
        done.append("mail sent")

    async with serving(handler_of(app, way), kind) as wires:
        async with wires.connect() as peer:
            began = trio.current_time()
            assert (await peer.ask(GET))[2] == b"accepted"
            assert trio.current_time() - began < 0.1
        await trio.sleep(11)

    assert done == ["mail sent"]


@both_ways
async def test_a_client_that_reads_until_the_end_does_not_wait_for_it(way: str, autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"accepted"))
        await trio.sleep(10)

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        began = trio.current_time()
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await peer.receive_all()).endswith(b"accepted")
        assert trio.current_time() - began < 0.1


async def test_shutdown_waits_for_the_request_after_it_on_its_connection(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/second":
            await trio.sleep(3)
        await send(start(200, [(b"content-length", b"2")]))
        await send(body(b"ok"))
        if scope["path"] == "/first":
            await trio.sleep(1)  # the connection goes on in another task, and this one ends before it

    async with serving(handler_of(app, "pushed"), "virtual") as wires, wires.connect() as peer:
        await peer.ask(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.send(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        await trio.sleep(2)
        report = await wires.server.shutdown(grace=30)

        assert (report.drained, report.cut) == (1, [])
        assert (await peer.response())[2] == b"ok"


@both_ways
async def test_shutdown_waits_for_it_and_cuts_it_after_the_grace(way: str, autojump_clock: Any) -> None:
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"accepted"))
        try:
            await trio.sleep(float(scope["path"][1:]))
            done.append("finished")
        except trio.Cancelled:
            done.append("cut")
            raise

    for seconds, grace, end in ((2, 5, "finished"), (20, 5, "cut")):
        async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
            await peer.ask(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % seconds)
            began = trio.current_time()
            await wires.server.shutdown(grace=grace)
            assert trio.current_time() - began <= min(seconds, grace) + 0.5
        assert done.pop() == end


@both_ways
async def test_shutdown_cuts_an_application_after_the_grace(way: str, autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep_forever()

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        began = trio.current_time()
        report = await wires.server.shutdown(grace=2)
        assert trio.current_time() - began <= 2.5
        assert not report.stuck


async def test_the_handlers_time_does_not_count_after_the_answer(autojump_clock: Any) -> None:
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"accepted"))
        await trio.sleep(10)
        done.append("mail sent")

    async with serving(ASGIHandler(app), timeouts=ServerTimeouts(handler=1)) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"accepted"
        await trio.sleep(11)

    assert done == ["mail sent"]


# ---------------------------------------------------------------- the next request does not wait for that work


async def works_on(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    await send(body(scope["path"].encode()))
    if scope["path"] != "/quick":
        await trio.sleep(10)
    if scope["path"] == "/fails":
        raise ValueError("it broke")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("observed", [False, True])
async def test_the_next_request_does_not_wait(kind: str, observed: bool, autojump_clock: Any) -> None:
    ended: list[Any] = []
    async with serving(ASGIHandler(works_on), kind) as wires:
        if observed:
            wires.server.on_reply(lambda request, response: ended.append((request.path, trio.current_time())))
        wires.server.on_disconnect(lambda info: ended.append(("over", trio.current_time())))
        async with wires.connect() as peer:
            began = trio.current_time()
            for path in (b"/one", b"/two", b"/quick"):
                assert (await peer.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path))[2] == path
            assert trio.current_time() - began <= 0.2
            await trio.sleep(5)
            assert len(wires.server.connections) == 3, "two that work on, and the connection"
        await trio.sleep(1)
        assert [each for each, _ in ended][-1] == "over"
        assert len(wires.server.connections) == 2
        await trio.sleep(10)
        assert not wires.server.connections
        assert [each for each, _ in ended].count("over") == 1

    if observed:
        assert sorted(each for each, _ in ended) == ["/one", "/quick", "/two", "over"]


async def test_pipelined_requests_do_not_wait_either(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(works_on)) as wires, wires.connect() as peer:
        began = trio.current_time()
        await peer.send(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await peer.response())[2] == b"/one"
        assert (await peer.response())[2] == b"/quick"
        assert trio.current_time() - began <= 0.1


async def test_shutdown_drains_both(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(works_on)) as wires, wires.connect() as peer:
        await peer.ask(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        began = trio.current_time()
        report = await wires.server.shutdown(grace=20)
        assert trio.current_time() - began == pytest.approx(9, abs=0.5)
        assert not report.cut
    async with serving(ASGIHandler(works_on)) as wires, wires.connect() as peer:
        await peer.ask(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        report = await wires.server.shutdown(grace=2)
        assert len(report.cut) == 1
        assert not report.stuck


async def test_an_idle_connection_still_ends_in_time(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(works_on), timeouts=ServerTimeouts(idle=3)) as wires, wires.connect() as peer:
        await peer.ask(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
        began = trio.current_time()
        assert await peer.receive() == b""
        assert trio.current_time() - began == pytest.approx(3, abs=0.1)


async def test_what_fails_after_the_connection_has_moved_is_logged(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(ASGIHandler(works_on)) as wires, wires.connect() as peer:
        await peer.ask(b"GET /fails HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await peer.ask(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"/quick"
        await trio.sleep(11)
        assert (await peer.ask(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"/quick"
        assert wires.server.stats.errors == 1

    assert "it broke" in caplog.text


async def test_handlers_of_later_requests_are_watched(autojump_clock: Any) -> None:
    cancelled: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            try:
                await trio.sleep_forever()
            finally:
                cancelled.append(trio.current_time())
        await works_on(scope, receive, send)

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.ask(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
        await peer.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(2)
        left = trio.current_time()
        await peer.send_eof()
        await trio.sleep(1)
        assert cancelled[0] - left <= 0.1
        assert len(wires.server.connections) == 1, "the work after the first answer goes on"


async def test_work_after_the_answer_takes_no_place_of_a_request(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(works_on), limits=ServerLimits(concurrency=1)) as wires:
        for _ in range(2):
            async with wires.connect() as peer:
                assert (await peer.ask(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 200
