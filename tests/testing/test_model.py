"""Whatever the network does to it, TCP keeps its promises: bytes in order, none invented, none lost in silence."""

from __future__ import annotations

import pytest
import trio

from trio_http.testing import Chunks, Faults, Link, VirtualNetwork, explore_seeds


class Line:
    """One direction of a connection: what was sent, to be compared with what arrives."""

    def __init__(self, net: VirtualNetwork, name: str) -> None:
        self.net = net
        self.name = name
        self.sent = bytearray()

    def chance(self, what: str) -> float:
        return self.net.chance(what, self.name)

    async def pump(self, stream: trio.SocketStream) -> None:
        try:
            for number in range(5):
                piece = bytes([number]) * (1 + int(6000 * self.chance("size")))
                self.sent += piece
                await stream.send_all(piece)
                if self.chance("pause") < 0.3:
                    await trio.sleep(self.chance("seconds"))
            await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def drain(self, stream: trio.SocketStream) -> None:
        got = bytearray()
        try:
            while data := await stream.receive_some(1 + int(9000 * self.chance("most"))):
                got += data
                assert self.sent.startswith(got), f"{self.name}: other bytes than sent"
                if self.chance("think") < 0.1:
                    await trio.sleep(self.chance("thinking"))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        # an error is reported once, by whichever call comes first, so after a reset the other sees a bare end
        broken = any(fault.key.startswith(("reset", "cut")) for fault in self.net.faults_happened)
        assert broken or got == self.sent, f"{self.name}: {len(got)} of {len(self.sent)} bytes, and then an orderly end"


async def chaos(net: VirtualNetwork) -> None:
    names = ["a", "b", "c"]
    for _ in range(int(8 * net.chance("rounds"))):
        await trio.sleep(2 * net.chance("calm"))
        one, two = (names[int(3 * net.chance(which)) % 3] for which in ("one", "two"))
        if one == two:
            continue
        what = int(6 * net.chance("what"))
        if what == 0:
            net.partition(one, two, one_way=net.chance("way") < 0.5)
        elif what == 1:
            net.hold(one, two, one_way=net.chance("way") < 0.5)
        elif what == 2:
            net.heal()
        elif what == 3:
            net.release()
        elif what == 4:
            net.host(one).pause(3 * net.chance("paused"))
        elif net.connections:
            net.connections[-1].stall(4 * net.chance("stalled"))
    await trio.sleep(3)
    net.heal()
    net.release()


async def storm(net: VirtualNetwork) -> None:
    hosts = [net.host(name) for name in "abc"]
    for one in hosts:
        for two in hosts:
            if one is not two:
                link = Link(
                    latency=0.1 * net.chance("latency"),
                    jitter=0.05 * net.chance("jitter"),
                    bandwidth=None if net.chance("slow") < 0.5 else 10_000 + 100_000 * net.chance("bandwidth"),
                    segment=None if net.chance("cut up") < 0.5 else 1 + int(2000 * net.chance("segment")),
                )
                net.link(one, two, link, one_way=True)
    if net.chance("chunks") < 0.3:
        net.chunks = Chunks.random()
    lines: dict[str, Line] = {}

    def line(name: str) -> Line:
        return lines.setdefault(name, Line(net, name))

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                number = await stream.receive_some(1)
            except trio.BrokenResourceError:
                return
            if number:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(line(f"down {number[0]}").pump, stream)
                    nursery.start_soon(line(f"up {number[0]}").drain, stream)

    async def client(number: int) -> None:
        await trio.sleep(2 * net.chance("start"))
        with hosts[number % 3].active():
            try:
                stream = await trio.open_tcp_stream("abc"[int(3 * net.chance("target")) % 3], 80)
            except OSError:
                return
        async with stream:
            try:
                await stream.send_all(bytes([number]))
            except trio.BrokenResourceError:
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(line(f"up {number}").pump, stream)
                nursery.start_soon(line(f"down {number}").drain, stream)

    for host in hosts:
        await host.start(trio.serve_tcp, serve, 80)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chaos, net)
        for number in range(4):
            nursery.start_soon(client, number)


@pytest.mark.covers("C2")
def test_bytes_come_in_order_and_no_end_is_orderly_that_is_not() -> None:
    done = explore_seeds(storm, seeds=100, faults=lambda seed: Faults.swarm(seed) if seed % 3 else Faults())

    assert done.failure is None, done.failure.report
    assert done.faults > 1000
    assert done.shapes == 100
