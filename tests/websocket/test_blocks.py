"""Leaving the block of a WebSocket: the right close code, and the user's own exception."""

from __future__ import annotations

import contextlib
import traceback

import pytest
import trio
import trio.testing
from ws_pairs import AGREED, Hand, by_hand, end, pair

from trio_http._errors import ConnectionClosed
from trio_http.websocket import WebSocket, WebSocketTimeouts


async def test_the_end_of_the_block_closes_with_1000(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (_, server):
        pass

    assert server.close_code == 1000


async def test_a_failure_closes_with_1011_and_comes_out_as_it_is(autojump_clock: trio.testing.MockClock) -> None:
    error = ValueError("mine")

    def fail() -> None:
        raise error

    ours, peer = by_hand(timeouts=WebSocketTimeouts(close=1))
    with pytest.raises(ValueError, match="mine") as caught:
        async with ours:
            fail()

    assert caught.value is error
    assert error.__context__ is None
    assert traceback.extract_tb(error.__traceback__)[-1].name == "fail"
    assert await peer.close_frame() == (1011, "internal error")


async def test_the_users_own_group_passes_untouched(autojump_clock: trio.testing.MockClock) -> None:
    group = ExceptionGroup("mine", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])

    ours, _ = by_hand(timeouts=WebSocketTimeouts(close=1))
    with pytest.raises(ExceptionGroup) as caught:
        async with ours:
            raise group

    assert caught.value is group


async def test_a_group_of_nothing_but_the_end_closes_with_1000(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(timeouts=WebSocketTimeouts(close=1))
    with pytest.raises(ExceptionGroup):
        async with ours:
            raise ExceptionGroup("of a nursery", [ConnectionClosed(1000, ""), ConnectionClosed(1000, "")])

    assert await peer.close_frame() == (1000, "")


async def test_cancellation_closes_with_1001_and_does_not_wait_long(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    seen: list[type[BaseException]] = []
    with trio.move_on_after(2) as scope:
        try:
            async with ours as ws:
                await ws.receive()
        except BaseException as error:
            seen.append(type(error))
            raise

    assert seen == [trio.Cancelled]
    assert scope.cancelled_caught
    assert trio.current_time() == 3  # the peer had one second to answer
    assert await peer.close_frame() == (1001, "going away")
    assert await peer.receive() is None


async def test_cancellation_waits_no_longer_than_the_peer_takes_to_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def answer(peer: Hand) -> None:
        assert await peer.close_frame() == (1001, "going away")
        await trio.sleep(0.25)
        await peer.send(8, b"\x03\xe9")
        assert await peer.receive() is None

    ours, peer = by_hand()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, peer)
        with trio.move_on_after(2) as scope:
            async with ours as ws:
                await ws.receive()
        assert scope.cancelled_caught
        assert trio.current_time() == 2.25


async def test_cancellation_while_closing_comes_out(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand()
    with trio.move_on_after(2) as scope:
        async with ours:
            pass  # closing waits for the peer, who does not answer

    assert scope.cancelled_caught
    assert trio.current_time() == 2
    assert await peer.close_frame() == (1000, "")
    assert await peer.receive() is None


async def test_beside_a_cancellation_a_failure_is_in_a_group(autojump_clock: trio.testing.MockClock) -> None:
    error = ValueError("mine")
    ours, _ = by_hand()

    with trio.move_on_after(2) as scope:
        with pytest.raises(BaseExceptionGroup) as caught:
            async with ours:
                raise error
        assert caught.value.exceptions[0] is error
        assert isinstance(caught.value.exceptions[1], trio.Cancelled)
        await trio.lowlevel.checkpoint()

    assert scope.cancelled_caught


async def test_keyboard_interrupt_wins(autojump_clock: trio.testing.MockClock) -> None:
    ours, _ = by_hand()

    with pytest.raises(KeyboardInterrupt):
        async with ours:
            raise KeyboardInterrupt


async def test_a_websocket_is_closed_after_its_block(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, _):
        pass

    for call in (client.receive, client.ping, lambda: client.send("x")):
        with pytest.raises(ConnectionClosed, match="1000"):
            await call()
    await client.close()


async def test_the_callers_deadline_wins(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        with trio.move_on_after(1) as scope:
            await client.receive()
        assert scope.cancelled_caught
        await server.send("not lost")
        assert await client.receive() == "not lost"


@pytest.mark.parametrize("deflate", [None, AGREED], ids=["plain", "deflate"])
@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_send_sends_all_or_ends_the_websocket(
    turns: int, deflate: object, autojump_clock: trio.testing.MockClock
) -> None:
    """Cancelled at its first checkpoint, its second and so on: what arrives is whole, and compression stays in step."""
    received: list[str | bytes] = []

    async def collect(ws: WebSocket) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in ws:
                received.append(message)  # noqa: PERF401 - shared with the block around

    async with pair(deflate=deflate) as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(collect, server)
        await client.send("before " * 20)
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_after, turns, scope)
            await client.send("middle " * 20)
        if client.is_open:
            await client.send("middle and after " * 20)
        await client.close()

    whole = ["before " * 20, "middle " * 20, "middle and after " * 20]
    assert received in (whole, whole[:1], whole[:2], [whole[0], whole[2]])
    if client.close_code == 1000:
        assert received[-1] == whole[2]


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_receive_loses_nothing(turns: int, autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server), trio.open_nursery() as nursery:
        got = []
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_after, turns, scope)
            nursery.start_soon(client.send, "one")
            got.append(await server.receive())
        nursery.start_soon(client.send, "two")
        while len(got) < 2:
            got.append(await server.receive())

    assert got == ["one", "two"]


async def cancel_after(turns: int, scope: trio.CancelScope) -> None:
    for _ in range(turns):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_a_message_that_was_cut_off_closes_the_websocket(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with end(ours) as ws:
        with trio.move_on_after(1):
            await ws.send("nobody reads this")
        assert ws.close_code == 1006
        with pytest.raises(ConnectionClosed, match="cancelled half-way"):
            await ws.send("x")
    await theirs.aclose()


@pytest.mark.covers("A55")
async def test_who_gives_up_waiting_for_his_turn_harms_nobody(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    peer = Hand(theirs)
    async with end(ours) as ws, trio.open_nursery() as nursery:
        nursery.start_soon(ws.send, "slow")
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            await ws.send("given up")
        assert scope.cancelled_caught
        assert ws.is_open
        assert await peer.receive() == (0x81, b"slow")
        nursery.start_soon(ws.send, "next")
        assert await peer.receive() == (0x81, b"next")
        await theirs.aclose()


async def test_the_answer_to_a_close_frame_is_not_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    """The block may end while the reader still says good-bye to a peer who is slow to hear it."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    peer = Hand(theirs)
    heard: list[tuple[int, str]] = []

    async def listen() -> None:
        await trio.sleep(2)
        heard.append(await peer.close_frame())

    async with trio.open_nursery() as nursery:
        async with end(ours) as ws:
            await peer.send(8, b"\x03\xe8")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(listen)
            with pytest.raises(ConnectionClosed, match="1000"):
                await ws.receive()
        assert trio.current_time() == 2

    assert heard == [(1000, "")]
