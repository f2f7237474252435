"""Messages in pieces, larger than memory if need be, both ways."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest
import trio
import trio.testing
from ws_kit import frame
from ws_pairs import AGREED, Hand, by_hand, drain, end, pair

from trio_http import Client, ConnectionClosed, Request, Response
from trio_http.websocket import IncomingMessage, WebSocket, WebSocketLimits, WebSocketResponse, WebSocketTimeouts

pytestmark = pytest.mark.covers("A56")

FIRST, MORE = (frame(opcode, bytes(60_000), fin=False) for opcode in (2, 0))
STREAM = WebSocketLimits(message=1000, stream=True)


async def pieces_of(message: IncomingMessage) -> list[str | bytes]:
    return [piece async for piece in message]


async def test_pieces_come_as_they_are_sent(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=STREAM)
    async with ours as ws:
        await peer.send(1, "hé".encode()[:2], fin=False)
        async with ws.receive_stream() as message:
            assert message.is_text
            assert await anext(message) == "h"  # the rest of the character has not come
            await peer.send(9, b"between")
            assert await peer.receive() == (0x8A, b"between")
            await peer.send(0, "hé".encode()[2:], fin=False)
            assert await anext(message) == "é"
            await peer.send(0, b"", fin=False)
            await peer.send(0, b"llo")
            assert await anext(message) == "llo"
            assert await pieces_of(message) == []
        await peer.send(2, b"\xff")
        async with ws.receive_stream() as message:
            assert not message.is_text
            assert await pieces_of(message) == [b"\xff"]
        await peer.stream.aclose()


class Endless(trio.abc.HalfCloseableStream):
    """A peer whose message has no end; it counts what is taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.sleep(0.001)
        data = MORE if self.taken else FIRST
        self.taken += len(data)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_message_larger_than_memory_is_held_back_by_who_receives_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    peer = Endless()
    async with end(peer, limits=STREAM, timeouts=WebSocketTimeouts(close=1)) as ws:
        async with ws.receive_stream() as message:
            await trio.sleep(10)
            assert peer.taken < 400_000
            count = 0
            async for piece in message:
                count += len(piece)
                assert peer.taken - count < 400_000
                if count > 20_000_000:
                    break
        assert peer.taken > 20_000_000


@pytest.mark.parametrize("deflate", [None, AGREED], ids=["plain", "deflate"])
async def test_what_is_sent_in_pieces_is_one_message(deflate: object, autojump_clock: trio.testing.MockClock) -> None:
    async with pair(deflate=deflate) as (client, server), trio.open_nursery() as nursery:
        async with client.send_stream() as message:
            await message.send("one ")
            nursery.start_soon(client.send, "another")
            assert await client.ping() == 0  # control frames go between the pieces
            await message.send("")
            await message.send("two")
        async with client.send_stream() as message:
            await message.send(b"\x00")
        async with client.send_stream():
            pass  # nothing was begun, so nothing is sent
        await client.send("last")
        got = [await server.receive() for _ in range(4)]

    assert got == ["one two", "another", b"\x00", "last"]


async def test_two_streams_take_turns(autojump_clock: trio.testing.MockClock) -> None:
    async def talk(ws: WebSocket, word: str) -> None:
        async with ws.send_stream() as message:
            for letter in word:
                await message.send(letter)
                await trio.sleep(1)

    async with pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(talk, client, "aaa")
        nursery.start_soon(talk, client, "bbb")
        assert sorted([await server.receive(), await server.receive()]) == ["aaa", "bbb"]


async def test_the_kind_of_a_message_is_that_of_its_first_piece(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        async with client.send_stream() as message:
            await message.send("text")
            with pytest.raises(TypeError, match="either text or binary"):
                await message.send(b"binary")
        assert await server.receive() == "text"


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_half_a_message_closes_the_websocket(how: str, autojump_clock: trio.testing.MockClock) -> None:
    async def fail(ws: WebSocket) -> None:
        async with ws.send_stream() as message:
            await message.send("half")
            if how == "failed":
                raise KeyError("mine")
            await trio.sleep_forever()

    ours, peer = by_hand()
    async with ours as ws:
        if how == "failed":
            with pytest.raises(KeyError):
                await fail(ws)
        else:
            with trio.move_on_after(1):
                await fail(ws)
        assert await peer.receive() == (0x01, b"half")
        assert await peer.close_frame() == (1011, "a message was not finished")
        with pytest.raises(ConnectionClosed, match="1011"):
            await ws.send("more")


async def test_half_a_message_closes_the_websocket_also_when_another_one_was_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def relay(source: WebSocket, target: WebSocket) -> None:
        async with source.receive_stream() as message, target.send_stream() as answer:
            async for piece in message:
                await answer.send(piece)
                await its_peer.stream.aclose()

    ours, peer = by_hand()
    source, its_peer = by_hand(limits=STREAM)
    async with ours as ws, source as upstream:
        await its_peer.send(1, b"half", fin=False)
        with pytest.raises(ConnectionClosed, match="1006"):
            await relay(upstream, ws)
        assert await peer.receive() == (0x01, b"half")
        assert await peer.close_frame() == (1011, "a message was not finished")
        assert not ws.is_open


@pytest.mark.parametrize("piece", [5, None, ["text"]])
async def test_what_is_no_piece_is_refused(piece: object, autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, server):
        async with client.send_stream() as message:
            await message.send(Name("text "))
            with pytest.raises(TypeError, match="a message is str or bytes"):
                await message.send(piece)  # type: ignore[arg-type]
            await message.send("goes on")
        assert await server.receive() == "text goes on"


class Name(str):
    """A kind of text."""


async def test_who_waited_for_a_stream_that_failed_is_told(autojump_clock: trio.testing.MockClock) -> None:
    told: list[int] = []

    async def send(ws: WebSocket) -> None:
        with pytest.raises(ConnectionClosed) as caught:
            await ws.send("x")
        told.append(caught.value.code)

    ours, peer = by_hand()
    async with ours as ws, trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            async with ws.send_stream() as message:
                await message.send(b"half")
                nursery.start_soon(send, ws)
                await trio.sleep_forever()
    assert told == [1011]
    assert await peer.receive() == (0x02, b"half")


async def send_much_and(peer: Hand, opcode: int, payload: bytes) -> None:
    """Send a message longer than may wait, piece by piece, and something behind it."""
    await peer.send(2, b"a", fin=False)
    for _ in range(20):
        await peer.stream.send_all(MORE)
    await peer.send(0, b"z")
    await peer.send(opcode, payload)


async def test_leaving_early_drops_the_rest(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=STREAM)
    async with ours as ws, trio.open_nursery() as nursery:
        nursery.start_soon(send_much_and, peer, 1, b"next")
        async with ws.receive_stream() as message:
            assert await anext(message) == b"a"
        assert await ws.receive() == "next"
        await peer.stream.aclose()


async def test_who_left_early_does_not_hold_up_pings(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=STREAM)
    async with ours as ws, trio.open_nursery() as nursery:
        nursery.start_soon(send_much_and, peer, 9, b"there?")
        async with ws.receive_stream() as message:
            assert await anext(message) == b"a"
            await trio.sleep(1)  # as much has come as may wait
        assert await peer.receive() == (0x8A, b"there?")  # though nobody receives
        await peer.stream.aclose()


async def test_whole_messages_are_received_up_to_their_limit(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=STREAM)
    async with ours as ws:
        await peer.send(1, b"small")
        assert await ws.receive() == "small"
        await peer.send(2, b"a" * 400, fin=False)
        with trio.move_on_after(1):  # loses no piece
            await ws.receive()
        await peer.send(0, b"b" * 600)
        assert await ws.receive() == b"a" * 400 + b"b" * 600
        await peer.send(2, b"a" * 400, fin=False)
        await peer.send(0, b"b" * 601)
        with pytest.raises(ConnectionClosed, match="1009: a message of more than 1000 bytes"):
            await ws.receive()


async def test_the_end_is_told_after_what_came_before_it(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=STREAM)
    async with ours as ws:
        await peer.send(1, b"whole")
        await peer.send(1, b"half", fin=False)
        await peer.send(8, b"\x03\xe8")
        assert await ws.receive() == "whole"
        async with ws.receive_stream() as message:
            assert await anext(message) == "half"
            with pytest.raises(ConnectionClosed, match="1000"):
                await anext(message)
        with pytest.raises(ConnectionClosed, match="1000"):
            await drain(ws)
        with pytest.raises(ConnectionClosed, match="1000"):
            async with ws.receive_stream():
                raise AssertionError("there was another message")


async def test_bad_text_is_refused_in_the_middle(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = by_hand(limits=STREAM)
    async with ours as ws:
        await peer.send(1, b"good", fin=False)
        await peer.send(0, b"\xff", fin=False)
        async with ws.receive_stream() as message:
            assert await anext(message) == "good"
            with pytest.raises(ConnectionClosed, match="1007"):
                await anext(message)
        assert (await peer.close_frame())[0] == 1007


# ---------------------------------------------------------------- compressed


def compressed(*pieces: bytes, finish: int = zlib.Z_SYNC_FLUSH) -> list[bytes]:
    """Frames' payloads of one message each, by one compressor that remembers (RFC 7692 section 7.2.1)."""
    made = zlib.compressobj(wbits=-12)
    return [(made.compress(piece) + made.flush(finish))[:-4] for piece in pieces]


@pytest.mark.parametrize("size", [1, 100, 65_536])
async def test_pieces_may_be_compressed(size: int, autojump_clock: trio.testing.MockClock) -> None:
    words = ["größer als " * 5000, "größer als das Gedächtnis"]  # the second one refers to the first
    payloads = compressed(*(word.encode() for word in words))

    async def send(peer: Hand) -> None:
        for payload in payloads:
            pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
            for number, piece in enumerate(pieces):
                first = number == 0
                await peer.send(int(first), piece, rsv=4 * first, fin=number == len(pieces) - 1)
        await peer.send(1, b"not compressed")

    ours, peer = by_hand(limits=STREAM, deflate=AGREED)
    async with ours as ws, trio.open_nursery() as nursery:
        nursery.start_soon(send, peer)
        for word in words:
            async with ws.receive_stream() as message:
                assert message.is_text
                assert "".join([str(piece) for piece in await pieces_of(message)]) == word
        assert await ws.receive() == "not compressed"
        await peer.stream.aclose()


@pytest.mark.covers("A60")
@pytest.mark.parametrize("final_blocks", [False, True], ids=["one stream", "final blocks"])
async def test_a_bomb_is_no_larger_than_what_is_taken_of_it(
    final_blocks: bool, autojump_clock: trio.testing.MockClock
) -> None:
    made = zlib.compressobj(wbits=-12)
    half = 8 * 1024 * 1024
    data = made.compress(bytes(half))
    if final_blocks:
        data += made.flush(zlib.Z_FINISH)
        made = zlib.compressobj(wbits=-12)
    bomb = data + made.compress(bytes(half)) + made.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 50_000

    ours, peer = by_hand(limits=STREAM, deflate=AGREED)
    async with ours as ws:
        await peer.send(2, bomb, rsv=4)
        async with ws.receive_stream() as message:
            tracemalloc.start()
            count = 0
            async for piece in message:
                assert len(piece) <= 65_536
                count += len(piece)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert count == 2 * half
        assert most < 1_000_000
        await peer.send(2, bomb, rsv=4)
        with pytest.raises(ConnectionClosed, match="1009: a message of more than 1000 bytes"):
            await ws.receive()


async def test_a_compressed_rest_that_nobody_wants_is_still_referred_to(
    autojump_clock: trio.testing.MockClock,
) -> None:
    noise = random.Random(1).randbytes(400_000)
    first, second = compressed(noise, noise[-3000:])
    assert len(second) < 100  # it is nothing but a reference

    async def send(peer: Hand) -> None:
        for at in range(0, len(first), 40_000):
            await peer.send(2 * (not at), first[at : at + 40_000], rsv=4 * (not at), fin=at + 40_000 >= len(first))
        await peer.send(9, b"there?")
        await peer.send(2, second, rsv=4)

    ours, peer = by_hand(limits=STREAM.replace(message=None), deflate=AGREED)
    async with ours as ws, trio.open_nursery() as nursery:
        nursery.start_soon(send, peer)
        async with ws.receive_stream() as message:
            await anext(message)
            await trio.sleep(1)
        assert await peer.receive() == (0x8A, b"there?")
        assert await ws.receive() == noise[-3000:]
        await peer.stream.aclose()


async def test_each_message_may_end_its_stream(autojump_clock: trio.testing.MockClock) -> None:
    """A block that calls itself the last one (RFC 7692 section 7.2.3.4); how many one message may have is bounded."""
    made = zlib.compressobj(wbits=-12)
    payload = made.compress(b"again") + made.flush(zlib.Z_FINISH) + b"\x00"

    ours, peer = by_hand(limits=STREAM, deflate=AGREED)
    async with ours as ws:
        for _ in range(20):
            await peer.send(1, payload, rsv=4)
            assert await ws.receive() == "again"
        await peer.send(1, payload, rsv=4)
        async with ws.receive_stream() as message:
            assert "".join([str(piece) async for piece in message]) == "again"
        await peer.send(1, payload[:-1] * 20 + b"\x00", rsv=4)
        with pytest.raises(ConnectionClosed, match=r"1007: .* more than 16 final blocks in one message"):
            await ws.receive()


@pytest.mark.parametrize("skipped", [False, True], ids=["wanted", "skipped"])
async def test_what_cannot_be_decompressed_is_refused_when_it_is_taken(
    skipped: bool, autojump_clock: trio.testing.MockClock
) -> None:
    (good,) = compressed(bytes(10))
    ours, peer = by_hand(limits=STREAM, deflate=AGREED)
    async with ours as ws:
        await peer.send(2, good, rsv=4, fin=False)
        await peer.send(0, b"\xff" * 10)
        async with ws.receive_stream() as message:
            assert await anext(message)
            if not skipped:
                with pytest.raises(ConnectionClosed, match="1007: this message cannot be decompressed"):
                    await anext(message)
        with pytest.raises(ConnectionClosed, match="1007"):
            await ws.receive()
        assert (await peer.close_frame())[0] == 1007


async def test_pieces_and_compression_are_agreed_on_together(autojump_clock: trio.testing.MockClock) -> None:
    async def echo(ws: WebSocket) -> None:
        while True:
            async with ws.receive_stream() as message, ws.send_stream() as answer:
                async for piece in message:
                    await answer.send(piece)

    async def handler(request: Request) -> Response:
        offers.append(request.headers.get("sec-websocket-extensions"))
        return WebSocketResponse(echo, limits=STREAM)

    offers: list[str | None] = []
    async with Client(app=handler) as client, client.websocket("http://app.test/", limits=STREAM) as ws:
        for text in ("a word " * 100_000, "another word " * 100_000):
            async with ws.send_stream() as message:
                await message.send(text)
            async with ws.receive_stream() as message:
                assert "".join([str(piece) for piece in await pieces_of(message)]) == text

    assert offers == ["permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"]


async def test_pieces_have_to_be_asked_for_when_it_is_opened(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as (client, _):
        with pytest.raises(RuntimeError, match=r"WebSocketLimits\(stream=True\)"):
            async with client.receive_stream():
                raise AssertionError("it began")


async def test_a_stream_is_echoed_by_a_handler(autojump_clock: trio.testing.MockClock) -> None:
    async def echo(ws: WebSocket) -> None:
        async with ws.receive_stream() as message, ws.send_stream() as answer:
            async for piece in message:
                await answer.send(piece)

    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo, limits=STREAM)

    async with (
        Client(app=handler) as client,
        client.websocket("http://app.test/", limits=WebSocketLimits(message=None)) as ws,
        trio.open_nursery() as nursery,
    ):

        async def send() -> None:
            async with ws.send_stream() as message:
                for number in range(50):
                    await message.send(bytes([number]) * 50_000)

        nursery.start_soon(send)
        assert await ws.receive() == b"".join(bytes([number]) * 50_000 for number in range(50))
