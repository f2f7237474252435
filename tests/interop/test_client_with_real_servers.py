"""Our client with servers and proxies that other people wrote: nginx, the standard library's, tinyproxy, microsocks."""

from __future__ import annotations

import gzip
import http.server
import os
import random
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme

import trio_http
from tests.interop.real_programs import free_port, program, require
from trio_http import Client, ClientLimits, Request, Response

TEXT = b"all work and no play makes a dull page\n" * 5000

NGINX = """
daemon off; master_process off; pid {root}/pid; error_log {root}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/f;
  uwsgi_temp_path {root}/u; scgi_temp_path {root}/s; client_max_body_size 1m; types {{ text/plain txt; }}
  server {{
    listen unix:{root}/plain; listen unix:{root}/tls ssl;
    ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/cert.pem;
    keepalive_requests 3;
    location / {{ root {root}/www; gzip on; gzip_types text/plain; }}
    location /moved {{ return 302 /page.txt; }}
    location /limited {{ return 413; }}
  }}
}}
"""


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def nginx(root: Path, authority: trustme.CA) -> AsyncIterator[None]:
    (root / "www").mkdir()
    (root / "www" / "page.txt").write_bytes(TEXT)
    authority.issue_cert("nginx.test").private_key_and_cert_chain_pem.write_to_path(str(root / "cert.pem"))
    (root / "nginx.conf").write_text(NGINX.format(root=root))
    async with program(require("nginx"), "-p", str(root), "-c", str(root / "nginx.conf"), ready=root / "tls"):
        yield


@pytest.mark.covers("B26", "B28", "B30")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_nginx(tmp_path: Path, authority: trustme.CA, secure: bool) -> None:
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    path = str(tmp_path / ("tls" if secure else "plain"))
    base = "https://nginx.test" if secure else "http://nginx.test"
    async with nginx(tmp_path, authority), Client(uds=path, base_url=base, ssl_context=context) as client:
        for _ in range(5):  # more than it answers on one connection
            response = await client.get("/page.txt")
            assert response.content == TEXT  # gzip, chunked
        bare = await client.get("/page.txt", decompress=False, headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(bare.content) == TEXT
        plain = await client.get("/page.txt", headers={"Accept-Encoding": "identity"})
        assert plain.headers["content-length"] == str(len(TEXT))
        part = await client.get("/page.txt", headers={"Range": "bytes=100-199"})
        assert (part.status, part.content) == (206, TEXT[100:200])
        head = await client.head("/page.txt", headers={"Accept-Encoding": "identity"})
        assert (head.content, head.headers["content-length"]) == (b"", str(len(TEXT)))
        assert (await client.get("/page.txt", if_none_match=plain.headers["etag"])).status == 304
        assert (await client.get("/moved")).redirects == 1
        assert (await client.get("/nothing")).status == 404
        async with client.stream("GET", "/page.txt") as streamed:
            assert b"".join([piece async for piece in streamed.body]) == TEXT
        # it refuses early, and resets what is still being sent
        assert (await client.post("/limited", content=b"x" * 5_000_000)).status == 413


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()  # HTTP/1.0: the end of the connection is the end of the body
        self.wfile.write(self.path.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(params=["HTTP/1.0", "HTTP/1.1"])
def stdlib_server(request: pytest.FixtureRequest) -> Iterator[str]:
    kind = type("Handler", (_Handler,), {"protocol_version": request.param})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_http_server_of_the_standard_library(stdlib_server: str) -> None:
    async with Client(base_url=stdlib_server, trust_env=False) as client:
        for number in range(3):
            assert (await client.get(f"/{number}", headers={"Connection": "close"})).text() == f"/{number}"
            assert (await client.post("/", content=b"x" * 100_000)).content == b"x" * 100_000


async def handler(request: Request) -> Response:
    await request.read()
    return Response(f"hello {request.path}")


@pytest.mark.covers("B29")
@pytest.mark.parametrize("user", [None, "me"])
async def test_microsocks(user: str | None) -> None:
    port = free_port()
    login = () if user is None else ("-u", user, "-P", "secret")
    socks = program(require("microsocks"), "-i", "127.0.0.1", "-p", str(port), *login, ready=port)
    async with socks, trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, handler, 0)
        for scheme in ("socks5", "socks5h"):
            where = f"{'' if user is None else f'{user}:secret@'}127.0.0.1:{port}"
            async with Client(proxy=f"{scheme}://{where}", trust_env=False) as client:
                assert (await client.get(f"http://localhost:{server.port}/x")).text() == "hello /x"
                with pytest.raises(trio_http.ProxyError):
                    await client.get(f"http://localhost:{free_port()}/")
        nursery.cancel_scope.cancel()


@pytest.mark.covers("B29", "S1.26", "S1.27", "S1.28", "S1.29")
async def test_tinyproxy(tmp_path: Path, authority: trustme.CA) -> None:
    port = free_port()
    config = tmp_path / "tinyproxy.conf"
    config.write_text(
        f'Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth me secret\nLogFile "{tmp_path}/log"\n'
        f'PidFile "{tmp_path}/pid"\n'
    )
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(secure)
    async with program(require("tinyproxy"), "-d", "-c", str(config), ready=port), trio.open_nursery() as nursery:
        plain = await nursery.start(trio_http.serve, handler, 0)
        tls = trio_http.Server(handler, 0, ssl_context=secure)
        await nursery.start(tls.listen)
        proxy = f"http://me:secret@127.0.0.1:{port}"
        async with Client(proxy=proxy, ssl_context=context, trust_env=False) as client:
            assert (await client.get(f"http://localhost:{plain.port}/a")).text() == "hello /a"
            assert (await client.post(f"http://localhost:{plain.port}/b", content=b"x" * 100_000)).status == 200
            assert (await client.get(f"https://localhost:{tls.port}/c")).text() == "hello /c"
        async with Client(proxy=f"http://127.0.0.1:{port}", ssl_context=context, trust_env=False) as client:
            assert (await client.get(f"http://localhost:{plain.port}/")).status in {401, 407}
            with pytest.raises(trio_http.ProxyError, match=r"refused a tunnel"):
                await client.get(f"https://localhost:{tls.port}/")
        nursery.cancel_scope.cancel()


@pytest.mark.covers("B19")
async def test_storm_over_loopback() -> None:
    """20 requests a round to 6 origins through 3 slots, each cancelled after a random time."""
    seconds = 15.0 if "TRIO_HTTP_LONG_STORM" in os.environ else 3.0
    chance = random.Random(1)

    async def slow(request: Request) -> Response:
        await trio.sleep(chance.random() * 0.03)
        return Response("ok")

    async def one(url: str) -> None:
        with trio.move_on_after(0.003 + chance.random() * 0.047):
            assert (await client.get(url)).text() == "ok"

    async with trio.open_nursery() as nursery:
        servers = [await nursery.start(trio_http.serve, slow, 0) for _ in range(6)]
        async with Client(limits=ClientLimits(connections=3), trust_env=False) as client:
            rounds = 0
            end = trio.current_time() + seconds
            while trio.current_time() < end:
                rounds += 1
                async with trio.open_nursery() as requests:
                    for number in range(20):
                        requests.start_soon(one, servers[number % 6].url)
                assert all(info.state == "idle" for info in client.pool.connections)
                assert client.pool.waiters == []
            for server in servers:
                assert (await client.get(server.url)).status == 200
        print(f"{rounds} rounds")
        nursery.cancel_scope.cancel()
