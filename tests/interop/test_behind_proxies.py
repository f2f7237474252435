"""Two of our servers behind nginx and HAProxy, configured as examples/deploy/ shows it, but for paths and ports."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme

from tests.interop.real_programs import free_port, program, require
from trio_http import Client, Handler, ProxyHeaders, Server

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
MIB = 1024 * 1024


def app() -> Handler:
    spec = importlib.util.spec_from_file_location("example_deploy_app", DEPLOY / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.router
    return handler


def adapted(name: str, changes: dict[str, str]) -> str:
    """A configuration as it is shown, with what depends on the machine replaced."""
    text = (DEPLOY / name).read_text()
    for shown, here in changes.items():
        assert shown in text, f"{name} does not say {shown!r} any more"
        text = text.replace(shown, here)
    return text


class Site:
    """Two servers, and the proxy in front of them."""

    def __init__(self, servers: list[Server], client: Client) -> None:
        self.servers = servers
        self.client = client

    @property
    def requests(self) -> int:
        return sum(server.stats.requests for server in self.servers)

    @property
    def connections(self) -> int:
        return sum(server.stats.connections for server in self.servers)


@asynccontextmanager
async def behind_nginx(root: Path) -> AsyncIterator[str]:
    port, plain = free_port(), free_port()
    text = adapted(
        "nginx.conf",
        {
            "http {\n": ("user root;\n" if os.geteuid() == 0 else "")  # or its workers could not reach our folder
            + f"pid {root}/pid; error_log {root}/error.log; daemon off;\nhttp {{\n"
            + "".join(f"{kind}_temp_path {root}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
            + f"client_body_temp_path {root}/body; access_log off;\n",
            "worker_processes auto": "worker_processes 1",  # so that connections can be counted
            "worker_connections 8192": "worker_connections 256",
            "/run/notes": str(root),
            "listen 80": f"listen 127.0.0.1:{plain}",
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/ssl/notes": str(root),
        },
    )
    (root / "nginx.conf").write_text(text)
    async with program(require("nginx"), "-p", str(root), "-c", str(root / "nginx.conf"), ready=port):
        yield f"https://localhost:{port}"


@asynccontextmanager
async def behind_haproxy(root: Path) -> AsyncIterator[str]:
    port, plain = free_port(), free_port()
    (root / "site.pem").write_bytes((root / "cert.pem").read_bytes() + (root / "key.pem").read_bytes())
    changes = {
        "/run/notes": str(root),
        "/etc/ssl/notes": str(root),
        "bind :80": f"bind 127.0.0.1:{plain}",
        "bind :443": f"bind 127.0.0.1:{port}",
        "maxconn 20000": "maxconn 200",
    }
    (root / "haproxy.cfg").write_text(adapted("haproxy.cfg", changes))
    checked = await trio.run_process(
        [require("haproxy"), "-c", "-f", str(root / "haproxy.cfg")],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr.decode()
    assert b"WARNING" not in checked.stderr, checked.stderr.decode()
    async with program(require("haproxy"), "-db", "-f", str(root / "haproxy.cfg"), ready=port):
        yield f"https://localhost:{port}"


Proxy = Callable[[Path], AbstractAsyncContextManager[str]]


@pytest.fixture(params=[behind_nginx, behind_haproxy], ids=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest) -> Proxy:
    found: Proxy = request.param
    return found


@asynccontextmanager
async def site(root: Path, proxy: Proxy) -> AsyncIterator[Site]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(root / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(root / "key.pem"))
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    handler = app()
    servers = [Server(handler, path=f"{root}/{name}.sock", proxy_headers=ProxyHeaders(["unix"])) for name in "ab"]
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for server in servers:
                await nursery.start(server.listen)
            async with (
                proxy(root) as url,
                Client(base_url=url, ssl_context=context, trust_env=False, allow_ipv6=False) as client,
            ):
                yield Site(servers, client)
            nursery.cancel_scope.cancel()


async def test_requests_know_whom_they_come_from(tmp_path: Path, proxy: Proxy) -> None:
    invented = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "evil", "Forwarded": "for=203.0.113.7;host=evil"}
    async with site(tmp_path, proxy) as here:
        plain = (await here.client.get("/who")).json()
        lied = (await here.client.get("/who", headers={**invented, "X-Forwarded-Proto": "gopher"})).json()
        base = here.client.base_url

    assert base is not None
    expected = {"ip": "127.0.0.1", "scheme": base.scheme, "host": base.authority, "url": f"{base}who"}
    assert plain == lied == expected


async def test_connections_are_kept(tmp_path: Path, proxy: Proxy) -> None:
    async with site(tmp_path, proxy) as here:
        for _ in range(50):
            assert (await here.client.get("/live")).text() == "alive"

        assert here.requests >= 50
        # a health check is a connection of its own; each of the 50 would be one more
        assert here.connections <= 30, here.connections


async def test_large_uploads_pass_as_they_come(tmp_path: Path, proxy: Proxy) -> None:
    body = bytes(range(256)) * (4096 * 20)

    async with site(tmp_path, proxy) as here:
        assert (await here.client.post("/upload", content=body)).text() == hashlib.sha256(body).hexdigest()


async def test_events_are_not_held_back(tmp_path: Path, proxy: Proxy) -> None:
    async with site(tmp_path, proxy) as here, here.client.sse("/events") as events:
        with trio.fail_after(10):
            assert [(await anext(events)).data for _ in range(2)] == ["0", "1"]


async def test_websockets_pass(tmp_path: Path, proxy: Proxy) -> None:
    async with site(tmp_path, proxy) as here, here.client.websocket("/ws") as ws:
        await ws.send("hello")
        assert await ws.receive() == "hello"
        await ws.send(b"x" * MIB)
        assert await ws.receive() == b"x" * MIB
        await ws.close()
        assert ws.close_code == 1000


async def test_a_server_that_ends_fails_nobody(tmp_path: Path, proxy: Proxy) -> None:
    statuses: list[int] = []
    async with site(tmp_path, proxy) as here, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            while True:
                statuses.append((await here.client.get("/who")).status)

        await trio.sleep(0.5)
        before = here.servers[1].stats.requests
        # the lame-duck time is longer than the interval of the health checks
        await here.servers[0].shutdown(grace=5, lame_duck=2.5)
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()

    assert len(statuses) > 100
    assert set(statuses) == {200}
    assert here.servers[1].stats.requests > before


async def test_http_is_sent_to_https(tmp_path: Path, proxy: Proxy) -> None:
    async with site(tmp_path, proxy):
        name = "nginx.conf" if proxy is behind_nginx else "haproxy.cfg"
        port = re.findall(r"(?:listen|bind) 127.0.0.1:(\d+)", (tmp_path / name).read_text())[0]
        async with Client(trust_env=False) as client:
            moved = await client.get(f"http://127.0.0.1:{port}/x?y", headers={"Host": "a"}, follow_redirects=False)

    assert (moved.status, moved.headers["location"]) == (301, "https://a/x?y")


def test_systemd_knows_all_that_is_said(tmp_path: Path) -> None:
    analyze = require("systemd-analyze", package="systemd")
    unit = (DEPLOY / "notes.service").read_text().replace("/opt/notes/bin/trio-http", "/bin/true")
    (tmp_path / "notes.service").write_text(unit)
    (tmp_path / "notes.socket").write_text((DEPLOY / "notes.socket").read_text())
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / "notes.service"), str(tmp_path / "notes.socket")],
        capture_output=True,
        text=True,
        check=False,
    )

    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith("notes.")]
    assert not complaints, complaints
