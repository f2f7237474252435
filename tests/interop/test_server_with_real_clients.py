"""Our server with clients that other people wrote: curl, and the standard library's."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
import trio

from tests.interop.real_programs import require
from tests.wires import serving
from trio_http import Request, Response
from trio_http.messages import SendChunk

MIB = 1024 * 1024


async def handler(request: Request) -> Response:
    async def producer(send: SendChunk) -> None:
        for _ in range(16):
            await send(b"x" * 65536)

    if request.path == "/hello":
        return Response("Hello, World!")
    if request.path == "/stream":
        return Response(producer)
    if request.path == "/echo":
        return Response(await request.read(), headers={"content-type": "application/octet-stream"})
    if request.path == "/refuse":
        return Response("no", status=403)
    return Response("no such page", status=404)


async def curl(*arguments: str) -> str:
    done = await trio.run_process(
        [require("curl"), "--silent", "--show-error", "--max-time", "20", *arguments],
        capture_stdout=True,
        capture_stderr=True,
        stdin=b"",
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("latin-1")


async def test_curl_gets_pages_over_one_connection() -> None:
    async with serving(handler, "socket") as wires:
        url = wires.server.url
        seen = await curl("-w", "[%{http_code} %{num_connects}]", f"{url}/hello", f"{url}/hello", f"{url}/nothing")

    assert seen == "Hello, World![200 1]Hello, World![200 0]no such page[404 0]"


async def test_curl_reads_a_stream() -> None:
    async with serving(handler, "socket") as wires:
        assert len(await curl(f"{wires.server.url}/stream")) == MIB


@pytest.mark.parametrize("options", [(), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")])
async def test_curl_uploads(options: tuple[str, ...], tmp_path: Path) -> None:
    sent = bytes(range(256)) * 8192
    await trio.Path(tmp_path / "body").write_bytes(sent)

    async with serving(handler, "socket") as wires:
        seen = await curl(*options, "--data-binary", f"@{tmp_path}/body", f"{wires.server.url}/echo")

    assert seen.encode("latin-1") == sent


async def test_curl_head_and_http_1_0() -> None:
    async with serving(handler, "socket") as wires:
        head = await curl("--head", f"{wires.server.url}/hello")
        old = await curl("--http1.0", "-i", f"{wires.server.url}/stream")

    assert "Content-Length: 13" in head
    assert "chunked" not in old
    assert len(old.partition("\r\n\r\n")[2]) == MIB


async def test_curl_sees_a_refusal_before_it_sends_the_body(tmp_path: Path) -> None:
    await trio.Path(tmp_path / "body").write_bytes(b"x" * 8 * MIB)

    async with serving(handler, "socket") as wires:
        seen = await curl(
            "-H", "Expect: 100-continue", "-w", "[%{http_code} %{size_upload}]", "--data-binary", f"@{tmp_path}/body",
            f"{wires.server.url}/refuse",
        )  # fmt: skip

    assert seen == "no[403 0]"


async def test_curl_sees_why_a_large_body_is_refused(tmp_path: Path) -> None:
    # more than the default limit: the answer must arrive although curl is still sending
    await trio.Path(tmp_path / "body").write_bytes(b"x" * 11 * MIB)

    async with serving(handler, "socket") as wires:
        seen = await curl(
            "-H", "Expect:", "-w", "[%{http_code}]", "--data-binary", f"@{tmp_path}/body", f"{wires.server.url}/echo"
        )

    assert seen.endswith("[413]")


async def test_the_standard_librarys_client() -> None:
    def ask(port: int) -> list[tuple[int, bytes]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        seen = []
        for method, path, body in (("GET", "/hello", None), ("POST", "/echo", b"x" * MIB), ("HEAD", "/hello", None)):
            connection.request(method, path, body)
            response = connection.getresponse()
            seen.append((response.status, response.read()))
        connection.close()
        return seen

    async with serving(handler, "socket") as wires:
        seen = await trio.to_thread.run_sync(ask, wires.server.port)

    assert seen == [(200, b"Hello, World!"), (200, b"x" * MIB), (200, b"")]
