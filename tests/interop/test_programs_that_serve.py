"""``trio-http serve`` and ``trio_http.run`` as real processes: how they begin, what they obey, how they end."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio
import trustme

from tests.interop.programs_that_serve import APP, HUP, INT, TERM, Served, app_in, command, program
from trio_http import Client, Response

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason=f"only root can become another user, and this is uid {os.geteuid()}"
)
FAILING = APP.replace(
    "    elif",
    """    elif request.path == "/fails":
        raise RuntimeError("trouble\\nin two lines")
    elif""",
    1,
)


async def get(served: Served, path: str = "/") -> Response:
    async with Client(base_url=served.url, timeout=20) as client:
        return await client.get(path)


# ---------------------------------------------------------------- one process


@pytest.mark.covers("A8", "A14")
@pytest.mark.parametrize("number", [TERM, INT])
async def test_a_signal_drains(tmp_path: Path, number: int) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0") as served, trio.open_nursery() as nursery:
        answers: list[str] = []

        async def ask_slowly() -> None:
            answers.append((await get(served, "/slow")).text())

        nursery.start_soon(ask_slowly)
        await trio.sleep(0.4)
        served.signal(number)

        assert await served.ended() == 0
    assert answers == [f"one {served.pid}"]


@pytest.mark.covers("A8")
async def test_a_second_signal_forces(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0") as served, _asking(served, "/forever"):
        served.signal(TERM)
        await served.wait_for_line("ending: 1 requests under way")
        served.signal(TERM)

        assert await served.ended(within=5) == 1


@pytest.mark.covers("A8")
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_a_client_that_reads_nothing_does_not_hold_the_end(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--grace", "0.5", *workers) as served:
        async with _asking(served, "/endless"):
            served.signal(TERM)

            assert await served.ended(within=5) == 0
        assert any("the grace of 0.5 s is over" in line for line in served.lines)


async def test_a_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    async with program(tmp_path, "--directory", ".", "--port", "0") as served:
        assert (await get(served, "/a.txt")).text() == "hello"
        assert "a.txt" in (await get(served, "/")).text()


@pytest.mark.parametrize("workers", [0, 2])
async def test_everything_is_logged_as_json(tmp_path: Path, workers: int) -> None:
    app_in(tmp_path, FAILING)
    options = ["--port", "0", "--access-log", "access.json", "--log-json"]
    options += ["--workers", str(workers)] if workers else []
    async with program(tmp_path, "app:app", *options) as served:
        await get(served, "/logged")
        assert (await get(served, "/fails")).status == 500
        served.signal(TERM)
        await served.ended()

    requests = [json.loads(line) for line in (tmp_path / "access.json").read_text().splitlines()]
    assert {request["target"] for request in requests} == {"/logged", "/fails"}
    told = [json.loads(line) for line in served.lines]  # not one line is anything else
    assert "listens on" in told[0]["message"]
    [failure] = [record for record in told if record["level"] == "error"]
    assert "RuntimeError: trouble\nin two lines" in failure["traceback"]
    ending = {record["pid"] for record in told if record["message"].startswith("ending:")}
    assert len(ending) == max(1, workers)
    assert (served.pid in ending) == (not workers)


async def test_run_is_a_whole_program(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(APP + "import trio_http\ntrio_http.run(app, 0, grace=5)\n")
    argv = [sys.executable, "main.py"]
    async with program(tmp_path, argv=argv, wait=False) as served:
        await served.wait_for_line("listens on")

        assert (await get(served)).text() == f"one {served.pid}"
        served.signal(INT)
        assert await served.ended() == 0


async def test_a_handler_may_have_a_lifespan(tmp_path: Path) -> None:
    more = """
from contextlib import asynccontextmanager

@asynccontextmanager
async def around(server):
    global VERSION
    VERSION = "begun"
    yield
    print("over", flush=True, file=__import__("sys").stderr)
"""
    app_in(tmp_path, APP + more)
    async with program(tmp_path, "app:app", "--port", "0", "--lifespan", "app:around") as served:
        assert (await get(served)).text() == f"begun {served.pid}"
        served.signal(TERM)
        assert await served.ended() == 0
    assert "over" in served.lines


async def test_a_file_of_options(tmp_path: Path) -> None:
    app_in(tmp_path)
    (tmp_path / "serve.toml").write_text(
        'target = "app:app"\nport = 0\nserver_header = "mine"\n[limits]\ntarget = "1K"\n'
    )
    async with program(tmp_path, "--config", "serve.toml") as served:
        assert (await get(served)).headers["server"] == "mine"
        assert (await get(served, "/" + "x" * 1100)).status == 414


@pytest.mark.covers("A15")
async def test_a_pid_file(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--pid-file", "pid") as served:
        assert (tmp_path / "pid").read_text() == f"{served.pid}\n"
        async with program(tmp_path, "app:app", "--port", "0", "--pid-file", "pid", wait=False) as second:
            assert await second.ended() == 2
        assert second.lines == [
            f"trio-http: pid says that process {served.pid} serves already: stop it, or delete the file"
        ]
        served.signal(TERM)
        await served.ended()
    assert not (tmp_path / "pid").exists()


@pytest.mark.covers("A15")
@needs_root
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
async def test_privileges_are_dropped(workers: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chmod(folder, 0o755)
        app_in(folder, APP.replace("{VERSION}", "{os.getuid()} {os.getgid()} {os.getgroups()}"))
        options = ["--user", "65534", "--group", "65534", "--umask", "027", "--access-log", "log", *workers]
        async with program(folder, "app:app", "--port", "0", *options) as served:
            answer = (await get(served)).text()
            assert stat.S_IMODE((folder / "log").stat().st_mode) == 0o640

    assert answer.startswith("65534 65534 [65534]")


UNSHARE = ["unshare", "--pid", "--fork", "--kill-child"]


def _may_be_process_1() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _may_be_process_1(), reason="only root with unshare(1) can make a process the first of its own")
async def test_process_1_obeys_while_its_program_loads(tmp_path: Path) -> None:
    app_in(tmp_path, "import os, time\nos.mkdir('loading')\ntime.sleep(1000)")
    argv = [*UNSHARE, *command("serve", "app:app", "--port", "0")]
    async with program(tmp_path, argv=argv, wait=False) as served:
        with trio.fail_after(20):
            while not await trio.Path(tmp_path, "loading").exists():
                await trio.sleep(0.02)
        [first] = (await trio.Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text()).split()
        os.kill(int(first), TERM)

        assert await served.ended(within=10) == 130


# ---------------------------------------------------------------- where it listens


@needs_root
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
async def test_a_unix_socket_for_whom_it_is_meant(workers: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chmod(folder, 0o755)
        app_in(folder)
        options = ["--path", "s", "--path-mode", "660", "--user", "65534", "--group", "33"]
        async with program(folder, "app:app", *options, *workers):
            about = (folder / "s").stat()

    assert (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (0o660, 65534, 33)


async def test_a_unix_socket_that_is_gone_afterwards(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--path", "s", "--workers", "2") as served:
        async with await trio.open_unix_socket(str(tmp_path / "s")) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 200 " in await stream.receive_some()
        served.signal(TERM)
        assert await served.ended() == 0
    assert not (tmp_path / "s").exists()


async def test_an_inherited_socket(tmp_path: Path) -> None:
    app_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        async with program(tmp_path, "app:app", "--fd", str(fd), pass_fds=[fd]) as served:
            assert served.port == listening.getsockname()[1]
            assert (await get(served)).status == 200


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_several_inherited_sockets(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path)
    path = tmp_path / "s"
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        fds = [one.fileno(), other.fileno()]
        options = [option for fd in fds for option in ("--fd", str(fd))]
        async with program(tmp_path, "app:app", *options, *workers, pass_fds=fds) as served:
            assert served.lines[0].partition("listens on ")[2].startswith(f"{served.url}, unix:{path};")
            assert (await get(served)).status == 200
            async with Client(uds=str(path), timeout=20) as client:
                assert (await client.get("http://localhost/")).status == 200
            served.signal(TERM)
            assert await served.ended() == 0
    assert path.exists()  # whose file it is, is not for us to say


async def test_several_addresses(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(
        tmp_path, "app:app", "--port", "0", "--host", "127.0.0.1", "--host", "127.0.0.2", "--workers", "2"
    ) as served:
        assert f"http://127.0.0.2:{served.port}" in served.lines[0]
        async with Client(timeout=20) as client:
            assert (await client.get(f"http://127.0.0.2:{served.port}/")).status == 200
            assert (await client.get(served.url)).status == 200


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
async def test_systemd_gives_the_socket_and_is_told_how_it_goes(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening, _notify_socket(tmp_path / "notify") as notified:
        # descriptor 3 is the socket, and LISTEN_PID the process that this becomes, as systemd does it
        fd, argv = listening.fileno(), command("serve", "app:app", *workers)
        script = (
            f"import os; os.dup2({fd}, 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
            f"os.execv({argv[0]!r}, {argv!r})"
        )
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        async with program(tmp_path, argv=[sys.executable, "-c", script], env=env, pass_fds=[fd]) as served:
            assert served.port == listening.getsockname()[1]
            assert (await get(served)).status == 200
            told = await _told_until(notified, "READY=1")
            assert "STATUS=" in told[-1]
            await _told_until(notified, "WATCHDOG=1")
            served.signal(HUP)
            await _told_until(notified, "RELOADING=1\nMONOTONIC_USEC=")
            await _told_until(notified, "READY=1")
            served.signal(TERM)
            await _told_until(notified, "STOPPING=1")
            assert await served.ended() == 0


# ---------------------------------------------------------------- bad input: one line, exit code 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "say what to serve"),
        (["app:app", "--prot", "1"], "there is no option --prot (did you mean '--port'?)"),
        (["app:ap"], "app has no 'ap' (did you mean 'app'?)"),
        (["broken:app"], "importing broken failed: ZeroDivisionError: division by zero (BROKEN, line 3)"),
        (["nothing:app", "--workers", "2"], "there is no module 'nothing'"),
        (["app:app", "--certfile", "none.pem"], "cannot load the certificate 'none.pem'"),
        (["app:app", "--certfile", "app.py", "--workers", "2"], "cannot load the certificate 'app.py'"),
        (["app:app", "--certfile", "cert.pem", "--ca-certs", "app.py"], "cannot load the certificates 'app.py' that"),
        (["app:app", "--path", "s", "--path", "no/such/folder"], "cannot listen on the unix socket no/such/folder"),
        (["app:app", "--path", "s", "--status", "no/such/folder"], "cannot listen on the unix socket no/such/folder"),
        (["app:app", "--reload", "--reload-dir", "nowhere"], "--reload-dir nowhere: there is no such folder"),
        (["app:app", "--fd", "987"], "cannot listen on file descriptor 987"),
        (["app:app", "--config", "bad.toml"], "bad.toml: there is no option 'prot' (did you mean 'port'?)"),
        (["--directory", "nowhere"], "--directory nowhere: there is no such folder"),
        (["app:app", "--user", "no-such-user"], "there is no user no-such-user"),
        (["app:app", "--proxy-headers", "x"], "--proxy-headers: 'x' does not appear to be"),
        (["app:app", "--access-log", "no/such/folder"], "--access-log no/such/folder: No such file"),
        (["app:app", "--as-worker", "1"], "leave it out, and give --workers N"),
    ],
)
async def test_bad_input_is_told_in_one_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    app_in(tmp_path)
    (tmp_path / "broken.py").write_text("x = 1\n\n1 / 0\n")
    (tmp_path / "bad.toml").write_text("prot = 1\n")
    trustme.CA().issue_cert("a").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    port = [] if "--port" in arguments else ["--port", "0"]

    async with program(tmp_path, *arguments, *port, wait=False) as served:
        assert await served.ended() == 2

    [told] = served.lines
    assert not await trio.Path(tmp_path, "s").exists()  # nothing is left of what was begun
    assert told.startswith("trio-http: ")
    assert line.replace("BROKEN", str(tmp_path / "broken.py")) in told


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_a_start_that_fails_is_logged_as_json_too(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path, "1 / 0")
    async with program(tmp_path, "app:app", "--port", "0", "--log-json", *workers, wait=False) as served:
        assert await served.ended() == 2

    [told] = [json.loads(line) for line in served.lines]
    assert told["level"] == "critical"
    assert told["message"].startswith("importing app failed: ZeroDivisionError")


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
@pytest.mark.parametrize("reuse", [False, True])
async def test_a_port_in_use_is_told(tmp_path: Path, workers: list[str], reuse: bool) -> None:
    app_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0), reuse_port=reuse) as taken:
        port = str(taken.getsockname()[1])
        async with program(tmp_path, "app:app", "--port", port, *workers, wait=False) as served:
            assert await served.ended() == 2

    [told] = served.lines
    assert f"cannot listen on port {port} of 127.0.0.1: Address already in use" in told


async def test_a_traceback_is_shown_where_one_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    async with program(tmp_path, "broken:app", "--port", "0", "--debug", wait=False) as served:
        assert await served.ended() == 1

    told = "\n".join(served.lines)
    assert "Traceback" in told
    assert "ZeroDivisionError" in told


# ---------------------------------------------------------------- tools


@contextlib.asynccontextmanager
async def _asking(served: Served, path: str) -> AsyncIterator[trio.SocketStream]:
    """Hold a connection whose request is being handled, and read nothing of its answer."""
    async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await trio.sleep(0.5)
        yield stream


@contextlib.contextmanager
def _notify_socket(path: Path) -> Iterator[trio.socket.SocketType]:
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    plain.bind(str(path))
    with trio.socket.from_stdlib_socket(plain) as sock:
        yield sock


async def _told_until(sock: trio.socket.SocketType, start: str) -> list[str]:
    told: list[str] = []
    with trio.fail_after(20):
        while not told or not told[-1].startswith(start):
            told.append((await sock.recv(4096)).decode())
    return told
