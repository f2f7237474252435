"""Hosts, names, links, partitions and faults of the virtual network, in virtual time."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.lowlevel

from trio_http import _watch
from trio_http.testing import (
    Checks,
    Chunks,
    DeadlockError,
    Faults,
    HarnessError,
    LeakError,
    Link,
    LivelockError,
    OutsideSimulationError,
    RealIOError,
    TimeLimitError,
    VirtualNetwork,
    World,
    simulate,
)

Program = Callable[[VirtualNetwork], Awaitable[Any]]


def run(main: Program, **options: Any) -> Any:
    return simulate(main, **options).value


async def nothing(net: VirtualNetwork) -> None:
    pass


async def echo(stream: trio.SocketStream) -> None:
    async with stream:
        try:
            async for data in stream:
                await stream.send_all(data)
        except trio.BrokenResourceError:
            pass


async def two_hosts(net: VirtualNetwork, **link: Any) -> trio.SocketStream:
    """An echo server on "api", and a stream to it from "app"."""
    api, app = net.host("api"), net.host("app")
    if link:
        net.link(api, app, Link(**link))
    await api.start(trio.serve_tcp, echo, 80)
    with app.active():
        return await trio.open_tcp_stream("api", 80)


async def round_trip(stream: trio.SocketStream, data: bytes = b"ping") -> float:
    begun = trio.current_time()
    await stream.send_all(data)
    got = b""
    while len(got) < len(data):
        chunk = await stream.receive_some()
        assert chunk, got
        got += chunk
    assert got == data
    return trio.current_time() - begun


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


# connections


def test_full_buffers_park_the_sender_so_that_write_timeouts_can_be_tested() -> None:
    async def main(net: VirtualNetwork) -> None:
        api, app = net.host("api"), net.host("app")
        with api.active():
            listeners = await trio.open_tcp_listeners(80)
        with app.active():
            stream = await trio.open_tcp_stream("api", 80)
        with trio.move_on_after(30) as scope:
            await stream.send_all(bytes(129 << 10))
        assert scope.cancelled_caught
        assert trio.current_time() == 30
        [connection] = net.connections
        assert connection.bytes_up == 128 << 10
        await stream.aclose()
        for listener in listeners:
            await listener.aclose()

    run(main)


@pytest.mark.covers("C2", "C9")
def test_reset_after_so_many_bytes() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.on_connection(lambda connection: connection.reset_after(5, side="server"))
        stream = await two_hosts(net, latency=0.01)
        await stream.send_all(b"hello world")
        assert await stream.receive_some() == b"hello"
        with pytest.raises(trio.BrokenResourceError, match="reset"):
            await stream.receive_some()
        await stream.aclose()

    run(main)


@pytest.mark.covers("C9")
def test_cut_after_so_many_bytes_looks_like_an_early_end() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.on_connection(lambda connection: connection.cut_after(5))
        stream = await two_hosts(net)
        await stream.send_all(b"hello world")
        assert await stream.receive_some() == b"hello"
        assert await stream.receive_some() == b""
        await stream.send_all(b"into the void")
        with pytest.raises(trio.BrokenResourceError, match="Broken pipe"):
            await stream.send_all(b"again")
        await stream.aclose()

    run(main)


@pytest.mark.covers("C9")
def test_stall_delays_both_ways_and_then_goes_on() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net)
        net.connections[0].stall(30, side="server")
        assert await round_trip(stream) == 30
        net.connections[0].stall_after(2, seconds=5)
        assert await round_trip(stream) == 5
        net.connections[0].reset()
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        await stream.aclose()

    run(main)


@pytest.mark.covers("C12")
def test_crash_resets_closes_and_cancels_and_the_host_can_serve_again() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net)
        api, app = net.host("api"), net.host("app")
        api.crash()
        with pytest.raises(trio.BrokenResourceError, match="reset"):
            await stream.receive_some()
        await stream.aclose()
        with app.active():
            with pytest.raises(OSError, match="all attempts"):
                await trio.open_tcp_stream("api", 80)
            await trio.testing.wait_all_tasks_blocked()
            await api.start(trio.serve_tcp, echo, 80)
            async with await trio.open_tcp_stream("api", 80) as again:
                await round_trip(again)

    run(main)


@pytest.mark.covers("C12")
def test_a_paused_host_answers_when_it_goes_on() -> None:
    async def main(net: VirtualNetwork) -> None:
        stream = await two_hosts(net)
        net.host("api").pause(10)
        assert await round_trip(stream) == 10
        assert await round_trip(stream) == 0
        await stream.aclose()

    run(main)


@pytest.mark.covers("C8")
@pytest.mark.parametrize(
    ("chunks", "sizes"),
    [
        (Chunks.whole(), [9]),
        (Chunks.bytewise(), [1] * 9),
        (Chunks.sizes([1, 4]), [1, 4, 1, 3]),
        (Chunks.split_inside(b"\r\n"), [2, 4, 3]),
    ],
    ids=lambda value: value.name if isinstance(value, Chunks) else "",
)
def test_chunks_decide_the_borders_of_reads(chunks: Chunks, sizes: list[int]) -> None:
    async def main(net: VirtualNetwork) -> list[int]:
        net.chunks = chunks
        client, server = await pair(net)
        await client.send_all(b"a\r\nbc\r\nde")
        await client.aclose()
        got = [data async for data in server]
        await server.aclose()
        assert b"".join(got) == b"a\r\nbc\r\nde"
        return [len(data) for data in got]

    assert run(main) == sizes


async def pair(net: VirtualNetwork) -> tuple[trio.SocketStream, trio.SocketStream]:
    [listener] = await trio.open_tcp_listeners(80, host="127.0.0.1")
    client = await trio.open_tcp_stream("127.0.0.1", 80)
    server = await listener.accept()
    await listener.aclose()
    return client, server


def test_trio_s_own_check_of_half_closeable_streams_passes() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def make() -> tuple[trio.SocketStream, trio.SocketStream]:
            return await pair(net)

        async def clogged() -> tuple[trio.SocketStream, trio.SocketStream]:
            left, right = await pair(net)
            for stream in (left, right):
                with trio.move_on_after(0.01):
                    await stream.send_all(bytes(1 << 20))
            return left, right

        await trio.testing.check_half_closeable_stream(make, clogged)

    run(main)


# the run itself


def test_deadlock_is_told_with_the_lines_that_wait() -> None:
    async def main(net: VirtualNetwork) -> None:
        client, server = await pair(net)
        with client.socket, server.socket:
            await client.receive_some()

    with pytest.raises(DeadlockError, match=r"test_network\.py:\d+ in main"):
        run(main)


def test_deadlock_behind_a_shield_ends_too() -> None:
    async def main(net: VirtualNetwork) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()

    with pytest.raises(DeadlockError):
        run(main)


def test_livelock_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with pytest.raises(LivelockError, match="without the clock moving"):
        run(main, world=World(passes=100))


def test_a_retry_without_a_pause_is_a_livelock_but_a_bulk_transfer_is_not() -> None:
    async def retry(net: VirtualNetwork) -> None:
        while True:
            with trio.socket.socket() as sock:
                try:
                    await sock.connect(("127.0.0.1", 80))
                except ConnectionRefusedError:
                    continue

    async def bulk(net: VirtualNetwork) -> None:
        client, server = await pair(net)
        for _ in range(400):
            await client.send_all(b"x")
            await server.receive_some()
        await client.aclose()
        await server.aclose()

    with pytest.raises(LivelockError, match=r"test_network\.py"):
        run(retry, world=World(passes=100))
    run(bulk, world=World(passes=100))


def test_time_limit_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        while True:
            await trio.sleep(1)

    with pytest.raises(TimeLimitError, match="limit of 60 virtual seconds"):
        run(main, world=World(time_limit=60))


@pytest.mark.covers("C22")
def test_a_socket_left_open_is_told_with_the_line_that_opened_it() -> None:
    async def main(net: VirtualNetwork) -> None:
        await two_hosts(net)

    with pytest.raises(LeakError, match=r"1 left open.*\n.*app.*test_network\.py:\d+ in two_hosts"):
        run(main)
    run(main, checks=Checks(sockets=False))


@pytest.mark.covers("C22")
def test_a_system_task_left_running_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever)

    with pytest.raises(LeakError, match="sleep_forever"):
        run(main)


def test_waiting_for_a_real_descriptor_is_refused() -> None:
    async def main(net: VirtualNetwork) -> None:
        left, right = trio.socket.socketpair()
        with left, right, trio.move_on_after(5):
            await left.recv(1)

    with pytest.raises(RealIOError, match=r"reading file descriptor \d+ at .*test_network\.py:\d+ in main"):
        run(main)
    run(main, checks=Checks(real_io=False))


def test_a_virtual_socket_has_no_descriptor_that_epoll_takes() -> None:
    async def main(net: VirtualNetwork) -> None:
        client, server = await pair(net)
        with pytest.raises(OSError, match="Bad file descriptor"):
            await trio.lowlevel.wait_readable(client.socket)
        await client.aclose()
        await server.aclose()
        assert client.socket.fileno() == -1

    run(main)


def test_threads_run_in_place_so_the_clock_does_not_jump_past_them() -> None:
    async def main(net: VirtualNetwork) -> int:
        with trio.fail_after(1):
            return await trio.to_thread.run_sync(lambda: sum(range(100_000)))

    assert run(main) == 4999950000


def test_a_thread_is_no_deadlock_where_nothing_else_waits_for_a_time() -> None:
    async def main(net: VirtualNetwork) -> str:
        return await trio.to_thread.run_sync(str, 5)

    assert run(main) == "5"


def test_real_threads_under_a_virtual_clock_are_told() -> None:
    release = threading.Event()

    async def main(net: VirtualNetwork) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, release.wait)
            try:
                await trio.sleep(10)
            finally:
                release.set()

    with pytest.raises(RealIOError, match="1 worker threads"):
        run(main, world=World(inline_threads=False))


@pytest.mark.covers("C22")
def test_what_trio_http_leaves_open_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        bodies = [object(), object()]
        for body in bodies:
            _watch.opened("body", body)
        _watch.closed(bodies[0])

    with pytest.raises(LeakError, match=r"1 left open.*\n.*body left open: <object"):
        run(main)
    run(main, checks=Checks(bodies=False))


def test_unaccepted_and_unread_connections_can_be_looked_for() -> None:
    async def unaccepted(net: VirtualNetwork) -> None:
        [listener] = await trio.open_tcp_listeners(80, host="127.0.0.1")
        async with listener, await trio.open_tcp_stream("127.0.0.1", 80):
            pass

    async def unread(net: VirtualNetwork) -> None:
        client, server = await pair(net)
        await client.send_all(b"nobody reads this")
        await server.aclose()
        await client.aclose()

    run(unaccepted)
    run(unread)
    with pytest.raises(LeakError, match="never accepted"):
        run(unaccepted, checks=Checks(unaccepted=True))
    with pytest.raises(LeakError, match="closed with unread bytes"):
        run(unread, checks=Checks(unread=True))


def test_errors_of_the_program_come_out_as_they_are() -> None:
    async def main(net: VirtualNetwork) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        run(main, seed=17)
    assert "seed=17" in caught.value.__notes__[0]


def test_a_failing_host_task_fails_the_run() -> None:
    async def fail() -> None:
        raise KeyError("server")

    async def main(net: VirtualNetwork) -> None:
        net.host("api").start_soon(fail)
        await trio.sleep(1)

    with pytest.raises(KeyError, match="server"):
        run(main)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Faults(reset=2),
        lambda: Faults(reset=True),
        lambda: Faults(delay_seconds=(2, 1)),
        lambda: Faults().only("rest"),
        lambda: Link(latency=-1),
        lambda: Link(bandwidth=0),
        lambda: Link(segment=0),
        lambda: Chunks.sizes([]),
        lambda: Chunks.sizes([0]),
        lambda: Chunks.split_inside(b"x"),
        lambda: World(schedule="best"),
        lambda: World(time_limit=0),
        lambda: VirtualNetwork(seed=1.5),
        lambda: VirtualNetwork(buffer=0),
        lambda: VirtualNetwork().host("a b"),
        lambda: VirtualNetwork().host("a", addresses=["127.0.0.1"]),
        lambda: VirtualNetwork().host("a", addresses=["10.0.0"]),
        lambda: VirtualNetwork().link("a", "b"),
        lambda: VirtualNetwork().host("a").refuse(0),
        lambda: VirtualNetwork().dns.delay("x", -1),
        lambda: VirtualNetwork().dns.fail("x", "maybe"),
        lambda: simulate(nothing, seed="7"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        make()


def test_use_outside_a_simulation_says_so() -> None:
    net = VirtualNetwork()

    with pytest.raises(OutsideSimulationError, match="outside its trio run"):
        net.socket()
    with pytest.raises(OutsideSimulationError, match="inside `async with`"):
        net.host("a").start_soon(trio.sleep, 1)


async def test_a_simulation_inside_a_trio_run_is_refused() -> None:
    with pytest.raises(HarnessError, match="synchronous code"):
        simulate(nothing)


async def test_only_tcp_is_carried() -> None:
    async with VirtualNetwork():
        with pytest.raises(OSError, match="TCP") as caught:
            trio.socket.socket(type=socket.SOCK_DGRAM)
        assert caught.value.errno == errno.EPROTONOSUPPORT
        with pytest.raises(OSError, match="IPv4 and IPv6") as caught:
            trio.socket.socket(socket.AF_UNIX)
        assert caught.value.errno == errno.EAFNOSUPPORT


async def test_the_real_network_is_back_after_the_block() -> None:
    async with VirtualNetwork():
        assert "Virtual" in type(trio.socket.socket()).__name__
    with trio.socket.socket() as sock:
        assert "Virtual" not in type(sock).__name__


async def test_a_network_runs_once() -> None:
    net = VirtualNetwork()
    async with net:
        pass
    with pytest.raises(HarnessError, match="runs once"):
        await net.__aenter__()


async def test_the_block_of_a_network_adds_no_group_around_an_error() -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with VirtualNetwork():
            raise error
    assert caught.value is error


async def test_the_block_of_a_network_leaves_the_user_s_own_groups_alone() -> None:
    group = ExceptionGroup("mine", [KeyError("one")])
    with pytest.raises(ExceptionGroup) as caught:
        async with VirtualNetwork():
            raise group
    assert caught.value is group


async def test_cancelling_around_a_network_ends_it() -> None:
    with trio.move_on_after(0) as scope:
        async with VirtualNetwork() as net:
            net.host("api").start_soon(trio.sleep_forever)
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_network_in_real_time_works_with_the_clock_of_the_run() -> None:
    async with VirtualNetwork(link=Link(latency=0.01)) as net:
        begun = trio.current_time()
        stream = await two_hosts(net)
        assert await round_trip(stream) >= 0.02
        await stream.aclose()
    assert trio.current_time() - begun >= 0.04
