"""How many requests are handled at once, who waits for a place, and who is turned away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from tests.wires import MemoryListener, Peer, serving
from trio_http import Request, Response, Server, ServerLimits, UpgradeResponse

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def sleeping(seconds: float) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        await trio.sleep(seconds)
        return Response(request.path)

    return handler


async def ask(wires: Any, results: list[tuple[float, int, dict[bytes, bytes], bytes]], path: str = "/") -> None:
    async with wires.connect() as peer:
        status, fields, body = await peer.ask(GET.replace(b"/ ", path.encode() + b" "))
        results.append((trio.current_time(), status, fields, body))


@pytest.mark.covers("A24")
async def test_who_finds_no_place_waits_in_line_and_is_answered_in_order(autojump_clock: Any) -> None:
    results: list[tuple[float, int, dict[bytes, bytes], bytes]] = []
    limits = ServerLimits(concurrency=1, queue=2, queue_timeout=100)

    async with serving(sleeping(10), limits=limits) as wires:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(ask, wires, results, f"/{number}")
                await trio.sleep(1)

    assert [(round(at - began), status, body[:2]) for at, status, _, body in results] == [
        (3, 503, b"50"),  # the fourth: two wait already
        (10, 200, b"/0"),
        (20, 200, b"/1"),
        (30, 200, b"/2"),
    ]
    assert results[0][2][b"retry-after"] == b"100"


@pytest.mark.covers("A24")
async def test_waiting_in_line_has_an_end(autojump_clock: Any) -> None:
    results: list[tuple[float, int, dict[bytes, bytes], bytes]] = []
    limits = ServerLimits(concurrency=1, queue=10, queue_timeout=2.5)

    async with serving(sleeping(10), limits=limits) as wires:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, wires, results)
            await trio.sleep(1)
            nursery.start_soon(ask, wires, results)

        assert wires.server.stats.turned_away == 1
        await ask(wires, results)  # the place is free again

    assert [(at - began, status) for at, status, _, _ in results] == [(3.5, 503), (10, 200), (20, 200)]
    assert results[0][2][b"retry-after"] == b"3"


@pytest.mark.covers("A24")
async def test_a_client_that_leaves_the_line_makes_room_in_it(autojump_clock: Any) -> None:
    results: list[tuple[float, int, dict[bytes, bytes], bytes]] = []
    limits = ServerLimits(concurrency=1, queue=1, queue_timeout=None)

    async with serving(sleeping(10), limits=limits) as wires:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, wires, results, "/first")
            await trio.sleep(1)
            async with wires.connect() as impatient:
                await impatient.send(GET)
                await trio.sleep(1)
            await trio.sleep(1)
            nursery.start_soon(ask, wires, results, "/second")

        assert wires.server.stats.clients_gone == 1

    assert [(at - began, status, body) for at, status, _, body in results] == [
        (10, 200, b"/first"),
        (20, 200, b"/second"),
    ]


@pytest.mark.covers("A24")
async def test_a_place_given_to_somebody_who_leaves_at_that_moment_is_not_lost(autojump_clock: Any) -> None:
    results: list[tuple[float, int, dict[bytes, bytes], bytes]] = []
    limits = ServerLimits(concurrency=1, queue=5, queue_timeout=None)
    release = trio.Event()

    async def handler(request: Request) -> Response:
        if request.path == "/held":
            await release.wait()
        return Response(request.path)

    async with serving(handler, limits=limits) as wires, trio.open_nursery() as nursery:
        nursery.start_soon(ask, wires, results, "/held")
        await trio.sleep(1)
        async with wires.connect() as leaving:
            await leaving.send(GET)
            await trio.sleep(1)
            waiting = next(one for one in wires.server.connections if one.request and one.request.path == "/")
            release.set()
            waiting.cut("client_gone")  # in the same turn as the place becomes free
            await trio.sleep(1)
        await ask(wires, results, "/next")

    assert [body for _, _, _, body in results] == [b"/held", b"/next"]


@pytest.mark.covers("A24")
async def test_an_upgraded_connection_holds_no_place(autojump_clock: Any) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)

    async def handler(request: Request) -> Response:
        await trio.sleep(1)
        return UpgradeResponse("echo", talk) if "upgrade" in request.headers else Response("fine")

    async with (
        serving(handler, limits=ServerLimits(concurrency=1)) as wires,
        wires.connect() as talking,
        wires.connect() as asking,
    ):
        await talking.send(GET[:-2] + b"Connection: upgrade\r\nUpgrade: echo\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        assert (await asking.ask(GET))[0] == 503  # its request holds the only one
        assert b"101" in await talking.receive_until(b"\r\n\r\n")

        assert (await asking.ask(GET))[0] == 200


@pytest.mark.covers("A24")
@pytest.mark.parametrize("limits", [{"queue": -1}, {"queue_timeout": 0}, {"queue_timeout": True}, {"queue": 1.5}])
def test_a_line_that_makes_no_sense_is_refused(limits: Any) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        ServerLimits(**limits)


@pytest.mark.covers("A23")
async def test_all_listeners_go_on_when_there_is_room_again(autojump_clock: Any) -> None:
    listeners = [MemoryListener(), MemoryListener()]

    async with trio.open_nursery() as nursery:
        server = Server(sleeping(0), listeners=listeners, limits=ServerLimits(connections=1))
        await nursery.start(server.listen)

        async def ask(peer: Peer) -> None:
            assert (await peer.ask(GET))[0] == 200
            await peer.aclose()

        # each listener was waiting for a connection when there was still room
        early = [Peer(listener.connect()) for listener in listeners]
        await trio.testing.wait_all_tasks_blocked()  # both wait for room now
        assert len(server.connections) == 1
        with trio.fail_after(1):
            async with trio.open_nursery() as clients:
                for peer in early:
                    clients.start_soon(ask, peer)
        for listener in listeners:
            with trio.fail_after(1):
                later = Peer(listener.connect())
                assert (await later.ask(GET))[0] == 200
                await later.aclose()
        nursery.cancel_scope.cancel()
