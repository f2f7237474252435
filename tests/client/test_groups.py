"""Many requests at once."""

from __future__ import annotations

import pytest
import trio

import trio_http
from tests.client.client_peers import run, serve_app
from trio_http import Client, Request, Response
from trio_http.testing import VirtualNetwork


async def sleepy(request: Request) -> Response:
    seconds = float(request.path.strip("/"))
    if seconds < 0:
        raise trio_http.StatusError(500)
    await trio.sleep(seconds)
    return Response(request.path)


@pytest.mark.covers("B39", "S4.35", "S4.36", "S4.37", "S4.40")
def test_handles_come_in_the_order_in_which_they_are_done() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        seen: list[tuple[str, float]] = []
        async with Client(base_url="http://api") as client, client.gather() as group:
            for seconds in (3, 1, 2):
                group.get(f"/{seconds}")
            assert group.pending == 3
            async for handle in group:
                assert handle.response is not None
                seen.append((handle.response.text(), trio.current_time()))
            assert group.pending == 0
        assert seen == [("/1", 1), ("/2", 2), ("/3", 3)]

    run(main)


@pytest.mark.covers("B39", "S4.36", "S4.37", "S4.40")
def test_limit_queues_the_rest_and_requests_may_be_added_meanwhile() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        count = 0
        async with Client(base_url="http://api") as client, client.gather(limit=2) as group:
            for _ in range(4):
                group.get("/1")
            await trio.sleep(0.5)
            assert len(client.pool.connections) == 2
            assert group.pending == 4
            async for handle in group:
                assert handle.elapsed == 1
                count += 1
                if count == 4:
                    group.post("/1", content=b"one more")
        assert count == 5
        assert trio.current_time() == 3

    run(main)


@pytest.mark.covers("B39", "S4.39", "S4.40")
def test_failure_stays_with_its_handle() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        net.host("gone")
        async with Client(base_url="http://api", raise_for_status=True) as client, client.gather() as group:
            good, bad, refused, invalid = (
                group.get("/1"),
                group.get("/-1"),
                group.get("http://gone/"),
                group.get("x://"),
            )
            assert (await good.wait()).status == 200
            with pytest.raises(trio_http.StatusError):
                await bad.wait()
            assert isinstance(refused.error, trio_http.ConnectError)
            assert isinstance(invalid.error, trio_http.InvalidURL)
            assert {handle.done for handle in group.poll()} == {True}
            assert group.poll() == []

    run(main)


@pytest.mark.covers("B39")
def test_first_success_gives_up_the_others() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        async with Client(base_url="http://api", raise_for_status=True) as client:
            async with client.gather() as group:
                for seconds in (5, 2, -1):
                    group.get(f"/{seconds}")
                assert (await group.first()).text() == "/2"
                assert trio.current_time() == 2
            assert [info.state for info in client.pool.connections] == ["idle"] * len(client.pool.connections)
            async with client.gather() as group:
                group.get("/-1")
                with pytest.raises(ExceptionGroup):
                    await group.first()

    run(main)


@pytest.mark.covers("B39")
def test_leaving_the_block_gives_up_what_is_pending() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        async with Client(base_url="http://api") as client:
            async with client.gather(limit=1) as group:
                one, two = group.get("/100"), group.get("/100")
                await trio.sleep(1)
            assert trio.current_time() == 1
            assert not one.done
            assert not two.done
            assert client.pool.connections == []
            with pytest.raises(ValueError, match="mine"):  # noqa: PT012 - the block is what is tested
                async with client.gather() as group:
                    group.get("/100")
                    raise ValueError("mine")

    run(main)


def test_handle_may_be_cancelled_alone() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        async with Client(base_url="http://api") as client, client.gather() as group:
            slow, quick = group.get("/100"), group.get("/1")
            await trio.sleep(0.5)
            slow.cancel()
            assert [handle async for handle in group] == [quick]
            assert trio.current_time() == 1

    run(main)


@pytest.mark.covers("B39", "S4.38")
@pytest.mark.parametrize("how", ["handle", "group", "block", "outside"])
def test_what_is_given_up_before_its_turn_is_never_sent(how: str) -> None:
    asked: list[str] = []

    async def note(request: Request) -> Response:
        asked.append(request.path)
        if request.path == "/1":
            await trio.sleep(100)
        return Response("ok")

    class Body:
        closed = False

        def __aiter__(self) -> Body:
            return self

        async def __anext__(self) -> bytes:
            raise AssertionError("nobody wants it")

        async def aclose(self) -> None:
            self.closed = True

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, note)
        body = Body()
        async with Client(base_url="http://api") as client:
            async with client.stream("GET", "/0") as response:
                await client.get("/0")
                await response.read()
            assert len(client.pool.connections) == 2  # idle: what is asked for could be sent at once
            with trio.CancelScope() as scope:
                async with client.gather(limit=1) as group:
                    group.get("/1")
                    two, three = group.get("/2"), group.post("/3", content=body)
                    await trio.sleep(1)
                    if how == "outside":
                        scope.cancel()
                        await trio.sleep(1)
                    for handle in {"handle": [two, three], "group": [group]}.get(how, []):
                        handle.cancel()
            for handle in (two, three):
                with pytest.raises(RuntimeError, match=r"given up"):
                    await handle.wait()
                assert not handle.done
            assert body.closed
            await trio.sleep(1)
        assert asked == ["/0", "/0", "/1"]

    run(main)


@pytest.mark.covers("B39")
def test_two_tasks_may_share_the_results() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        found: list[str] = []

        async def collect() -> None:
            found.extend([handle.unwrap().text() async for handle in group])

        async with Client(base_url="http://api") as client, client.gather() as group:
            for seconds in (1, 2, 3):
                group.get(f"/{seconds}")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(collect)
                nursery.start_soon(collect)
        assert sorted(found) == ["/1", "/2", "/3"]

    run(main)


@pytest.mark.covers("S4.33", "S4.34")
@pytest.mark.parametrize("verb", ["get", "delete", "post", "put", "patch", "head"])
def test_each_verb_of_a_group(verb: str) -> None:
    async def echo(request: Request) -> Response:
        target, mine = request.target, request.headers["x-mine"]
        shown = {"X-Method": request.method, "X-Target": target, "X-Mine": mine, "X-Body": await request.text()}
        return Response(headers=shown)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client(base_url="http://api") as client, client.gather() as group:
            options = {"params": {"a": "1"}, "headers": {"X-Mine": "2"}}
            handle = getattr(group, verb)("/", content="" if verb in {"get", "delete", "head"} else "it", **options)
            assert group.poll() == []
            response = await handle.wait()
            assert response.headers["x-method"] == verb.upper()
            assert (response.headers["x-target"], response.headers["x-mine"]) == ("/?a=1", "2")
            assert response.headers["x-body"] == ("it" if verb in {"post", "put", "patch"} else "")

    run(main)


@pytest.mark.covers("S4.38")
def test_a_group_is_given_up_as_a_whole() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, sleepy)
        async with Client(base_url="http://api") as client, client.gather(limit=1) as group:
            group.get("/100")
            group.get("/100")
            await trio.sleep(1)
            group.cancel()
            assert [handle async for handle in group] == []
        assert trio.current_time() == 1

    run(main)
