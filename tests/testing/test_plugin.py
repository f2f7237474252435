"""The pytest plugin: fixtures, seeds, options, reports, beside pytest-trio and Hypothesis."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

# from a bare checkout the entry point is not there
INSTALLED = any(entry.value == "trio_http.testing.pytest_plugin" for entry in entry_points(group="pytest11"))
LOAD = () if INSTALLED else ("-p", "trio_http.testing.pytest_plugin")

PRELUDE = """
import pytest, trio
from hypothesis import given, settings, strategies as st
from trio_http.testing import Faults, World, Checks, VirtualNetwork
from trio_http.testing.strategies import virtual_networks, faults

async def echo(stream):
    async with stream:
        async for data in stream:
            await stream.send_all(data)
"""


def run(pytester: pytest.Pytester, source: str, *options: str, mode: bool = True) -> pytest.RunResult:
    pytester.makeini(f"[pytest]\ntrio_mode = {str(mode).lower()}\naddopts = --strict-markers -p no:anyio\n")
    pytester.makepyfile(PRELUDE + source)
    return pytester.runpytest(*LOAD, *options)


@pytest.mark.covers("C6", "C21")
def test_virtual_network_gives_virtual_time_and_a_seed(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
async def test_time(virtual_network):
    await virtual_network.host("api").start(trio.serve_tcp, echo, 80)
    with virtual_network.host("app").active():
        async with await trio.open_tcp_stream("api", 80) as stream:
            await stream.send_all(b"x")
            assert await stream.receive_some() == b"x"
    await trio.sleep(10_000)
    assert trio.current_time() == 10_000
    assert virtual_network.seed == 0

@pytest.mark.vnet(seed=5, world=World(time_limit=5))
async def test_settings(virtual_network):
    assert virtual_network.seed == 5
    await trio.sleep(6)

async def test_no_network_here():
    assert "Virtual" not in type(trio.socket.socket()).__name__
""",
        "-W", "ignore::ResourceWarning",
    )  # fmt: skip

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*TimeLimitError: *limit of 5 virtual seconds*"])


@pytest.mark.covers("C21")
def test_it_works_beside_the_fixtures_of_pytest_trio(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.fixture
async def server(virtual_network, nursery):
    with virtual_network.host("api").active():
        await nursery.start(trio.serve_tcp, echo, 80)
    yield "api"
    with virtual_network.host("app").active():
        async with await trio.open_tcp_stream("api", 80) as stream:
            await stream.send_all(b"teardown is inside, too")

async def test_all(server, virtual_network, nursery, autojump_clock):
    assert trio.lowlevel.current_clock() is autojump_clock
    async with await trio.open_tcp_stream(server, 80) as stream:
        nursery.start_soon(stream.send_all, b"x")
        assert await stream.receive_some() == b"x"

async def test_manual_clock(virtual_network, mock_clock, nursery):
    async def later():
        await trio.sleep(5)
        done.set()
    done = trio.Event()
    nursery.start_soon(later)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(5)
    await done.wait()

async def test_only_through_a_fixture(server):
    async with await trio.open_tcp_stream(server, 80) as stream:
        pass
""",
    )

    result.assert_outcomes(passed=3)


@pytest.mark.covers("C13")
def test_a_failure_reports_seed_replay_faults_events_and_sockets(pytester: pytest.Pytester) -> None:
    source = """
@pytest.mark.explore(seeds=3, faults=Faults(short_read=1))
async def test_it(virtual_network):
    await virtual_network.host("api").start(trio.serve_tcp, echo, 80)
    stream = await trio.open_tcp_stream("api", 80)
    await stream.send_all(b"hello")
    assert virtual_network.seed != 1 or await stream.receive_some() == b"hello"
    await stream.aclose()
"""
    result = run(pytester, source)

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- virtual network -*",
            "seed 1; run it again: pytest '*::test_it' --vnet-seed 1",
            "* faults happened:",
            "*short_read on local->10.0.0.1:80#1 server",
            "open sockets at the end:",
            "*<VirtualSocket on local * opened at t=0.000, *.py:* in test_it",
            "last * events:",
            "*local send 10.0.0.1:80 5B *",
        ]
    )
    again = run(pytester, source, "--vnet-seed", "1")
    again.assert_outcomes(failed=1)
    more = run(pytester, source, "--vnet-seeds", "5")
    more.assert_outcomes(passed=4, failed=1)


def test_explored_functions_follow_the_options(pytester: pytest.Pytester) -> None:
    source = """
from trio_http.testing import explore
runs = []

@explore(seeds=10)
async def test_explored(net):
    runs.append(net.seed)

def test_after():
    print("SEEDS", runs)
"""
    run(pytester, source, "-s", "--vnet-seed", "7").stdout.fnmatch_lines(["*SEEDS [[]7[]]*"])
    run(pytester, source, "-s", "--vnet-seeds", "3").stdout.fnmatch_lines(["*SEEDS [[]0, 1, 2[]]*"])
    bad = run(pytester, source, "--vnet-seeds", "0")
    bad.stderr.fnmatch_lines(["*--vnet-seeds 0: give how many*"])


def test_leaks_and_deadlocks_fail_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
async def test_leak(virtual_network):
    trio.socket.socket()

async def test_deadlock(virtual_network):
    await trio.sleep_forever()

@pytest.mark.vnet(checks=Checks(sockets=False))
async def test_allowed(virtual_network):
    trio.socket.socket()
""",
    )

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*LeakError: 1 left open*", "*DeadlockError: deadlock at t=0.000*"])


@pytest.mark.covers("C26")
def test_hypothesis_draws_and_shrinks_the_network(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
from hypothesis import Phase
@settings(database=None, max_examples=200, phases=[Phase.generate, Phase.shrink])
@given(net=virtual_networks(faults=Faults(short_read=0.5, short_write=0.3, delay=0.4)), size=st.integers(1, 50))
async def test_given(net, size):
    await net.host("api").start(trio.serve_tcp, echo, 80)
    async with await trio.open_tcp_stream("api", 80) as stream:
        await stream.send_all(bytes(size))
        got = await stream.receive_some()
        print("EXAMPLE", size, [e.text for e in net.faults_happened])
        assert len(got) == size
""",
    )

    result.assert_outcomes(failed=1)
    # the smallest example that a short read can spoil, with that one fault (either side's)
    last = [line for line in result.stdout.lines if line.startswith("EXAMPLE")][-1]
    assert last.startswith("EXAMPLE 2 ['short_"), last
    assert last.count("short_") == 1, last


def test_hypothesis_with_the_fixture_gets_a_fresh_network_for_each_example(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
from hypothesis import HealthCheck
@settings(database=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers())
async def test_given(virtual_network, number):
    assert trio.current_time() == 0
    virtual_network.host("api", addresses=["192.0.2.1"])
    await trio.sleep(5)

@settings(database=None, max_examples=5)
@given(number=st.integers())
async def test_without_network(number):
    await trio.lowlevel.checkpoint()
""",
    )

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def test_sync(virtual_network): pass", "*needs an async test run by pytest-trio*"),
        (
            "@pytest.mark.explore(seed=3)\nasync def test_bad(virtual_network): pass",
            "*no seed; it has seeds, faults, world, checks*",
        ),
        ("@pytest.mark.vnet(3)\nasync def test_bad(virtual_network): pass", "*no arguments without names*"),
        ("@pytest.mark.vnet(seed='x')\nasync def test_bad(virtual_network): pass", "*a seed is a whole number*"),
    ],
)
def test_misuse_is_told(pytester: pytest.Pytester, source: str, complaint: str) -> None:
    result = run(pytester, source)

    assert result.ret != 0
    result.stdout.fnmatch_lines([complaint])


@pytest.mark.parametrize("name", ["TRIO_HTTP_SEED", "TRIO_HTTP_SEEDS"])
def test_an_environment_that_makes_no_sense_is_told(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "many")

    result = run(pytester, "@pytest.mark.explore(seeds=2)\nasync def test_it(virtual_network): pass")

    assert result.ret != 0
    assert f"{name}='many': give a whole number" in result.stdout.str()
    assert "INTERNALERROR" not in result.stdout.str()


def test_marks_work_without_trio_mode(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.trio
async def test_marked(virtual_network):
    await trio.sleep(1000)
    assert trio.current_time() == 1000
""",
        mode=False,
    )

    result.assert_outcomes(passed=1)


@pytest.mark.covers("C15")
def test_server_and_client_of_trio_http(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
import trio_http

async def hello(request):
    await trio.sleep(5)
    return trio_http.Response("hello from " + request.headers["host"])

async def test_virtual(virtual_network, virtual_server, virtual_client):
    await virtual_server(hello, host="api", names=["api.example"])
    with virtual_network.host("app").active():
        response = await virtual_client.get("http://api.example/")
    assert response.text() == "hello from api.example"
    assert trio.current_time() == 5
    assert virtual_network.connections[0].client.host.name == "app"

async def test_virtual_tls(virtual_server, test_ca):
    await virtual_server(hello, 443, host="api", ssl_context=test_ca.server_context("api"))
    async with trio_http.Client(ssl_context=test_ca.client_context(), trust_env=False) as client:
        assert (await client.get("https://api/")).status == 200

async def quick(request):
    return trio_http.Response("real")

async def test_real(http_server):
    server = await http_server(quick)
    async with trio_http.Client(trust_env=False) as client:
        assert (await client.get(server.url)).text() == "real"
""",
    )

    result.assert_outcomes(passed=3)


@pytest.mark.covers("C19")
def test_no_network_lets_loopback_pass_and_nothing_else(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
import socket
from functools import partial
from trio_http.testing import RealNetworkError

def test_blocked(no_network):
    with socket.socket() as sock, pytest.raises(RealNetworkError, match="192.0.2.1"):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(RealNetworkError, match="example.com"):
        socket.getaddrinfo("example.com", 80)

@pytest.mark.parametrize("look_up", [socket.gethostbyname, socket.gethostbyname_ex, socket.gethostbyaddr])
def test_old_look_ups(no_network, look_up):
    name = look_up.__name__
    with pytest.raises(RealNetworkError, match="192.0.2.1"):
        getattr(socket, name)("192.0.2.1")
    getattr(socket, name)("127.0.0.1")

def test_datagrams(no_network):
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        for send in (partial(sock.sendto, b"x"), partial(sock.sendmsg, [b"x"], [], 0)):
            with pytest.raises(RealNetworkError, match="192.0.2.1"):
                send(("192.0.2.1", 9))

async def test_trio(no_network):
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, echo, 0, host="127.0.0.1"))
        async with await trio.testing.open_stream_to_socket_listener(listener) as stream:
            await stream.send_all(b"x")
            assert await stream.receive_some() == b"x"
        with pytest.raises(RealNetworkError):
            await trio.open_tcp_stream("example.com", 80)
        nursery.cancel_scope.cancel()
""",
    )

    result.assert_outcomes(passed=6)


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    program = (
        "import sys, pytest, trio\n"
        "import trio_http.testing.pytest_plugin\n"
        "print(sorted(m for m in sys.modules if m.startswith('trio_http.testing.') or m in ('hypothesis', 'trustme')))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "['trio_http.testing.pytest_plugin']"
