"""Options and facts of a server that stand for themselves, one by one."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_http
from tests.wires import SERVER_CERT, client_context, serving
from trio_http import LocalProtocolError, Request, Response, Server, ServerLimits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response("hello")


def certificate_in(folder: Path) -> tuple[str, str]:
    """The paths of a certificate and its key."""
    SERVER_CERT.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    SERVER_CERT.private_key_pem.write_to_path(folder / "key.pem")
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.mark.covers("A53")
async def test_the_date_can_be_left_out(autojump_clock: Any) -> None:
    async with serving(hello) as wires, wires.connect() as peer:
        assert b"date" in (await peer.ask(GET))[1]
    async with serving(hello, date_header=False) as wires, wires.connect() as peer:
        assert b"date" not in (await peer.ask(GET))[1]


@pytest.mark.covers("A3")
async def test_the_kernel_queues_as_many_as_it_is_told() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, backlog=7).listen)

        # of a listening socket Linux tells the length of its queue in the place of tcpi_sacked
        info = server.sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        assert struct.unpack_from("=8B6I", info)[8 + 5] == 7
        nursery.cancel_scope.cancel()


@pytest.mark.covers("S2.35")
@pytest.mark.parametrize("reuse", [True, False])
async def test_an_address_is_used_again_unless_that_is_not_wanted(reuse: bool) -> None:
    [listener] = await trio_http.open_listeners(0, host="127.0.0.1", reuse_address=reuse)

    assert bool(listener.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) is reuse
    await listener.aclose()


@pytest.mark.covers("S2.13", "S2.31", "S2.41", "S2.42")
async def test_a_secure_server_is_set_up_before_it_listens(tmp_path: Path) -> None:
    cert, key = certificate_in(tmp_path)
    server = Server(hello, 0, host="127.0.0.1", is_secure=True)
    assert server.is_secure
    with pytest.raises(LocalProtocolError, match="needs a certificate"):
        await server.listen()
    server.load_certs(cert, key)

    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with trio.SSLStream(stream, client_context(), server_hostname="localhost") as secure:
            await secure.send_all(GET)
            assert bytes(await secure.receive_some()).startswith(b"HTTP/1.1 200 OK")
        nursery.cancel_scope.cancel()


@pytest.mark.covers("S2.31", "S2.42")
def test_a_plain_server_takes_no_certificate(tmp_path: Path) -> None:
    server = Server(hello)

    assert not server.is_secure
    with pytest.raises(LocalProtocolError, match="does not serve over TLS"):
        server.load_certs(*certificate_in(tmp_path))


@pytest.mark.covers("S2.32", "S2.33", "S2.34")
async def test_a_server_listens_on_this_machine_alone_unless_it_is_told_otherwise() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello).listen)

        assert server.addresses == [("127.0.0.1", server.port)]
        assert [sock.getsockname() for sock in server.sockets] == server.addresses
        assert [listener.socket for listener in server.listeners] == server.sockets
        nursery.cancel_scope.cancel()


@pytest.mark.covers("S2.43")
async def test_a_server_can_be_closed_at_once(autojump_clock: Any) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep(1000)
        return Response()

    async with serving(slow) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        await wires.server.aclose()

        assert await peer.receive_all() == b""
        assert trio.current_time() < 2


@pytest.mark.covers("S2.49")
async def test_listening_is_a_task_that_ends_with_the_server(autojump_clock: Any) -> None:
    async with trio.open_nursery() as nursery:
        listener = trio_http.testing.MemoryListener()
        server = await nursery.start(Server(hello, listeners=[listener]).listen)
        async with listener.connect() as stream:
            await stream.send_all(GET)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
        await server.shutdown()


@pytest.mark.covers("A31")
@pytest.mark.parametrize(("size", "kept"), [(1000, True), (2000, False)])
async def test_an_unread_body_is_skipped_if_it_is_short_enough(autojump_clock: Any, size: int, kept: bool) -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    async with serving(hello, limits=ServerLimits(drain=1500)) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(post)
        assert status == 200
        await peer.send(b"x" * size)

        assert (b"connection" not in fields) is kept
        if kept:
            assert (await peer.ask(GET))[0] == 200
        else:
            assert await peer.receive_all() == b""


@pytest.mark.covers("A7")
async def test_a_long_answer_ends_by_itself_when_the_server_is_to_stop(autojump_clock: Any) -> None:
    async def ticking(request: Request) -> Response:
        async def produce(send: Any) -> None:
            assert request.server is not None
            while not request.server.shutting_down.is_set():
                await send(b".")
                with trio.move_on_after(1):
                    await request.server.shutting_down.wait()
            await send(b"bye")

        return Response(produce)

    async with serving(ticking) as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(2.5)
        report = await wires.server.shutdown(grace=100)

        assert report.drained == 1
        assert report.seconds == 0
        assert (await peer.receive_all()).endswith(b"3\r\nbye\r\n0\r\n\r\n")


@pytest.mark.covers("S1.89", "S1.90")
async def test_a_function_writes_the_answer_and_its_return_ends_it(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        async def produce(send: Any) -> None:
            await send(b"one ")
            await trio.sleep(1)
            await send(b"two")

        return Response(produce)

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(GET)

        assert (await peer.receive_until(b"4\r\none \r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await peer.receive_until(b"\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
        assert trio.current_time() == 1


@pytest.mark.covers("S1.57")
async def test_a_body_is_read_in_pieces_of_a_size(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response(json=[len(piece) async for piece in request.body])

    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
    async with serving(handler, read_size=4) as wires, wires.connect() as peer:
        await peer.send(post + b"0123456789")
        sizes = (await peer.response())[2]
        assert max(int(size) for size in sizes.strip(b"[]").split(b",")) <= 4
