"""Hostile peers: what each of them costs is bounded, and the others do not notice. Virtual time, counted bytes."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from ws_kit import frame
from ws_pairs import Hand, by_hand, drain, end

from trio_http._errors import ConnectionClosed
from trio_http.websocket import Keepalive, WebSocketLimits, WebSocketTimeouts

pytestmark = pytest.mark.covers("A60")


class Counted(trio.abc.HalfCloseableStream):
    """A peer that sends the same for ever, and reads nothing; it counts what is taken from it."""

    def __init__(self, data: bytes, *, first: bytes = b"") -> None:
        self.data = data
        self.first = first
        self.taken = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        data = self.first if self.first and not self.taken else self.data
        self.taken += len(data)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep_forever()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.sleep_forever()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    "flood",
    [frame(9, b"") * 5000, frame(9, b"x" * 125) * 400],
    ids=["empty pings", "full pings"],
)
async def test_a_flood_of_pings_that_nobody_reads_the_answers_of(
    flood: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    peer = Counted(flood)
    async with end(peer, timeouts=WebSocketTimeouts(write=5, close=1)) as ws:
        with pytest.raises(ConnectionClosed, match="took no byte for 5 s"):
            await ws.receive()
        assert peer.taken <= 2 * len(flood)  # it stood at the first pong, and read no further
        assert trio.current_time() < 6


async def test_a_flood_of_messages_stops_at_the_queue(autojump_clock: trio.testing.MockClock) -> None:
    flood = frame(1, b"x" * 50) * 1000
    peer = Counted(flood)
    async with end(peer, limits=WebSocketLimits(queue=16), timeouts=WebSocketTimeouts(close=1)) as ws:
        await trio.sleep(100)
        assert peer.taken == len(flood)
        for _ in range(2000):
            await ws.receive()
        await trio.sleep(100)
        assert peer.taken <= 4 * len(flood)


async def test_a_message_that_never_ends_stops_at_its_limit(autojump_clock: trio.testing.MockClock) -> None:
    peer = Counted(frame(0, bytes(60_000), fin=False), first=frame(2, bytes(60_000), fin=False))
    limits = WebSocketLimits(message=1_000_000)
    async with end(peer, limits=limits, timeouts=WebSocketTimeouts(write=5, close=1)) as ws:
        with pytest.raises(ConnectionClosed, match=r"1009|no byte for 5 s"):
            await ws.receive()
        assert peer.taken <= 1_100_000


async def test_one_byte_at_a_time_costs_one_wait_each(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(keepalive=Keepalive(interval=5, timeout=5))
    async with ours as ws:
        for byte in frame(1, b"slowly"):
            await trio.sleep(1)
            await peer.stream.send_all(bytes([byte]))
        assert await ws.receive() == "slowly"
        await peer.stream.aclose()


async def talk_on(peer: Hand) -> None:
    while True:
        await peer.send(1, b"x" * 60_000)


async def test_a_peer_that_goes_on_after_its_close_frame_is_not_listened_to(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, peer = by_hand()
    async with ours as ws:
        await peer.send(8, b"\x03\xe8")
        assert await peer.close_frame() == (1000, "")
        assert await peer.receive() is None
        with pytest.raises(trio.BrokenResourceError):
            await talk_on(peer)
        assert [message async for message in ws] == []


async def test_a_reader_that_was_refused_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    peer = Counted(b"\x83\x80\0\0\0\0" + bytes(60_000))
    async with end(peer, timeouts=WebSocketTimeouts(write=5, close=1)) as ws:
        with pytest.raises(ConnectionClosed):
            await drain(ws)
    assert trio.current_time() <= 8
    assert peer.taken <= 3_000_000
