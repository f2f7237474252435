"""Sockets that wait for bytes together: as if each waited by itself."""

from __future__ import annotations

import gc
import os
import select
import socket
import struct
import sys
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_http import ReadError
from trio_http.transport import Readiness, SocketTransport

pytestmark = pytest.mark.skipif(
    not hasattr(select, "epoll"), reason=f"sockets wait together by epoll, which {sys.platform} lacks"
)


class Pair:
    """A transport under test and the other end of its socket."""

    def __init__(self, readiness: Readiness, kind: socket.AddressFamily) -> None:
        if kind == socket.AF_UNIX:
            ours, self.peer = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.peer = socket.create_connection(listener.getsockname())
                ours, _ = listener.accept()
        self.transport = SocketTransport(ours, readiness=readiness)


@pytest.fixture
async def readiness() -> AsyncIterator[Readiness]:
    with Readiness(crowd=1) as readiness:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            yield readiness
            nursery.cancel_scope.cancel()


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
async def pair(request: pytest.FixtureRequest, readiness: Readiness) -> AsyncIterator[Pair]:
    pair = Pair(readiness, request.param)
    yield pair
    pair.transport.close_now()
    pair.peer.close()
    assert repr(readiness) == "<Readiness: 0 of 0 sockets wait together>"


async def test_what_came_before_and_what_comes_later_is_received(pair: Pair) -> None:
    received: list[bytes] = []

    async def read() -> None:
        received.append(await pair.transport.receive(100))

    pair.peer.send(b"before")
    await read()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        pair.peer.send(b"later")
    pair.peer.send(b"between")  # nobody waits now
    await trio.testing.wait_all_tasks_blocked()
    await read()

    assert received == [b"before", b"later", b"between"]


async def test_a_read_that_takes_less_than_there_is_leaves_the_rest(pair: Pair) -> None:
    pair.peer.send(b"abcdefgh")

    pieces = [await pair.transport.receive(3) for _ in range(3)]

    assert b"".join(pieces) == b"abcdefgh"


@pytest.mark.parametrize("first", [b"", b"last words"])
async def test_the_end_is_seen_and_stays(pair: Pair, first: bytes) -> None:
    if first:
        pair.peer.send(first)
    pair.peer.shutdown(socket.SHUT_WR)

    if first:
        assert await pair.transport.receive(100) == first

    assert await pair.transport.receive(100) == b""
    assert await pair.transport.receive(100) == b""


async def test_an_end_that_comes_while_nobody_waits_is_seen(pair: Pair) -> None:
    pair.peer.send(b"a")
    assert await pair.transport.receive(100) == b"a"

    pair.peer.close()
    await trio.testing.wait_all_tasks_blocked()

    assert await pair.transport.receive(100) == b""


async def test_a_reset_ends_the_wait_with_an_error(readiness: Readiness) -> None:
    pair = Pair(readiness, socket.AF_INET)

    async def leave() -> None:
        await trio.testing.wait_all_tasks_blocked()
        pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.peer.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        with pytest.raises(ReadError, match="reset by peer"):
            await pair.transport.receive(100)

    pair.transport.close_now()


async def test_a_cancelled_wait_loses_nothing(pair: Pair) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.transport.receive, 100)
        await trio.testing.wait_all_tasks_blocked()
        pair.peer.send(b"abc")  # readable, but the task has not run when it is cancelled
        nursery.cancel_scope.cancel()

    assert await pair.transport.receive(100) == b"abc"


async def test_closing_ends_the_wait_of_another_task(pair: Pair) -> None:
    async def close() -> None:
        await trio.testing.wait_all_tasks_blocked()
        pair.transport.close_now()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(close)
        with pytest.raises(ReadError, match="closed on our side"):
            await pair.transport.receive(100)

    with pytest.raises(ReadError, match="closed on our side"):
        await pair.transport.receive(100)


async def test_a_second_reader_is_told(pair: Pair) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.transport.receive, 100)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await pair.transport.receive(100)
        nursery.cancel_scope.cancel()


async def test_a_read_is_a_checkpoint_also_when_the_bytes_are_there(pair: Pair) -> None:
    pair.peer.send(b"abcdef")
    await pair.transport.receive(1)

    with trio.testing.assert_checkpoints():
        await pair.transport.receive(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await pair.transport.receive(1)

    assert scope.cancelled_caught
    assert await pair.transport.receive(100) == b"cdef"


async def test_sockets_join_when_there_is_a_crowd() -> None:
    with Readiness(crowd=3) as readiness:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            pairs = [Pair(readiness, socket.AF_UNIX) for _ in range(2)]
            for pair in pairs:
                pair.peer.send(b"x")
                await pair.transport.receive(10)
            alone = repr(readiness)
            pairs.append(Pair(readiness, socket.AF_UNIX))
            for pair in pairs:
                pair.peer.send(b"x")
                await pair.transport.receive(10)
            together = repr(readiness)
            for pair in pairs:
                pair.transport.close_now()
                pair.peer.close()
            nursery.cancel_scope.cancel()

    assert alone == "<Readiness: 0 of 2 sockets wait together>"
    assert together == "<Readiness: 3 of 3 sockets wait together>"
    assert not readiness.crowded


async def test_a_socket_that_a_fork_keeps_open_is_forgotten_when_it_is_closed(readiness: Readiness) -> None:
    pair = Pair(readiness, socket.AF_UNIX)
    pair.peer.send(b"x")
    await pair.transport.receive(10)
    other = os.dup(pair.transport.socket.fileno())  # what a fork leaves: the socket lives on without us

    pair.transport.close_now()
    pair.peer.send(b"y")
    await trio.testing.wait_all_tasks_blocked()  # a change that is told to nobody would be a KeyError here

    os.close(other)
    pair.peer.close()


async def test_many_changes_at_once_are_all_told(readiness: Readiness) -> None:
    pairs = [Pair(readiness, socket.AF_UNIX) for _ in range(300)]
    received: list[bytes] = []

    async def read(pair: Pair) -> None:
        received.append(await pair.transport.receive(100))

    async with trio.open_nursery() as nursery:
        for pair in pairs:
            nursery.start_soon(read, pair)
        await trio.testing.wait_all_tasks_blocked()
        for number, pair in enumerate(pairs):
            pair.peer.send(str(number).encode())

    assert sorted(received) == sorted(str(number).encode() for number in range(300))
    for pair in pairs:
        pair.transport.close_now()
        pair.peer.close()


async def test_a_closed_transport_is_not_kept_alive(readiness: Readiness) -> None:
    pair = Pair(readiness, socket.AF_UNIX)
    pair.peer.send(b"x")
    await pair.transport.receive(10)
    pair.transport.close_now()
    pair.peer.close()

    del pair
    gc.collect()

    assert not [thing for thing in gc.get_objects() if type(thing) is SocketTransport]
