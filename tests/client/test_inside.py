"""Handlers in the same process, asked like servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import chunks, run, serve_app
from trio_http import Client, ClientTimeouts, Headers, Request, Response, StatusError
from trio_http.testing import VirtualNetwork

Send = Callable[[bytes], Awaitable[None]]


async def app(request: Request) -> Response:
    match request.path:
        case "/echo":
            return Response(request.body)
        case "/stream":

            async def produce(send: Send) -> None:
                for number in range(3):
                    await trio.sleep(1)
                    await send(b"%d" % number)

            return Response(produce)
        case "/endless":
            return Response(endless())
        case "/inform":
            await request.inform(103, {"Link": "<x>"})
            return Response("done")
        case "/deny":
            raise StatusError(403, "not you", headers={"X-Why": "because"})
        case "/fail":
            raise ZeroDivisionError
        case "/redirect":
            return Response(status=302, headers={"Location": "/echo"})
        case "/sleep":
            await trio.sleep(100)
    return Response(json={"method": request.method, "host": request.host, "url": str(request.url)})


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await trio.sleep(0.1)


@pytest.mark.covers("B35", "C14", "S1.2", "S1.6")
def test_handler_in_this_process_is_asked_like_a_server() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client(app=app, base_url="http://app.test") as client:
            assert (await client.get("/x?y")).json() == {
                "method": "GET",
                "host": "app.test",
                "url": "http://app.test/x?y",
            }
            assert (await client.post("/echo", content=b"hello")).content == b"hello"
            assert (await client.post("/echo", content=chunks(b"he", b"llo"))).content == b"hello"
            assert (await client.head("/x")).content == b""
            assert (await client.get("/redirect")).redirects == 1
            denied = await client.get("/deny")
            assert (denied.status, denied.text(), denied.headers["x-why"]) == (403, "not you", "because")
            with pytest.raises(ZeroDivisionError):
                await client.get("/fail")
            seen: list[int] = []
            await client.get("/inform", on_informational=lambda status, headers: seen.append(status))
            assert seen == [103]
        assert net.connections == []

    run(main)


@pytest.mark.covers("B35")
def test_handlers_stream_flows_piece_by_piece_and_may_be_left() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client(app=app, base_url="http://app.test") as client:
            async with client.stream("GET", "/stream") as response:
                assert [piece async for piece in response.body] == [b"0", b"1", b"2"]
                assert trio.current_time() == 3
            async with client.stream("GET", "/endless") as response:
                await response.body.receive_some()
            assert (await client.get("/stream")).content == b"012"

    run(main)


@pytest.mark.covers("B35")
def test_deadlines_hold_for_handlers_too() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client(app=app, base_url="http://app.test", timeout=ClientTimeouts(read=3)) as client:
            with pytest.raises(trio_http.ReadTimeout, match=r"GET http://app.test/sleep"):
                await client.get("/sleep")
            assert trio.current_time() == 3
            with pytest.raises(trio_http.TotalTimeout):
                await client.get("/sleep", timeout=1)
            with pytest.raises(trio_http.TotalTimeout):
                await client.get("/endless", timeout=1)
            with pytest.raises(trio_http.BodyTooLarge):
                await client.get("/endless", max_body=5000)

    run(main)


@pytest.mark.covers("B35")
def test_handler_may_enter_contexts_and_leave_work_behind() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def resource() -> AsyncIterator[str]:
        log.append("open")
        try:
            yield "it"
        finally:
            log.append("closed")

    async def later() -> None:
        await trio.sleep(1)
        log.append("later")
        raise ValueError("told in the log, and nowhere else")

    async def handler(request: Request) -> Response:
        name = await request.enter(resource())
        request.background(later)
        return Response(chunks(name.encode()))

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test") as client:
            assert (await client.get("/")).content == b"it"
            assert log == ["open", "closed"]
            await trio.sleep(2)

    run(main)
    assert log == ["open", "closed", "later"]


@pytest.mark.covers("B35")
@pytest.mark.parametrize("streamed", [False, True], ids=["bytes", "iterator"])
def test_handlers_limit_of_a_body_holds_as_on_a_server(streamed: bool) -> None:
    async def handler(request: Request) -> Response:
        if request.path != "/default":
            request.limit_body(None if request.path == "/any" else 5)
        return Response(str(len(await request.read())))

    def body(size: int) -> Any:
        return chunks(b"x" * size) if streamed else b"x" * size

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test") as client:
            assert (await client.post("/five", content=body(5))).text() == "5"
            refused = await client.post("/five", content=body(6))
            assert (refused.status, refused.text()) == (413, "at most 5 bytes are accepted")
            size = trio_http.ServerLimits().body
            assert size is not None
            assert (await client.post("/default", content=body(size + 1))).status == 413
            assert (await client.post("/any", content=body(size + 1))).text() == str(size + 1)

    run(main)


@pytest.mark.covers("B35")
def test_background_work_ends_with_the_client() -> None:
    log: list[str] = []

    async def for_ever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            log.append("ended")

    async def handler(request: Request) -> Response:
        request.background(for_ever)
        return Response("ok")

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test") as client:
            await client.get("/")
            await trio.sleep(100)
            assert log == []
        assert log == ["ended"]

    run(main)


@pytest.mark.covers("B35")
def test_failures_of_background_work_are_logged_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(error: Exception) -> None:
        await trio.sleep(1)
        raise error

    async def fail_in_a_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, ValueError("one"))
            nursery.start_soon(trio.sleep_forever)

    async def handler(request: Request) -> Response:
        request.background(fail, ValueError("bare"))
        request.background(fail_in_a_nursery)
        return Response("ok")

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test") as client:
            await client.get("/x")
            await trio.sleep(2)
            assert (await client.get("/y")).status == 200

    run(main)
    first = [record for record in caplog.records if "GET http://app.test/x failed" in record.getMessage()]
    assert sorted(type(record.exc_info[1]).__name__ for record in first if record.exc_info) == ["ValueError"] * 2


def test_handler_that_returns_nothing_is_told() -> None:
    async def forgets(request: Request) -> Response:
        Response("and no return")
        return None  # type: ignore[return-value]  # the mistake

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=forgets, base_url="http://app.test") as client:
            with pytest.raises(TypeError, match=r"the handler returned None \(a forgotten return\?\), not a Response"):
                await client.get("/")

    run(main)


@pytest.mark.covers("B36")
def test_trailers_of_a_handler_arrive() -> None:
    async def handler(request: Request) -> Response:
        return Response(chunks(b"a", b"b"), trailers={"X-Sum": "2"})

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test") as client:
            whole = await client.get("/")
            assert whole.trailers == Headers({"X-Sum": "2"})
            async with client.stream("GET", "/") as response:
                assert response.trailers is None
                await response.read()
                assert response.trailers == Headers({"X-Sum": "2"})

    run(main)


@pytest.mark.covers("B35")
def test_mounted_handler_answers_for_its_origin_only() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, app)
        async with Client(mounts={"http://app.test": app}) as client:
            await client.get("http://app.test/x")
            assert net.connections == []
            await client.get("http://api/x")
            assert len(net.connections) == 1

    run(main)


@pytest.mark.covers("B35")
def test_handler_runs_once_in_the_task_of_the_caller_also_where_requests_are_hedged() -> None:
    tasks: list[trio.lowlevel.Task] = []

    async def handler(request: Request) -> Response:
        tasks.append(trio.lowlevel.current_task())
        await trio.sleep(1)
        return Response("ok")

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test", hedge=0.1) as client:
            assert (await client.get("/")).content == b"ok"
            assert tasks == [trio.lowlevel.current_task()]

    run(main)


@pytest.mark.covers("B35", "S1.4")
@pytest.mark.parametrize("path", ["/sleep", "/stream", "/echo"])
@pytest.mark.parametrize("how", ["aclose", "leave"])
def test_closing_the_client_ends_what_others_are_doing_with_it(path: str, how: str) -> None:
    """As for connections: no piece of a body is taken for the whole of it."""

    async def slow(send: Send) -> None:
        await send(b"begun")
        await trio.sleep(100)

    async def main(net: VirtualNetwork) -> None:
        async def ask(client: Client) -> None:
            with pytest.raises(trio_http.PoolError, match=r"app.test.*closed"):
                await client.post(path, content=slow)
            assert trio.current_time() == 1.5

        async with trio.open_nursery() as nursery, Client(app=app, base_url="http://app.test") as client:
            nursery.start_soon(ask, client)
            await trio.sleep(1.5)
            if how == "aclose":
                await client.aclose()
                await trio.sleep(1)

    run(main)


@pytest.mark.covers("B35")
def test_what_a_handler_entered_is_left_though_its_answer_cannot_be_sent() -> None:
    left: list[bool] = []

    @asynccontextmanager
    async def resource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            left.append(True)

    async def handler(request: Request) -> Response:
        await request.enter(resource())
        return Response(reason="\N{CHECK MARK}")

    async def main(net: VirtualNetwork) -> None:
        async with Client(app=handler, base_url="http://app.test") as client:
            with pytest.raises(trio_http.LocalProtocolError, match=r"reason phrase"):
                await client.get("/")
            assert left == [True]

    run(main)
