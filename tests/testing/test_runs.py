"""A run of a program on the virtual network: what ends it, what is told at its end, which options it takes."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable

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

from .steps import nothing, pair, round_trip, run, two_hosts


def test_deadlock_is_told_with_the_lines_that_wait() -> None:
    async def main(net: VirtualNetwork) -> None:
        client, server = await pair(net)
        with client.socket, server.socket:
            await client.receive_some()

    with pytest.raises(DeadlockError, match=r"test_runs\.py:\d+ in main"):
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

    with pytest.raises(LivelockError, match=r"test_runs\.py"):
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

    with pytest.raises(LeakError, match=r"1 left open.*\n.*app.*steps\.py:\d+ in two_hosts"):
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

    with pytest.raises(RealIOError, match=r"reading file descriptor \d+ at .*test_runs\.py:\d+ in main"):
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
