"""The connection within this process behaves as trio's streams do."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_http.client._inside_stream import inside_pair


async def test_bytes_come_out_in_order_and_the_end_after_them(autojump_clock: trio.testing.MockClock) -> None:
    left, right = inside_pair()

    await left.send_all(b"hello ")
    await left.send_all(bytearray(b"world"))
    await left.send_eof()

    assert [await right.receive_some(4), await right.receive_some(), await right.receive_some(100)] == [
        b"hell",
        b"o ",
        b"world",
    ]
    assert await right.receive_some() == b""
    await right.send_all(b"back")  # the other direction is open still
    assert await left.receive_some() == b"back"
    with pytest.raises(trio.ClosedResourceError):
        await left.send_all(b"x")
    with pytest.raises(ValueError, match="at least 1"):
        await left.receive_some(0)


async def test_a_sender_waits_while_nobody_receives(autojump_clock: trio.testing.MockClock) -> None:
    left, right = inside_pair()
    with trio.move_on_after(1) as scope:
        await left.send_all(bytes(1_000_000))

    assert scope.cancelled_caught
    assert len(await right.receive_some()) <= 64 * 1024


async def test_both_ends_notice_that_one_was_closed(autojump_clock: trio.testing.MockClock) -> None:
    left, right = inside_pair()
    await left.send_all(b"last words")
    await left.aclose()
    await left.aclose()

    assert await right.receive_some() == b"last words"
    assert await right.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await right.send_all(b"x")
    for use in (left.receive_some, left.send_eof, left.wait_send_all_might_not_block):
        with pytest.raises(trio.ClosedResourceError):
            await use()
    with pytest.raises(trio.ClosedResourceError):
        await left.send_all(b"x")


async def test_one_task_sends_and_one_receives(autojump_clock: trio.testing.MockClock) -> None:
    left, _ = inside_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.send_all, bytes(1_000_000))
        nursery.start_soon(left.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await left.send_all(b"x")
        with pytest.raises(trio.BusyResourceError):
            await left.send_eof()
        with pytest.raises(trio.BusyResourceError):
            await left.wait_send_all_might_not_block()
        with pytest.raises(trio.BusyResourceError):
            await left.receive_some()
        nursery.cancel_scope.cancel()
