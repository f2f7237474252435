"""The server as an object: what it is told, what it knows, and what can be asked of it."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import trio_http
from tests.wires import MemoryListener, Peer, serving
from trio_http import Request, Response, Server, ServerLimits
from trio_http.messages import SendChunk
from trio_http.server import Connection

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response("hello")


@pytest.mark.covers("A1", "S1.51", "S1.64", "S2.32", "S2.33")
async def test_serve_tells_its_nursery_when_it_listens_and_where() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, hello, 0)

        assert server.addresses == [("127.0.0.1", server.port)]
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            assert (await Peer(stream).ask(GET))[2] == b"hello"
        await server.shutdown()


@pytest.mark.covers("S2.13", "S2.41", "S2.49", "S2.43", "A1", "S1.64")
async def test_a_server_is_made_first_listens_later_and_can_be_closed() -> None:
    server = Server(hello, 0, host="127.0.0.1")
    assert server.addresses == []

    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            assert (await Peer(stream).ask(GET))[2] == b"hello"
            await server.aclose()  # listen() returns, so the nursery ends

            assert await stream.receive_some() == b""
    with pytest.raises(OSError, match="failed"):
        await trio.open_tcp_stream("127.0.0.1", server.port)


@pytest.mark.covers("S2.43")
async def test_closing_does_not_wait_for_handlers(autojump_clock: Any) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep(1000)
        return Response()

    async with serving(slow) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        await wires.server.aclose()

        assert await peer.receive_all() == b""
        assert trio.current_time() < 2


@pytest.mark.covers("S2.31")
def test_a_server_knows_whether_it_is_secure() -> None:
    assert not Server(hello).is_secure
    assert Server(hello, is_secure=True).is_secure


@pytest.mark.parametrize("options", [{"read_size": 0}, {"accept_batch": 0}])
def test_what_would_never_take_anything_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=r"Server\(.*=0\) makes no sense: give at least 1"):
        Server(hello, **options)


@pytest.mark.covers("S2.34", "A2")
async def test_the_sockets_of_a_server_can_be_seen() -> None:
    listener = MemoryListener()
    (tcp,) = await trio_http.open_listeners(0)
    async with trio.open_nursery() as nursery:
        server = Server(hello, listeners=[tcp, listener])
        await nursery.start(server.listen)

        assert server.listeners == [tcp, listener]
        assert [sock.getsockname()[1] for sock in server.sockets] == [server.port]
        await server.aclose()


@pytest.mark.covers("A3", "S1.65")
async def test_options_of_listening_reach_the_socket(tmp_path: Path) -> None:
    def option(listener: trio.SocketListener, name: int) -> bool:
        return bool(listener.socket.getsockopt(socket.SOL_SOCKET, name))

    listeners = [
        *await trio_http.open_listeners(0, host="localhost", family=socket.AF_INET, reuse_port=True),
        *await trio_http.open_listeners(0, reuse_address=False),
    ]

    found = [
        (listener.socket.family, option(listener, socket.SO_REUSEPORT), option(listener, socket.SO_REUSEADDR))
        for listener in listeners
    ]
    for listener in listeners:
        await listener.aclose()

    assert found == [(socket.AF_INET, True, True), (socket.AF_INET, False, False)]


@pytest.mark.covers("S1.65")
async def test_no_name_is_looked_up_where_that_is_not_wanted() -> None:
    with pytest.raises(trio_http.ConnectError):
        await trio_http.open_listeners(0, host="localhost", flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST)


@pytest.mark.covers("A3", "S2.35")
@pytest.mark.parametrize("wanted", [True, False])
async def test_a_server_passes_them_on(wanted: bool) -> None:
    async with serving(hello, "socket", reuse_address=wanted, reuse_port=not wanted) as wires:
        (sock,) = wires.server.sockets

        assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) == wanted
        assert bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)) != wanted


@pytest.mark.covers("A3")
async def test_the_kernel_queues_as_many_as_it_is_told() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, backlog=7).listen)

        # of a listening socket Linux tells the length of its queue in the place of tcpi_sacked
        info = server.sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        assert struct.unpack_from("=8B6I", info)[8 + 5] == 7
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A3")
async def test_a_unix_socket_has_a_backlog_too(tmp_path: Path) -> None:
    took: list[int] = []
    for backlog in (1, 50):
        listener = await trio_http.open_unix_listener(str(tmp_path / str(backlog)), backlog=backlog)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for sock in waiting:
            sock.setblocking(False)
        took.append(sum(sock.connect_ex(listener.socket.getsockname()) == 0 for sock in waiting))
        for sock in waiting:
            sock.close()
        await listener.aclose()

    assert took[0] < 10
    assert took[1] == 20


@pytest.mark.covers("A2", "A9")
async def test_serve_takes_a_path_listeners_and_a_lifespan(tmp_path: Path) -> None:
    listener = MemoryListener()
    began: list[Server] = []

    @asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[dict[str, str]]:
        began.append(server)
        yield {"greeting": "good morning"}

    async def greet(request: Request) -> Response:
        return Response(request.state["greeting"])

    options: list[dict[str, Any]] = [{"path": str(tmp_path / "s")}, {"listeners": [listener]}]
    async with trio.open_nursery() as nursery:
        servers = [
            await nursery.start(partial(trio_http.serve, greet, lifespan=lifespan, **option)) for option in options
        ]
        for stream in (await trio.open_unix_socket(str(tmp_path / "s")), listener.connect()):
            async with stream:
                assert (await Peer(stream).ask(GET))[2] == b"good morning"
        nursery.cancel_scope.cancel()

    assert began == servers


@pytest.mark.covers("A7", "S1.86")
async def test_an_endless_stream_ends_by_itself_when_the_server_shuts_down(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        async def ticks(send: SendChunk) -> None:
            assert request.server is not None
            while not request.server.shutting_down.is_set():
                await send(b"tick\n")
                with trio.move_on_after(1):
                    await request.server.shutting_down.wait()
            await send(b"good-bye\n")

        return Response(ticks)

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)
        await peer.receive_until(b"tick\n")
        await trio.sleep(3.5)
        report = await wires.server.shutdown(grace=100)

        assert (report.drained, report.cut, report.seconds) == (1, [], 0)
        assert (await peer.receive_all()).endswith(b"tick\n\r\n9\r\ngood-bye\n\r\n0\r\n\r\n")


@pytest.mark.covers("A38", "S2.44")
async def test_a_connect_hook_sees_the_socket(tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []
    server = Server(hello, path=str(tmp_path / "s"))

    @server.on_connect
    def look(connection: Connection) -> None:
        sock = connection.socket
        assert isinstance(sock, socket.socket)
        seen.append(struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)))

    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        async with await trio.open_unix_socket(tmp_path / "s") as stream:
            assert (await Peer(stream).ask(GET))[2] == b"hello"
        await server.aclose()

    assert seen == [(os.getpid(), os.getuid(), os.getgid())]


@pytest.mark.covers("A38")
@pytest.mark.parametrize("kind", ["socket", "tls", "virtual"])
async def test_a_connect_hook_may_set_options(kind: str) -> None:
    found: list[int] = []

    async def handler(request: Request) -> Response:
        connection = wires.server.connections[0]
        sock: Any = connection.socket
        found.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        return Response()

    async with serving(handler, kind) as wires:

        @wires.server.on_connect
        def set_option(connection: Connection) -> None:
            sock: Any = connection.socket
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

        async with wires.connect() as peer:
            await peer.ask(GET)

    assert found == [1]


@pytest.mark.covers("A79")
async def test_connections_and_counters_can_be_looked_at(autojump_clock: Any) -> None:
    hold = trio.Event()

    async def handler(request: Request) -> Response:
        if request.path == "/hold":
            await hold.wait()
        if request.path == "/fail":
            raise RuntimeError("trouble")
        return Response("x" * 1000)

    async with serving(handler, limits=ServerLimits(concurrency=2)) as wires:
        server = wires.server
        async with wires.connect() as busy, wires.connect() as idle:
            await idle.ask(GET)
            await idle.ask(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
            await busy.send(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
            await trio.sleep(7)

            by_state = {connection.request is not None: connection for connection in server.connections}
            assert len(server.connections) == 2
            assert by_state[True].request is not None
            assert by_state[True].request.path == "/hold"
            assert (by_state[True].requests, by_state[False].requests) == (1, 2)
            assert by_state[False].bytes_sent > 1000
            assert by_state[False].age == 7
            assert server.active == 1
            hold.set()
            await busy.response()
            await idle.ask(b"broken\r\n\r\n")

        stats = server.stats
        assert (stats.connections, stats.requests, stats.errors, stats.refused) == (2, 3, 1, 1)
        await trio.sleep(5)
        assert server.connections == []
