"""``trio-http serve`` with ASGI and WSGI applications, told apart by their parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.programs_that_serve import TERM, program
from trio_http import Client

APPS = """
import sys

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["begun"] = "begun"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("lifespan is over", file=sys.stderr, flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi " + scope["state"]["begun"].encode()})

async def unable(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})

def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi " + environ["PATH_INFO"].encode()]

class Flaskish:
    def __call__(self, environ, start_response):
        return wsgi(environ, start_response)

def make():
    return Flaskish()
"""


@pytest.mark.covers("A14")
@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["apps:asgi"], "asgi begun"),
        (["apps:asgi", "--asgi", "--workers", "2"], "asgi begun"),
        (["apps:wsgi"], "wsgi /x"),
        (["apps:make", "--factory", "--wsgi", "--workers", "1"], "wsgi /x"),
    ],
)
async def test_an_application_is_served(tmp_path: Path, arguments: list[str], answer: str) -> None:
    (tmp_path / "apps.py").write_text(APPS)
    async with program(tmp_path, *arguments, "--port", "0") as served:
        async with Client(base_url=served.url, timeout=20) as client:
            assert (await client.get("/x")).text() == answer
        served.signal(TERM)
        assert await served.ended() == 0

    assert ("lifespan is over" in served.lines) == answer.startswith("asgi")


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_an_application_that_cannot_start_is_told_in_one_line(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "apps.py").write_text(APPS)
    async with program(tmp_path, "apps:unable", "--port", "0", *workers, wait=False) as served:
        assert await served.ended() == 2

    told = [line for line in served.lines if line.startswith("trio-http: ")]
    assert len(told) == 1
    assert "no database" in told[0]
    assert not any("Traceback" in line for line in served.lines)
