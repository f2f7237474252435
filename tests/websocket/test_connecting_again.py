"""WebSockets that connect again: when, how often, after which pauses, and what ends it."""

from __future__ import annotations

import itertools

import pytest
import trio
from ws_kit import frame
from ws_peers import agree, echoing

from tests.client.client_peers import Peer, listen, run, serve_app, silence
from trio_http import Client, ConnectionClosed, HandshakeRejected
from trio_http.testing import VirtualNetwork
from trio_http.websocket import ReconnectingWebSocket, WebSocketTimeouts

AGREED = b"Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n"


@pytest.mark.covers("B12")
def test_a_lost_websocket_is_followed_by_another() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def lose(peer: Peer) -> None:
            await agree(peer, trailing=frame(1, b"%d" % peer.number, masked=False))

        async def keep(peer: Peer) -> None:
            await agree(peer, trailing=frame(1, b"last", masked=False))
            await peer.until(b"\x88")

        await listen(net, lose, lose, lose, keep)
        got = []
        times = []
        codes = []
        options = WebSocketTimeouts(close=1)
        async with Client() as client, client.websockets("ws://api/", backoff=1, timeouts=options) as connections:
            async for ws in connections:
                times.append(trio.current_time())
                try:
                    async for message in ws:
                        got.append(message)
                        if message == "last":
                            break
                except ConnectionClosed as error:
                    codes.append(error.code)
                    continue
                break
        assert codes == [1006] * 3
        assert got == ["0", "1", "2", "last"]
        pauses = [b - a for a, b in itertools.pairwise(times)]
        for pause, full in zip(pauses, [1, 2, 4], strict=True):
            assert 0.8 * full <= pause <= full + 0.1

    run(main)


@pytest.mark.covers("B12")
def test_a_server_that_comes_back_is_found_again() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def once(peer: Peer) -> None:
            await agree(peer)

        async def busy(peer: Peer) -> None:
            await peer.answer(b"busy", status="503 Service Unavailable")

        async def fine(peer: Peer) -> None:
            await agree(peer, trailing=frame(1, b"fine", masked=False))
            await peer.until(b"\x88")

        await listen(net, once, busy, busy, fine)
        async with (
            Client() as client,
            client.websockets("ws://api/", timeouts=WebSocketTimeouts(close=1)) as connections,
        ):
            turn = 0
            async for ws in connections:
                turn += 1
                if turn == 2:
                    assert await ws.receive() == "fine"
                    break

    run(main)


async def open_again_and_again(block: ReconnectingWebSocket) -> None:
    async with block as connections:
        async for _ in connections:
            pass


@pytest.mark.parametrize("status", ["403 Forbidden", "503 Service Unavailable"])
def test_what_fails_at_once_is_told_at_once(status: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def refuse(peer: Peer) -> None:
            await peer.answer(b"no", status=status)

        await listen(net, refuse)
        async with Client() as client:
            with pytest.raises(HandshakeRejected):
                await open_again_and_again(client.websockets("ws://api/"))
        assert trio.current_time() < 0.5

    run(main)


def test_it_gives_up_after_so_many_attempts() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def once(peer: Peer) -> None:
            await agree(peer)

        async def busy(peer: Peer) -> None:
            await peer.answer(b"busy", status="503 Service Unavailable")

        peers = await listen(net, once, busy)
        async with Client() as client:
            with pytest.raises(HandshakeRejected, match="503"):
                await open_again_and_again(client.websockets("ws://api/", attempts=4))
        assert len(peers) == 4

    run(main)


@pytest.mark.covers("B12")
def test_a_connection_that_held_is_followed_without_a_long_pause() -> None:
    """Failures are counted in a row; ten seconds of use end the row."""

    async def main(net: VirtualNetwork) -> None:
        async def hold(peer: Peer) -> None:
            await agree(peer)
            await trio.sleep(60)

        await listen(net, hold)
        begun = []
        async with (
            Client() as client,
            client.websockets("ws://api/", backoff=1, keepalive=None) as connections,
        ):
            async for ws in connections:
                begun.append(trio.current_time())
                with pytest.raises(ConnectionClosed):
                    await ws.receive()
                if len(begun) == 5:
                    break
        assert all(60.8 <= later - earlier <= 61.2 for earlier, later in itertools.pairwise(begun))

    run(main)


@pytest.mark.covers("B12")
def test_cancelled_while_it_closes_it_leaves_nothing() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def silent(peer: Peer) -> None:
            await agree(peer)
            await trio.sleep_forever()

        peers = await listen(net, silent)
        async with Client() as client:
            with trio.move_on_after(5) as scope:
                async with client.websockets("ws://api/", timeouts=WebSocketTimeouts(close=30)) as connections:
                    await anext(connections)
            assert scope.cancelled_caught
            assert trio.current_time() == pytest.approx(5, abs=0.1)
            assert len(peers) == 1
            assert not client.pool.connections

    run(main)


def test_a_block_is_entered_once() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echoing)
        async with Client() as client:
            connections = client.websockets("ws://api/")
            one = client.websocket("ws://api/")
            async with connections, one:
                with pytest.raises(RuntimeError, match="ask for another one"):
                    await connections.__aenter__()
                with pytest.raises(RuntimeError, match="ask for another one"):
                    await one.__aenter__()

    run(main)


def test_it_is_a_block() -> None:
    async def main(net: VirtualNetwork) -> None:
        opened = await listen(net, silence)
        async with Client() as client:
            connections = client.websockets("ws://api/")
            with pytest.raises(RuntimeError, match="async with"):
                await anext(connections)
            async with connections:
                pass
            with pytest.raises(RuntimeError, match="async with"):
                await anext(connections)
            assert not opened

    run(main)


def test_leaving_the_loop_closes_the_websocket() -> None:
    async def main(net: VirtualNetwork) -> None:
        left = []
        await serve_app(net, echoing)

        async def fail(client: Client) -> None:
            async with client.websockets("ws://api/") as connections:
                async for ws in connections:
                    left.append(ws)
                    raise KeyError(1)

        async with Client() as client:
            with pytest.raises(KeyError):
                await fail(client)
            assert [ws.close_code for ws in left] == [1011]
            async with client.websockets("ws://api/") as connections, trio.open_nursery() as nursery:
                async for ws in connections:
                    left.append(ws)
                    break
                nursery.cancel_scope.cancel()
            assert left[-1].close_code == 1000

    run(main)
