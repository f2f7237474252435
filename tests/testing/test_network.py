"""Hosts, names, connecting, links and partitions of the virtual network, in virtual time."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest
import trio
import trio.lowlevel

from trio_http.testing import (
    Faults,
    Link,
    VirtualNetwork,
)

from .steps import echo, round_trip, run, two_hosts

# hosts, names, addresses


@pytest.mark.covers("C2")
def test_hosts_have_addresses_names_and_a_loopback_of_their_own() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, app = net.host("api", names=["api.example"]), net.host("app", addresses=["fd00::99", "192.0.2.7"])
        assert (api.ipv4, api.ipv6) == ("10.0.0.1", "fd00::1")
        assert app.addresses == ("192.0.2.7", "fd00::99")
        await api.start(trio.serve_tcp, echo, 80)
        with app.active():
            for name in ("api", "API.example.", "10.0.0.1", "fd00::1"):
                async with await trio.open_tcp_stream(name, 80) as stream:
                    assert await round_trip(stream) == 0
            with pytest.raises(OSError, match="all attempts"):
                await trio.open_tcp_stream("localhost", 80)
        with api.active():
            async with await trio.open_tcp_stream("localhost", 80) as stream:
                assert stream.socket.getpeername()[0] == "::1"

    run(main)


def test_code_on_no_host_uses_127_0_0_1_as_on_a_real_machine() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, echo, 0, host="127.0.0.1"))
            async with await trio.testing.open_stream_to_socket_listener(listener) as stream:
                assert stream.socket.getpeername() == ("127.0.0.1", 49152)
                assert await round_trip(stream) == 0
            nursery.cancel_scope.cancel()

    run(main)


def test_children_of_a_task_are_on_its_host() -> None:
    async def main(net: VirtualNetwork) -> None:
        where = []

        async def child() -> None:
            with trio.socket.socket() as sock:
                sock.listen()
                where.append(sock.host.name)  # type: ignore[attr-defined]

        async with trio.open_nursery() as nursery:
            with net.host("one").active():
                nursery.start_soon(child)
            nursery.start_soon(child)
        assert sorted(where) == ["local", "one"]

    run(main)


def test_unknown_name_and_unknown_address() -> None:
    async def main(net: VirtualNetwork) -> None:
        with pytest.raises(socket.gaierror) as caught:
            await trio.open_tcp_stream("nowhere.example", 80)
        assert caught.value.errno == socket.EAI_NONAME
        with trio.socket.socket() as sock, pytest.raises(OSError, match=r"no virtual host has the address 10\.9\.9\.9"):
            await sock.connect(("10.9.9.9", 80))

    run(main)


@pytest.mark.covers("C3")
def test_dns_can_be_set_fail_and_be_slow() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.dns["api.example"] = ["fd00::99", net.host("api")]
        found = await trio.socket.getaddrinfo("api.example", "http")
        assert [entry[4][:2] for entry in found] == [("fd00::99", 80), ("10.0.0.1", 80), ("fd00::1", 80)]
        net.dns.fail("api.example", "again")
        net.dns.delay("api.example", 5)
        with pytest.raises(socket.gaierror) as caught:
            await trio.socket.getaddrinfo("api.example", 80)
        assert caught.value.errno == socket.EAI_AGAIN
        assert trio.current_time() == 5
        net.dns.restore("api.example")
        await trio.socket.getaddrinfo("api.example", 80)
        assert trio.current_time() == 5
        assert await trio.socket.getnameinfo(("10.0.0.1", 80), 0) == ("api", "80")

    run(main)


def test_asking_for_a_host_leaves_its_name_as_it_was_set() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api")
        net.dns["api"] = "10.9.9.9"

        net.host("api", names=["other"])

        assert net.dns["api"] == ("10.9.9.9",)
        assert net.dns["other"] == net.host("api").addresses

    run(main)


def test_happy_eyeballs_gives_a_black_hole_a_quarter_second() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, hole = net.host("api"), net.host("hole")
        hole.drop_syn(80)
        net.dns["both.example"] = [hole.ipv6, api.ipv4]
        await api.start(trio.serve_tcp, echo, 80)
        async with await trio.open_tcp_stream("both.example", 80) as stream:
            assert trio.current_time() == 0.25
            assert stream.socket.getpeername() == ("10.0.0.1", 80)

    run(main)


# connecting


@pytest.mark.covers("C9")
def test_a_dropped_syn_times_out_as_linux_does() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api").drop_syn(80)
        with trio.socket.socket() as sock:
            with pytest.raises(OSError, match="timed out") as caught:
                await sock.connect(("10.0.0.1", 80))
            assert caught.value.errno == errno.ETIMEDOUT
        assert trio.current_time() == 127

    run(main)


@pytest.mark.covers("C2")
def test_refuse_takes_one_round_trip_and_can_end() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net, latency=0.1)
        await stream.aclose()
        begun = trio.current_time()
        net.host("api").refuse(80)
        with net.host("app").active():
            with pytest.raises(OSError, match="refused"), trio.socket.socket() as sock:
                await sock.connect(("10.0.0.1", 80))
            assert trio.current_time() - begun == pytest.approx(0.2)
            net.host("api").refuse(80, on=False)
            await (await trio.open_tcp_stream("api", 80)).aclose()

    run(main)


@pytest.mark.covers("C9")
def test_connect_retries_its_syn_through_a_partition() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, app = net.host("api"), net.host("app")
        await api.start(trio.serve_tcp, echo, 80)
        net.partition(api, app)

        async def heal() -> None:
            await trio.sleep(2)
            net.heal()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(heal)
            with app.active(), trio.socket.socket() as sock:
                await sock.connect((api.ipv4, 80))
                assert trio.current_time() == 3  # SYNs go out at 0, 1, 3, 7, ...

    run(main)


def test_a_held_syn_arrives_at_the_release() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, app = net.host("api"), net.host("app")
        await api.start(trio.serve_tcp, echo, 80)
        net.hold(app, api)

        async def release() -> None:
            await trio.sleep(0.4)
            net.release(app)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(release)
            with app.active(), trio.socket.socket() as sock:
                await sock.connect((api.ipv4, 80))
                assert trio.current_time() == 0.4

    run(main)


def test_connect_times_out_when_only_the_answers_are_lost() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, app = net.host("api"), net.host("app")
        await api.start(trio.serve_tcp, echo, 80)
        net.partition(api, app, one_way=True)
        with app.active(), trio.socket.socket() as sock:
            with pytest.raises(TimeoutError):
                await sock.connect((api.ipv4, 80))
            assert trio.current_time() == 127

    run(main)


@pytest.mark.covers("C2")
def test_a_cancelled_connect_leaves_nothing_behind() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, app = net.host("api"), net.host("app")
        net.link(app, api, Link(latency=1))
        with api.active():
            [listener, _] = listeners = await trio.open_tcp_listeners(80)
        for patience in (0.5, 1.5, 2.5):
            with app.active(), trio.socket.socket() as sock, trio.move_on_after(patience):
                await sock.connect((api.ipv4, 80))
        await trio.sleep(10)
        assert [connection.client.closed for connection in net.connections] == [True] * len(net.connections)
        # two were given up before they were made; the third waits to be accepted, and is over
        async with await listener.accept() as stream:
            assert await stream.receive_some() == b""
        with trio.move_on_after(5) as scope:
            await listener.accept()
        assert scope.cancelled_caught
        for one in listeners:
            await one.aclose()

    run(main)


def test_faults_can_be_given_to_one_direction_of_a_link() -> None:
    async def main(net: VirtualNetwork) -> list[str]:
        stream = await two_hosts(net)
        net.link("app", "api", up=Faults(short_read=1.0))
        await round_trip(stream, bytes(100))
        await stream.aclose()
        return [event.text for event in net.faults_happened]

    assert set(run(main)) == {"short_read on app->10.0.0.1:80#1 server"}


# links


@pytest.mark.covers("C8")
def test_latency_counts_for_connect_and_each_way() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net, latency=0.05)
        assert trio.current_time() == 0.1
        assert await round_trip(stream) == pytest.approx(0.1)
        await stream.aclose()

    run(main)


@pytest.mark.covers("C8")
def test_bandwidth_is_shared_by_the_connections_of_a_link() -> None:
    async def main(net: VirtualNetwork) -> None:
        one = await two_hosts(net, bandwidth=1000)
        with net.host("app").active():
            two = await trio.open_tcp_stream("api", 80)
        took = []

        async def timed(stream: trio.SocketStream) -> None:
            took.append(await round_trip(stream, bytes(1000)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(timed, one)
            nursery.start_soon(timed, two)
        assert sorted(took) == pytest.approx([2, 3])
        await one.aclose()
        await two.aclose()

    run(main)


@pytest.mark.covers("C8")
def test_jitter_is_seeded_and_never_reorders() -> None:
    async def main(net: VirtualNetwork) -> tuple[bytes, float]:
        stream = await two_hosts(net, latency=0.01, jitter=1.0, segment=1)
        data = bytes(range(100))
        took = await round_trip(stream, data)
        await stream.aclose()
        return data, took

    first, again, other = run(main, seed=1), run(main, seed=1), run(main, seed=2)

    assert first == again
    assert first != other


@pytest.mark.covers("C9")
def test_a_held_link_keeps_everything_and_hands_it_over_in_order() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net)
        net.hold("app", "api", one_way=True)
        await stream.send_all(b"one")
        await stream.send_all(b"two")
        with trio.move_on_after(100) as scope:
            await stream.receive_some()
        assert scope.cancelled_caught
        net.release("app", "api")
        assert await stream.receive_some() == b"onetwo"
        assert trio.current_time() == 100
        await stream.aclose()

    run(main)


def test_data_lost_in_a_partition_comes_with_its_retransmission() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net)
        net.partition("app", "api")
        await stream.send_all(b"ping")

        async def heal() -> None:
            await trio.sleep(1)
            net.heal("app")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(heal)
            assert await stream.receive_some() == b"ping"
            assert trio.current_time() == pytest.approx(1.4)  # sent again after 0.2, 0.6 and 1.4 seconds
        await stream.aclose()

    run(main)


def test_a_partition_that_never_heals_ends_in_etimedout() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net)
        net.partition("app", "api", one_way=True)
        await stream.send_all(b"ping")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.receive_some()
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.ETIMEDOUT
        assert trio.current_time() == pytest.approx(924.6)
        await stream.aclose()

    run(main)


def test_one_way_partition_lets_the_other_way_through() -> None:
    async def main(net: VirtualNetwork) -> None:
        got = []

        async def talker(stream: trio.SocketStream) -> None:
            await stream.send_all(b"from api")
            got.append(await stream.receive_some())
            await stream.aclose()

        api, app = net.host("api"), net.host("app")
        await api.start(trio.serve_tcp, talker, 80)
        with app.active():
            stream = await trio.open_tcp_stream("api", 80)
        net.partition(app, api, one_way=True)
        await stream.send_all(b"from app")
        assert await stream.receive_some() == b"from api"
        await trio.sleep(10)
        assert not got
        net.heal(app, api)
        assert await stream.receive_some() == b""
        assert got == [b"from app"]
        await stream.aclose()

    run(main)
