"""Metrics of several processes, counted as one by prometheus-client's files."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.interop.real_programs import free_port, program
from trio_http import Client

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, trio
from trio_http import Server
from trio_http.metrics import Metrics
from trio_http.web import Router

metrics, router = Metrics(), Router()
router.add("GET", "/metrics", metrics.page)
trio.run(Server(router, int(os.environ["PORT"]), instruments=[metrics]).listen)
"""


@asynccontextmanager
async def worker(folder: Path) -> AsyncIterator[str]:
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    async with program(sys.executable, "-c", PROGRAM, ready=port, env=environment):
        yield f"http://127.0.0.1:{port}/metrics"


async def test_whoever_is_asked_answers_for_all(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with worker(tmp_path) as one, worker(tmp_path) as two, Client() as client:
            for url in (one, one, two):
                await client.get(url)
            page = (await client.get(two)).text()

    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert lines['http_server_requests_total{method="GET",route="/metrics",status="200"}'] == "3.0"
    assert lines["http_server_requests_in_progress"] == "1.0"
    assert lines["http_server_connections_open"] == "2.0"
