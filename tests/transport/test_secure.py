"""TLS on a plain socket: what goes in comes out, whatever the kernel takes at once, and ends are told apart."""

from __future__ import annotations

import itertools
import random
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio

from tests.wires import client_context, server_context
from trio_http import ReadError, TLSError
from trio_http.transport import SocketTransport, TLSTransport

DATA = random.Random(1).randbytes(3_000_000)
Client = trio.SSLStream[trio.SocketStream]


@asynccontextmanager
async def connected(*, send_buffer: int | None = None) -> AsyncIterator[tuple[TLSTransport, Client]]:
    """Both ends of a connection, hands shaken."""
    ours, theirs = socket.socketpair()
    if send_buffer is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    server = TLSTransport(SocketTransport(ours), server_context())
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    client = trio.SSLStream(stream, client_context(), server_hostname="localhost", https_compatible=False)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.handshake)
            nursery.start_soon(client.do_handshake)
        yield server, client
    finally:
        server.close_now()
        await trio.aclose_forcefully(client)


async def send(transport: TLSTransport, pieces: Sequence[bytes]) -> None:
    """Send as the wire does: at once what goes, and the rest with waits."""
    rest = memoryview(b"".join(pieces))
    rest = rest[transport.send_nowait(pieces) :]
    while rest:
        rest = rest[await transport.send(rest) :]


async def read_all(client: Client, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        data = await client.receive_some(random.Random(len(got)).randrange(1, 100_000))
        assert data
        got += data
    return bytes(got)


@pytest.mark.parametrize("send_buffer", [None, 4096])
@pytest.mark.parametrize("sizes", [[10], [100, 70_000], [3_000_000], [65_536, 65_536], [1, 0, 999_999]])
async def test_what_is_sent_arrives_however_little_the_kernel_takes(sizes: list[int], send_buffer: int | None) -> None:
    with trio.fail_after(20):
        async with connected(send_buffer=send_buffer) as (server, client):
            for _ in range(2):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(send, server, [DATA[:size] for size in sizes])
                    want = b"".join(DATA[:size] for size in sizes)

                    assert await read_all(client, len(want)) == want


@pytest.mark.parametrize("max_bytes", [1000, 65_536])
async def test_what_is_received_comes_in_pieces_of_the_size_wanted(max_bytes: int) -> None:
    with trio.fail_after(20):
        async with connected() as (server, client), trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, DATA[:500_000])
            got = b""
            while len(got) < 500_000:
                data = server.receive_nowait(max_bytes) or await server.receive(max_bytes)
                assert 0 < len(data) <= max_bytes
                got += data

    assert got == DATA[:500_000]


async def test_both_ways_at_once() -> None:
    with trio.fail_after(20):
        async with connected(send_buffer=8192) as (server, client):

            async def echo() -> None:
                async with trio.open_nursery() as nursery:
                    for _ in range(20):
                        data = await server.receive(65_536)
                        await send(server, [data])
                        nursery.start_soon(trio.lowlevel.checkpoint)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(echo)
                for number in range(20):
                    await client.send_all(DATA[number * 10_000 :][:10_000])
                    assert await read_all(client, 10_000) == DATA[number * 10_000 :][:10_000]


async def test_a_good_bye_is_an_end_and_stays_one() -> None:
    with trio.fail_after(5):
        async with connected() as (server, client):
            await client.send_all(b"last words")
            await client.aclose()

            assert await server.receive(100) == b"last words"
            for _ in range(2):
                assert await server.receive(100) == b""
                assert server.receive_nowait(100) == b""


async def test_an_end_without_good_bye_is_an_error() -> None:
    with trio.fail_after(5):
        async with connected() as (server, client):
            await client.send_all(b"cut")
            await client.transport_stream.send_eof()

            assert await server.receive(100) == b"cut"
            for _ in range(2):
                with pytest.raises(ReadError, match="EOF"):
                    await server.receive(100)


async def test_bytes_that_were_changed_on_the_way_are_an_error() -> None:
    with trio.fail_after(5):
        async with connected() as (server, client):
            await client.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + b"x" * 32)

            with pytest.raises(ReadError):
                await server.receive(100)


async def test_closing_says_good_bye() -> None:
    with trio.fail_after(5):
        async with connected() as (server, client):
            await send(server, [b"the end"])
            await server.aclose()

            assert await client.receive_some() == b"the end"
            assert await client.receive_some() == b""  # would be an error without close_notify


async def test_after_its_end_it_only_drops_what_comes() -> None:
    with trio.fail_after(5):
        async with connected() as (server, client):
            await client.send_all(b"x" * 1000)
            await server.send_eof()
            assert await client.receive_some() == b""
            await client.transport_stream.send_eof()

            while await server.receive(65_536):
                pass


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\xff\xff", b""])
async def test_what_is_no_handshake_is_told(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    server = TLSTransport(SocketTransport(ours), server_context())
    with trio.fail_after(5), theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(TLSError, match="handshake"):
            await server.handshake()
    await server.aclose()


async def test_a_client_that_does_not_trust_us_ends_the_handshake() -> None:
    ours, theirs = socket.socketpair()
    server = TLSTransport(SocketTransport(ours), server_context())
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    client = trio.SSLStream(stream, ssl.create_default_context(), server_hostname="localhost")

    async def refuse() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await client.do_handshake()
        await stream.aclose()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refuse)
            with pytest.raises(TLSError, match="handshake"):
                await server.handshake()
    await server.aclose()
    await stream.aclose()


async def test_a_read_that_is_cancelled_loses_nothing() -> None:
    with trio.fail_after(10):
        async with connected() as (server, client):
            got = b""
            async with trio.open_nursery() as nursery:

                async def drip() -> None:
                    for start in range(0, 20_000, 100):
                        await client.send_all(DATA[start : start + 100])
                        await trio.lowlevel.checkpoint()

                async def cancel(scope: trio.CancelScope, after: int) -> None:
                    for _ in range(after):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()

                nursery.start_soon(drip)
                for turn in itertools.count():
                    with trio.CancelScope() as scope:
                        nursery.start_soon(cancel, scope, turn % 7)
                        got += await server.receive(65_536)
                    if len(got) == 20_000:
                        break

    assert got == DATA[:20_000]
