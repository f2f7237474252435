"""Test a plain trio program: a chat server, with the pytest fixture, raw bytes, and cancellation at every point.

Run by pytest, with pytest-trio installed: ``pytest examples/testing_plain_trio.py``.
"""

from __future__ import annotations

import pytest
import trio

from trio_http.testing import Chunks, Link, RawPeer, VirtualNetwork, for_each_cancel_point


class Chat:
    """The code under test: everything a client says is told to all others, line by line."""

    def __init__(self) -> None:
        self.streams: set[trio.SocketStream] = set()

    async def serve(self, stream: trio.SocketStream) -> None:
        """Pass on what one client says."""
        async with stream:
            self.streams.add(stream)
            try:
                pending = b""
                async for data in stream:
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        await self._tell_others(stream, line)
            except trio.BrokenResourceError:
                pass
            finally:
                self.streams.discard(stream)

    async def _tell_others(self, speaker: trio.SocketStream, line: bytes) -> None:
        for other in list(self.streams - {speaker}):
            with trio.move_on_after(5) as scope:
                try:
                    await other.send_all(line + b"\n")
                except trio.BrokenResourceError:
                    self.streams.discard(other)
            if scope.cancelled_caught:
                self.streams.discard(other)


async def join(net: VirtualNetwork, name: str) -> RawPeer:
    with net.host(name).active():
        return await net.connect_raw("chat", 7000)


@pytest.mark.trio
async def test_lines_arrive_whole_however_the_network_cuts_them(virtual_network: VirtualNetwork) -> None:
    net = virtual_network
    net.chunks = Chunks.bytewise()
    net.link(net.host("chat"), net.host("ann"), Link(latency=0.1))
    await net.host("chat").start(trio.serve_tcp, Chat().serve, 7000)
    async with await join(net, "ann") as ann, await join(net, "bob") as bob:
        await trio.sleep(1)
        await ann.send_slowly(b"hello\n", interval=0.5)
        await bob.expect(b"hello\n")
        assert trio.current_time() == pytest.approx(0.2 + 1 + 5 * 0.5 + 0.1)


@pytest.mark.trio
async def test_somebody_who_reads_nothing_is_put_out_after_five_seconds(virtual_network: VirtualNetwork) -> None:
    net, chat = virtual_network, Chat()
    await net.host("chat").start(trio.serve_tcp, chat.serve, 7000)
    async with await join(net, "ann") as ann, await join(net, "deaf"), await join(net, "bob") as bob:
        await trio.sleep(1)
        line = bytes(200_000) + b"\n"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bob.expect, line)
            await ann.send(line)
        await trio.sleep(10)
        assert len(chat.streams) == 2


@pytest.mark.trio
async def test_a_client_may_be_cancelled_anywhere(virtual_network: VirtualNetwork) -> None:
    net, chat = virtual_network, Chat()
    await net.host("chat").start(trio.serve_tcp, chat.serve, 7000)

    async def visit() -> None:
        async with await join(net, "ann") as ann:
            await ann.send(b"hello\n")

    async def nobody_is_left() -> None:
        await trio.sleep(1)
        assert not chat.streams

    points = await for_each_cancel_point(visit, nobody_is_left)
    assert len(points) > 3
