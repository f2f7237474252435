"""Workers as real processes: replaced without a failed request, watched, and never left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.interop.programs_that_serve import APP, HUP, TERM, Served, app_in, program
from tests.interop.real_programs import free_port, program as other_program, require

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Load:
    """Clients that ask without pause and forgive nothing: no request is ever sent a second time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: dict[bytes, int] = {}  # how often each body came
        self.failures: list[str] = []
        self._random = random.Random(7)

    @property
    def count(self) -> int:
        return sum(self.answers.values())

    async def keep_asking(self, pause: float) -> None:
        """Ask again and again on one connection, for as long as the server keeps it."""
        while True:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                while await self.ask(stream):
                    await trio.sleep(self._random.uniform(0, pause))

    async def ask_once(self) -> None:
        """Ask as soon as somebody listens."""
        async with await _connected(self.port) as stream:
            await self.ask(stream)

    async def ask_anew(self) -> None:
        """Ask on a new connection each time."""
        while True:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await self.ask(stream)

    async def ask(self, stream: trio.SocketStream) -> bool:
        """Exchange one request; tell whether the connection stays."""
        data = b""
        try:
            await stream.send_all(GET)
            while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
                got = await stream.receive_some(4096)
                if not got:
                    raise EOFError(f"the connection ended after {data!r}")
                data += got
        except (OSError, EOFError, trio.BrokenResourceError) as error:
            self.failures.append(repr(error.__cause__ or error))
            return False
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            self.failures.append(repr(data))
        self.answers[body] = self.answers.get(body, 0) + 1
        return b"connection: close" not in head.lower()


def _length(data: bytes) -> int:
    head = data.lower().partition(b"\r\n\r\n")[0]
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])


async def _connected(port: int) -> trio.SocketStream:
    """A connection, as soon as somebody listens."""
    with trio.fail_after(20):
        while True:
            try:
                return await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.01)


@asynccontextmanager
async def load(port: int) -> AsyncIterator[Load]:
    """Ask for the length of a block, over kept and over new connections."""
    made = Load(port)
    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(made.keep_asking, 0.0)
        for _ in range(6):
            nursery.start_soon(made.keep_asking, 0.3)  # idle now and then: when is a connection closed?
        for _ in range(2):
            nursery.start_soon(made.ask_anew)
        yield made
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def blocking_one(served: Served) -> AsyncIterator[None]:
    """Make one worker do nothing but block, and hold the connection that has brought it about."""
    async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
        await stream.send_all(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        await trio.sleep(0.3)
        yield


SLOW_BUT_FOR_ONE = """
import os, time
try:
    os.mkdir("first")
except FileExistsError:
    while not os.path.exists("go on"):
        time.sleep(0.05)
"""


@pytest.mark.covers("A11")
async def test_who_comes_early_is_answered_once_one_worker_is_ready(tmp_path: Path) -> None:
    app_in(tmp_path, SLOW_BUT_FOR_ONE + APP)
    port = free_port()
    async with program(tmp_path, "app:app", "--port", str(port), "--workers", "2", wait=False) as served:
        clients = Load(port)
        async with trio.open_nursery() as nursery:
            for _ in range(16):  # half of them wait at the worker that is not ready
                nursery.start_soon(clients.ask_once)

        assert clients.failures == []
        assert len(clients.answers) == 1
        assert served.lines == []  # it is ready when all workers are
        (tmp_path / "go on").touch()
        await served.wait_for_line("in 2 workers")


@pytest.mark.covers("A11")
async def test_a_start_that_fails_keeps_nobody_waiting(tmp_path: Path) -> None:
    app_in(tmp_path, SLOW_BUT_FOR_ONE + "while not os.path.exists('go on'): time.sleep(0.05)\n1 / 0\n")
    port = free_port()
    async with program(tmp_path, "app:app", "--port", str(port), "--workers", "2", wait=False) as served:
        async with await _connected(port) as stream:
            await stream.send_all(GET)
            (tmp_path / "go on").touch()
            with trio.fail_after(20), contextlib.suppress(trio.BrokenResourceError):
                assert await stream.receive_some() == b""
        assert await served.ended() == 2

    assert ["importing app failed: ZeroDivisionError" in line for line in served.lines] == [True]


@pytest.mark.covers("A11", "S1.66")
@pytest.mark.parametrize("workers", [1, 2])
async def test_workers_are_replaced_without_a_failed_request(tmp_path: Path, workers: int) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--workers", str(workers), "--grace", "5") as served:
        first = served.workers
        async with load(served.port) as clients:
            await trio.sleep(0.5)
            for time in (1, 2):
                app_in(tmp_path, APP.replace('"one"', f'"version {time}"'))
                served.signal(HUP)
                await served.wait_for_line("replaced:", time)
            await trio.sleep(1)

        assert clients.failures == []
        assert clients.count > 100
        assert not set(first) & set(served.workers)
        assert {body.rpartition(b" ")[0] for body in clients.answers} == {b"one", b"version 1", b"version 2"}
        served.signal(TERM)
        assert await served.ended() == 0


@pytest.mark.covers("A11")
async def test_a_killed_worker_is_replaced_and_nothing_else_fails(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--workers", "2") as served:
        victim, survivor = served.workers
        async with AsyncExitStack() as stack:
            clients = Load(served.port)
            kept = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", served.port))
            while await clients.ask(kept) and not any(body.endswith(b" %d" % survivor) for body in clients.answers):
                kept = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", served.port))
                clients.answers.clear()
            clients.answers.clear()

            os.kill(victim, signal.SIGKILL)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(clients.ask_anew)  # whoever comes now is served
                nursery.start_soon(clients.ask_anew)
                await served.wait_for_line(f"worker 1 (pid {victim}) was killed by signal 9")
                with trio.fail_after(20):
                    while len(clients.answers) < 2:  # another worker answers
                        await trio.sleep(0.05)
                nursery.cancel_scope.cancel()

            assert await clients.ask(kept)  # and whoever was with the other one never noticed
            assert clients.failures == []
            assert not any(body.endswith(b" %d" % victim) for body in clients.answers)


@pytest.mark.covers("A11")
async def test_a_stuck_worker_is_replaced_and_others_take_its_connections(tmp_path: Path) -> None:
    app_in(tmp_path)
    options = ["--port", "0", "--workers", "2", "--worker-timeout", "2"]
    async with program(tmp_path, "app:app", *options) as served:
        await trio.sleep(1.2)  # workers that have just begun do not meddle with others
        async with blocking_one(served):
            clients = Load(served.port)
            for _ in range(16):  # half of them land at the worker that is stuck
                async with await trio.open_tcp_stream("127.0.0.1", served.port) as another:
                    with trio.fail_after(1.5):
                        await clients.ask(another)
            assert clients.failures == []
            assert len(clients.answers) == 1
        await served.wait_for_line("it is killed")
        await served.wait_for_line("another one starts")


@pytest.mark.covers("A11")
async def test_a_killed_supervisor_leaves_no_worker(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--workers", "2") as served, blocking_one(served):
        served.process.kill()
        await served.ended(within=20)  # which means that the workers have ended, too, the one that blocks as well


@pytest.mark.covers("A12")
async def test_workers_are_replaced_after_so_many_requests(tmp_path: Path) -> None:
    app_in(tmp_path)
    options = ["--port", "0", "--workers", "2", "--max-requests", "100", "--max-requests-jitter", "20", "--grace", "5"]
    async with program(tmp_path, "app:app", *options) as served:
        async with load(served.port) as clients:
            with trio.fail_after(40):
                while len(clients.answers) < 4:
                    await trio.sleep(0.1)

        assert clients.failures == []


@pytest.mark.covers("A13")
async def test_a_change_of_the_source_is_seen(tmp_path: Path) -> None:
    path = app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--reload", "--grace", "1") as served:
        path.write_text(APP.replace('"one"', '"number two"'))
        await served.wait_for_line("changed: ")
        await served.wait_for_line("replaced:")
        assert (await _bodies(served)).startswith(b"number two")

        path.write_text("def f(:\n")
        await served.wait_for_line("importing app failed: SyntaxError")
        await served.wait_for_line("no successor came up")
        assert (await _bodies(served)).startswith(b"number two")

        path.write_text(APP.replace('"one"', '"and three"'))
        await served.wait_for_line("replaced:", 2)
        await served.wait_for_line("changed: ", 3)
        with trio.fail_after(20):
            while not (await _bodies(served)).startswith(b"and three"):
                await trio.sleep(0.1)


@pytest.mark.covers("A13")
async def test_a_program_that_does_not_load_waits_for_a_change(tmp_path: Path) -> None:
    path = app_in(tmp_path, "1 / 0")
    async with program(tmp_path, "app:app", "--port", "0", "--reload", wait=False) as served:
        await served.wait_for_line("tried again when something changes")
        path.write_text(APP)

        await served.wait_for_line("limits:")
        assert (await _bodies(served)).startswith(b"one")


@pytest.mark.covers("A8")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_forces_workers(tmp_path: Path, number: int) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--workers", "2") as served, blocking_one(served):
        served.signal(number)
        await trio.sleep(0.3)
        served.signal(number)

        assert await served.ended(within=8) == 1


NGINX = """
daemon off; pid nginx.pid; error_log nginx.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    upstream app {{ server 127.0.0.1:{upstream}; keepalive 8; }}
    server {{
        listen unix:{folder}/nginx.sock;
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_next_upstream off;
        }}
    }}
}}
"""


async def test_behind_nginx_no_request_fails_either(tmp_path: Path) -> None:
    nginx = require("nginx")
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--workers", "2", "--grace", "5") as served:
        (tmp_path / "nginx.conf").write_text(NGINX.format(upstream=served.port, folder=tmp_path))
        ready = tmp_path / "nginx.sock"
        async with other_program(nginx, "-p", str(tmp_path), "-c", "nginx.conf", ready=ready):
            clients = Load(0)

            async def ask() -> None:
                while True:
                    async with await trio.open_unix_socket(str(ready)) as stream:
                        while await clients.ask(stream):
                            await trio.sleep(0.01)

            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(ask)
                await trio.sleep(0.5)
                served.signal(HUP)
                await served.wait_for_line("replaced:")
                await trio.sleep(2.5)
                nursery.cancel_scope.cancel()

        assert clients.failures == []
        assert len(clients.answers) == 4


async def _bodies(served: Served) -> bytes:
    clients = Load(served.port)
    async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
        await clients.ask(stream)
    assert clients.failures == []
    [body] = clients.answers
    return body
