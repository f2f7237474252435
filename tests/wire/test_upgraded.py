"""The stream after HTTP: it keeps every promise that trio's own streams keep."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_http.transport import adopt
from trio_http.wire import UpgradedStream

Pair = tuple[UpgradedStream, UpgradedStream]


async def memory_pair() -> Pair:
    ours, theirs = trio.testing.memory_stream_pair()
    return UpgradedStream(adopt(ours)), UpgradedStream(adopt(theirs))


async def socket_pair() -> Pair:
    ours, theirs = trio.socket.socketpair()
    return UpgradedStream(adopt(trio.SocketStream(ours))), UpgradedStream(adopt(trio.SocketStream(theirs)))


@pytest.mark.parametrize("make", [memory_pair, socket_pair])
async def test_it_is_a_stream_as_trio_has_them(make: Any) -> None:
    # Without a stream that is full: wait_send_all_might_not_block() may return at once, and does.
    await trio.testing.check_half_closeable_stream(make, None)


async def test_what_came_first_is_read_first() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b"last")
    stream = UpgradedStream(adopt(ours), b"first")

    assert await stream.receive_some(2) == b"fi"
    assert await stream.receive_some() == b"rst"
    assert await stream.receive_some() == b"last"


async def test_two_readers_are_one_too_many_also_for_what_came_first() -> None:
    stream = UpgradedStream(adopt(trio.testing.memory_stream_pair()[0]), b"first")
    told: list[object] = []

    async def read() -> None:
        try:
            told.append(await stream.receive_some())
        except trio.BusyResourceError:
            told.append("busy")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        nursery.start_soon(read)

    assert sorted(told, key=str) == [b"first", "busy"]


async def test_an_end_that_came_first_stays() -> None:
    stream = UpgradedStream(adopt(trio.testing.memory_stream_pair()[0]), b"all", ended=True)

    assert [await stream.receive_some() for _ in range(3)] == [b"all", b"", b""]


async def test_a_stream_that_gave_up_its_transport_is_closed() -> None:
    ours, _ = trio.testing.memory_stream_pair()
    transport = adopt(ours)
    stream = UpgradedStream(transport, b"first")

    assert stream.detach() == (transport, b"first")
    for use in (stream.receive_some(), stream.send_all(b"x"), stream.send_eof()):
        with pytest.raises(trio.ClosedResourceError):
            await use
    with pytest.raises(trio.ClosedResourceError):
        stream.detach()


async def test_the_end_is_not_said_in_the_middle_of_something(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    stream = UpgradedStream(adopt(ours))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"something")
        await trio.testing.wait_all_tasks_blocked()

        with pytest.raises(trio.BusyResourceError, match="another task is sending"):
            await stream.send_eof()
        assert await theirs.receive_some() == b"something"
