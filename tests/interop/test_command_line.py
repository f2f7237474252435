"""The client commands as people run them: in a process of their own, in pipes, on a terminal, and interrupted."""

from __future__ import annotations

import contextlib
import functools
import os
import pty
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme

from tests.interop.real_programs import require
from trio_http import Request, Response, serve
from trio_http.messages import SendChunk
from trio_http.websocket import WebSocket, WebSocketResponse

pytestmark = pytest.mark.covers("B42")
ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "trio_http"]
MIB = 1024 * 1024


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(f"you said {message!s}")


async def handler(request: Request) -> Response:
    if request.path == "/json":
        return Response('{"a": 1}', headers={"content-type": "application/json"})

    async def endless(send: SendChunk) -> None:
        while True:
            await send(b"x" * MIB)

    async def stalls(send: SendChunk) -> None:
        await send(b"beginning")
        await trio.sleep_forever()

    if request.path == "/ws":
        return WebSocketResponse(echo)
    if request.path == "/echo":
        return Response(await request.read())
    headers = {"etag": '"1"', "content-length": "1000000"}
    return Response(endless) if request.path == "/endless" else Response(stalls, headers=headers)


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        yield (await nursery.start(serve, handler)).url
        nursery.cancel_scope.cancel()


def environment(**more: str) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}


async def run(*command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(30):
        return await trio.run_process(
            command, stdin=stdin, capture_stdout=True, capture_stderr=True, check=False, env=environment()
        )


async def test_in_a_pipe() -> None:
    async with served() as url:
        done = await run(*COMMAND, "post", f"{url}/echo", "-d", "@-", stdin=b"\0\xff" * 100_000)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"\0\xff" * 100_000, b"")


async def test_who_reads_may_leave() -> None:
    script = f"{' '.join(COMMAND)} get $URL/endless | head -c 10; echo ${{PIPESTATUS[0]}}"
    async with served() as url:
        done = await run(require("bash"), "-c", script.replace("$URL", url))

    assert done.stdout == b"x" * 10 + b"141\n"
    assert done.stderr == b""


@pytest.mark.parametrize("output", [False, True], ids=["shown", "saved"])
async def test_ctrl_c(output: bool, tmp_path: Path) -> None:
    file = tmp_path / "file"
    options = ["-o", str(file)] if output else ["-s"]
    seen = tmp_path / "file.part.json" if output else None
    async with served() as url, trio.open_nursery() as nursery:
        command = [*COMMAND, "get", f"{url}/stalls", *options]
        process = await trio.lowlevel.open_process(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
        with trio.fail_after(30):
            assert process.stdout is not None
            assert process.stderr is not None
            if seen is None:
                assert await process.stdout.receive_some() == b"beginning"
            else:
                while not seen.exists():
                    await trio.sleep(0.02)
                await trio.sleep(0.2)  # until the beginning has come: nothing tells of it
            process.send_signal(signal.SIGINT)
            errors = b"".join([piece async for piece in process.stderr])
            assert await process.wait() == 130
        nursery.cancel_scope.cancel()

    assert b"Traceback" not in errors
    if output:
        assert b"go on with --continue" in errors
        assert (tmp_path / "file.part").read_bytes() == b"beginning"
    else:
        assert errors == b""


async def test_ctrl_c_while_nobody_reads() -> None:
    async with served() as url:
        process = await trio.lowlevel.open_process(
            [*COMMAND, "get", f"{url}/endless"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
        with trio.fail_after(30):
            assert process.stdout is not None
            assert process.stderr is not None
            await process.stdout.receive_some(1)  # and then no more: its thread stands in a write
            await trio.sleep(0.3)
            process.send_signal(signal.SIGINT)
            errors = b"".join([piece async for piece in process.stderr])
            assert (await process.wait(), errors) == (130, b"")
        await process.stdout.aclose()


@asynccontextmanager
async def on_a_terminal(command: list[str], **more: str) -> AsyncIterator[tuple[trio.Process, trio.lowlevel.FdStream]]:
    """Run a program on a terminal of its own, for the length of a block."""
    master, slave = pty.openpty()
    run = functools.partial(
        trio.run_process, command, stdin=slave, stdout=slave, stderr=slave, env=environment(**more), check=False
    )
    with trio.fail_after(30):
        async with trio.lowlevel.FdStream(master) as screen, trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(run)
            os.close(slave)
            yield process, screen
            nursery.cancel_scope.cancel()


async def rest_of(screen: trio.lowlevel.FdStream) -> bytes:
    """All that is shown until the program leaves the terminal."""
    shown = b""
    with contextlib.suppress(trio.BrokenResourceError):  # EIO: nobody has the other side open any more
        while data := await screen.receive_some():
            shown += data
    return shown


async def test_ctrl_c_in_a_websocket_that_waits_for_a_line() -> None:
    shown = b""
    async with served() as url, on_a_terminal([*COMMAND, "get", f"{url}/ws", "--websocket"]) as (process, screen):
        await screen.send_all(b"hello\n")
        while b"you said hello" not in shown:
            shown += await screen.receive_some()
        process.send_signal(signal.SIGINT)
        shown += await rest_of(screen)
        code = await process.wait()

    assert code == 130
    assert b"Ctrl-D closes" in shown
    assert b"Fatal" not in shown
    assert b"Traceback" not in shown


async def test_on_a_terminal() -> None:
    async def shown_by(command: list[str], **more: str) -> str:
        async with on_a_terminal(command, **more) as (process, screen):
            shown = await rest_of(screen)
            assert await process.wait() == 0
        return shown.decode()

    async with served() as url:
        command = [*COMMAND, "get", f"{url}/json", "-v"]
        colored = await shown_by(command)
        plain = await shown_by(command, NO_COLOR="1")
        hide = "import sys; sys.modules['rich'] = None; from trio_http._cli import main; sys.exit(main(sys.argv[1:]))"
        bare = await shown_by([sys.executable, "-c", hide, *command[3:]])

    assert "\x1b[1;32m200" in colored
    assert "until the answer" in colored
    for shown in (plain, bare):
        assert "\x1b" not in shown
        assert '\r\n{\r\n  "a": 1\r\n}\r\n' in shown


async def test_certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("client.test")
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL

    async def who(request: Request) -> Response:
        shown = request.tls.peer_certificate if request.tls is not None else {}
        return Response("known" if shown else "unknown")

    async with trio.open_nursery() as nursery:
        server = await nursery.start(functools.partial(serve, who, ssl_context=context))
        url = f"https://localhost:{server.port}/"
        ca = ("--cafile", f"{tmp_path}/ca.pem")
        refused = await run(*COMMAND, "get", url)
        trusted = await run(*COMMAND, "get", url, *ca)
        careless = await run(*COMMAND, "get", url, "--no-verify")
        known = await run(*COMMAND, "get", url, *ca, "--cert", f"{tmp_path}/cert.pem", "--key", f"{tmp_path}/key.pem")
        missing = await run(*COMMAND, "get", url, "--cafile", "/no/such.pem")
        nursery.cancel_scope.cancel()

    assert refused.returncode == missing.returncode == 8
    assert refused.stderr.count(b"\n") == missing.stderr.count(b"\n") == 1
    assert b"--cafile FILE" in refused.stderr
    assert b"/no/such.pem" in missing.stderr
    assert [trusted.stdout, careless.stdout, known.stdout] == [b"unknown", b"unknown", b"known"]


async def test_output_that_is_not_to_be_waited_for() -> None:
    """A file that is non-blocking because whoever shares it has made it so."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    async with served() as url:
        process = await trio.lowlevel.open_process(
            [*COMMAND, "post", f"{url}/echo", "-d", "@-"], stdin=subprocess.PIPE, stdout=write, env=environment()
        )
        os.close(write)
        with trio.fail_after(30):
            assert process.stdin is not None
            await process.stdin.send_all(b"x" * MIB)
            await process.stdin.aclose()
            async with trio.lowlevel.FdStream(read) as stream:
                got = b"".join([piece async for piece in stream])
            assert await process.wait() == 0

    assert got == b"x" * MIB
