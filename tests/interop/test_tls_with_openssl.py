"""TLS with OpenSSL's own client, which can be told to do what HTTP clients do not: change the keys of a connection."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from tests.interop.real_programs import require
from tests.wires import serving
from trio_http import Request, Response

MIB = 1024 * 1024
NUMBERS = b"".join(b"%08d\n" % number for number in range(MIB))  # 9 MiB, of which no two pieces are alike


class OpenSSL:
    """``openssl s_client``: what is written to it is sent, unless it is a command."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.write = process.stdin.send_all
        self._stdout = process.stdout
        self._seen = b""

    async def until(self, end: bytes) -> bytes:
        """What it has written up to and with ``end``."""
        while end not in self._seen:
            piece = await self._stdout.receive_some()
            assert piece, f"openssl ended; wanted {end!r} after {self._seen[-1000:]!r}"
            self._seen += piece
        found, _, self._seen = self._seen.partition(end)
        return found + end

    async def change_keys(self, command: bytes) -> bytes:
        """Send a KeyUpdate; ``K`` demands the same of the server, ``k`` does not (RFC 8446 section 4.6.3)."""
        await self.write(command + b"\n")
        return await self.until(b"KEYUPDATE\n")


@asynccontextmanager
async def openssl(port: int, *options: str) -> AsyncIterator[OpenSSL]:
    command = [require("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", *options]
    async with trio.open_nursery() as nursery:
        pipe = subprocess.PIPE
        run = partial(trio.run_process, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, check=False)
        client = OpenSSL(await nursery.start(run, command))
        await client.until(b"Verify return code")
        yield client
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("command", "answered"), [(b"K", True), (b"k", False)])
async def test_a_client_changes_its_keys_between_requests_and_within_one(command: bytes, answered: bool) -> None:
    arrived = trio.Event()
    seen = b""

    async def handler(request: Request) -> Response:
        body = b""
        async for piece in request.body:
            arrived.set()
            body += piece
        return Response(body)

    with trio.fail_after(20):
        async with serving(handler, "tls") as wires, openssl(wires.server.port, "-msg") as client:
            for number in range(3):
                await client.change_keys(command)
                arrived = trio.Event()
                await client.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nfirst ")
                await arrived.wait()  # so that the command is not taken for a part of what is to be sent
                await client.change_keys(command)
                await client.write(b"last %d" % number)
                seen += await client.until(b"first last %d" % number)

    assert (b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate" in seen) == answered


@pytest.mark.parametrize("command", [b"K", b"k"])
async def test_a_client_changes_its_keys_while_it_is_sent_a_long_answer(command: bytes) -> None:
    async def handler(request: Request) -> Response:
        return Response(NUMBERS)

    with trio.fail_after(20):
        async with serving(handler, "tls") as wires, openssl(wires.server.port) as client:
            await client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            seen = await client.until(b"\r\n\r\n")
            for _ in range(5):
                seen += await client.change_keys(command)
            seen += await client.until(NUMBERS[-9:])

    assert seen.partition(b"\r\n\r\n")[2].replace(b"KEYUPDATE\n", b"") == NUMBERS
