"""What a program that serves tells of itself beside its port: its status for ``trio-http top``, and metrics."""

from __future__ import annotations

import glob
import os
import re
import signal
import stat
import sys
from pathlib import Path

import pytest
import trio

from tests.interop.programs_that_serve import APP, HUP, PATIENCE, TERM, Served, app_in, command, program
from trio_http import Client


async def status_at(path: Path) -> dict[str, object]:
    async with Client(uds=str(path), timeout=20) as client:
        status: dict[str, object] = (await client.get("http://localhost/")).json()
        return status


async def metrics_of(served: Served) -> dict[str, float]:
    [url] = [found[1] for line in served.lines if (found := re.search(r"metrics at (http://[^,; ]+)", line))]
    async with Client(timeout=20) as client:
        page = (await client.get(url)).text()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    }


async def ask(served: Served, times: int) -> None:
    for _ in range(times):
        async with Client(base_url=served.url, timeout=20) as client:  # a connection of its own, to any worker
            await client.get("/")


ANSWERED = 'http_server_requests_total{method="GET",route="unmatched",status="200"}'


async def test_one_process_tells_its_status(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--status", "s") as served:
        await ask(served, 3)
        status = await status_at(tmp_path / "s")
        mode = (tmp_path / "s").stat().st_mode
        async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
            await stream.send_all(b"GET /forever HTTP/1.1\r\nHost: x\r\n\r\n")
            await trio.sleep(0.3)
            served.signal(TERM)
            await served.wait_for_line("ending:")
            ending = await status_at(tmp_path / "s")
            served.signal(TERM)
            assert await served.ended() == 1

    assert status["pid"] == served.pid
    assert status["stats"]["requests"] == 3  # type: ignore[index]
    assert stat.S_IMODE(mode) == 0o600
    assert ending["active"] == 1  # who wants to know why it does not end is told
    assert not (tmp_path / "s").exists()


async def test_each_worker_tells_its_status(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--status", "s", "--workers", "2") as served:
        before = [(await status_at(tmp_path / f"s.{number}"))["pid"] for number in (1, 2)]
        assert before == served.workers
        served.signal(HUP)
        await served.wait_for_line("replaced:")
        after = before
        with trio.fail_after(PATIENCE):
            while set(before) & set(after):  # the one who goes may take one more on a busy machine
                after = [(await status_at(tmp_path / f"s.{number}"))["pid"] for number in (1, 2)]
        top = await trio.run_process(
            [*command("top"), str(tmp_path / "s.1"), "--once"], capture_stdout=True, env=dict(os.environ)
        )

        assert after == served.workers
        assert top.stdout.startswith(f"pid {after[0]} on 127.0.0.1:{served.port}".encode())
        served.signal(TERM)
        assert await served.ended() == 0
    assert not glob.glob(f"{tmp_path}/s.*")


async def test_one_process_counts(tmp_path: Path) -> None:
    app_in(tmp_path)
    async with program(tmp_path, "app:app", "--port", "0", "--metrics", "0") as served:
        await ask(served, 3)
        counted = await metrics_of(served)
        async with Client(base_url=served.url, timeout=20) as client:
            elsewhere = (await client.get("/metrics")).text()

    assert counted[ANSWERED] == counted["http_server_connections_total"] == 3
    assert "process_cpu_seconds_total" in counted
    assert elsewhere == f"one {served.pid}"  # strangers see nothing of it


async def test_workers_count_together(tmp_path: Path) -> None:
    app_in(tmp_path)
    options = ["--port", "0", "--metrics", "127.0.0.1:0", "--workers", "2"]
    async with program(tmp_path, "app:app", *options, env={"TMPDIR": str(tmp_path)}) as served:
        await ask(served, 20)
        assert (await metrics_of(served))[ANSWERED] == 20
        assert glob.glob(f"{tmp_path}/trio-http-metrics-*/*.db")
        async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            victim = int((await stream.receive_some()).rpartition(b" ")[2])
            with trio.fail_after(PATIENCE):
                while (await metrics_of(served))["http_server_connections_open"] != 1:
                    await trio.sleep(0.05)  # until the ends of the others have been seen

            os.kill(victim, signal.SIGKILL)
            await served.wait_for_line("was killed by signal 9")
            counted = await metrics_of(served)
        served.signal(TERM)
        assert await served.ended() == 0

    assert counted[ANSWERED] == 21  # what it had answered stays answered
    assert counted["http_server_connections_open"] == 0  # and what it had open is closed
    assert not glob.glob(f"{tmp_path}/trio-http-metrics-*")


HIDDEN = "import sys; sys.modules['prometheus_client'] = None; from trio_http._cli import main; sys.exit(main())"


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_what_metrics_need_is_told(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path)
    argv = [sys.executable, "-c", HIDDEN, "serve", "app:app", "--port", "0", "--metrics", "0", *workers]
    async with program(tmp_path, argv=argv, wait=False) as served:
        assert await served.ended() == 2

    assert served.lines == ["trio-http: --metrics needs prometheus-client: pip install 'trio-http[prometheus]'"]


async def test_run_has_servers_beside_it(tmp_path: Path) -> None:
    more = """
import trio_http
from trio_http.metrics import Metrics

async def page(request):
    answer = await metrics.page(request)
    print(f"asked while {'draining' if server.draining else 'serving'}", file=__import__("sys").stderr, flush=True)
    return answer

metrics = Metrics()
server = trio_http.Server(app, 0, instruments=[metrics])
beside = trio_http.Server(page, path="metrics")
trio_http.run(server, status="status", beside=[beside])
"""
    (tmp_path / "main.py").write_text(APP + more)
    async with program(tmp_path, argv=[sys.executable, "main.py"], wait=False) as served:
        await served.wait_for_line("listens on")
        await ask(served, 2)
        assert (await status_at(tmp_path / "status"))["pid"] == served.pid
        async with (
            Client(uds=str(tmp_path / "metrics"), timeout=20) as client,
            await trio.open_tcp_stream("127.0.0.1", served.port) as stream,
        ):
            assert f"{ANSWERED} 2.0" in (await client.get("http://localhost/")).text().splitlines()
            await stream.send_all(b"GET /forever HTTP/1.1\r\nHost: x\r\n\r\n")
            await trio.sleep(0.3)
            served.signal(TERM)
            await served.wait_for_line("ending:")
            await client.get("http://localhost/")
            served.signal(TERM)
            assert await served.ended() == 0
    assert [line for line in served.lines if line.startswith("asked")] == [
        "asked while serving",
        "asked while draining",
    ]
