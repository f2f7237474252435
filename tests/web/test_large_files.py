"""Large files over connections: the kernel sends them where it can, and every transport gives the same bytes.

Threads and real sockets work here, so no clock jumps.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.web.open_files import open_below
from tests.wires import ALL_KINDS, Peer, serving, until
from trio_http import MinRate, Request, Response, ServerLimits, ServerTimeouts
from trio_http.messages import FilePart
from trio_http.web import FileResponse, compression, static

MIB = 1024 * 1024
DATA = os.urandom(3 * MIB + 17)
HUGE = 64 * MIB


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "big.bin").write_bytes(DATA)
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
    return tmp_path


async def until_closed(root: Path) -> None:
    """Wait until the server has closed what it had open."""
    await until(lambda: not open_below(root))


async def until_logged(caplog: pytest.LogCaptureFixture, *texts: str) -> None:
    """Wait until the server has said all of this."""
    await until(lambda: all(text in caplog.text for text in texts))


async def begin(peer: Peer, path: str, *fields: str) -> None:
    lines = "".join(f"{field}\r\n" for field in fields)
    await peer.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n".encode())


@pytest.mark.covers("A48")
@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_every_transport_gives_the_same_bytes(site: Path, kind: str) -> None:
    async with serving(static(site), kind) as wires, wires.connect() as peer:
        for _ in range(2):  # found by a thread, and found again
            await begin(peer, "/big.bin")
            status, fields, body = await peer.response()
            assert (status, fields[b"content-length"]) == (200, str(len(DATA)).encode())
            assert body == DATA

        await begin(peer, "/big.bin", "Range: bytes=100000-2000000")
        status, fields, body = await peer.response()
        assert (status, body) == (206, DATA[100_000:2_000_001])

        await begin(peer, "/big.bin", "Range: bytes=-1,0-99999")
        status, fields, body = await peer.response()
        assert status == 206
        assert DATA[:100_000] in body
        assert body.count(b"Content-Range: ") == 2

        await peer.send(b"HEAD /big.bin HTTP/1.1\r\nHost: h\r\n\r\n")
        head = await peer.receive_until(b"\r\n\r\n")
        assert f"content-length: {len(DATA)}".encode() in head.lower()
        assert (await peer.ask(b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 404
    assert open_below(site) == []


@pytest.mark.parametrize("kind", ["socket", "memory"])
async def test_middleware_may_look_at_the_bytes(site: Path, kind: str) -> None:
    (site / "text.txt").write_bytes(b"some text " * 100_000)
    async with serving(compression()(static(site)), kind) as wires, wires.connect() as peer:
        await begin(peer, "/text.txt", "Accept-Encoding: gzip", "Connection: close")
        head, _, body = (await peer.receive_all()).partition(b"\r\n\r\n")

    assert b"content-encoding: gzip" in head.lower()
    assert len(body) < 100_000


async def test_without_a_length_it_goes_in_chunks(site: Path) -> None:
    async def handler(request: Request) -> Response:
        response = await FileResponse.open(request, site / "big.bin")
        del response.headers["content-length"]
        return response

    async with serving(handler, "socket") as wires, wires.connect() as peer:
        await begin(peer, "/", "Connection: close")
        head, _, body = (await peer.receive_all()).partition(b"\r\n\r\n")

    assert b"transfer-encoding: chunked" in head.lower()
    size, _, rest = body.partition(b"\r\n")
    assert int(size, 16) == len(DATA)
    assert rest == DATA + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("kind", ["socket", "tls"])
async def test_a_peer_that_reads_nothing_is_given_up(site: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trio_http")
    timeouts = ServerTimeouts(write=0.2)
    async with serving(static(site), kind, timeouts=timeouts) as wires, wires.connect() as peer:
        await begin(peer, "/huge.bin")
        await peer.receive_until(b"\r\n\r\n")
        await until_closed(site)
        await until_logged(caplog, "the peer takes no bytes", "ServerTimeouts.write=0.2")


async def test_a_peer_that_reads_too_slowly_is_given_up(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trio_http")
    limits = ServerLimits(min_rate=MinRate(rate=10**12, after=0.1))
    async with serving(static(site), "socket", limits=limits) as wires, wires.connect() as peer:
        await begin(peer, "/huge.bin")
        await peer.receive_until(b"\r\n\r\n")
        await until_closed(site)
        await until_logged(caplog, "are asked for after 0.1 s (min_rate)")


@pytest.mark.parametrize("kind", ["socket", "tls", "memory"])
async def test_a_peer_that_leaves_closes_the_file(site: Path, kind: str) -> None:
    async with serving(static(site), kind) as wires:
        async with wires.connect() as peer:
            await begin(peer, "/huge.bin")
            await peer.receive_until(b"\r\n\r\n")
            await peer.receive_exactly(1)  # of the file, so it is open
            assert open_below(site) != []
        await until_closed(site)


async def test_a_shutdown_ends_it(site: Path) -> None:
    async with serving(static(site), "socket") as wires, wires.connect() as peer:
        await begin(peer, "/huge.bin")
        await peer.receive_until(b"\r\n\r\n")
        with trio.fail_after(5):
            report = await wires.server.shutdown(grace=0.1)

        assert len(report.cut) == 1
        await until_closed(site)


@pytest.mark.parametrize("kind", ["socket", "tls"])
async def test_a_file_that_becomes_shorter_cuts_the_connection(
    site: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(static(site), kind) as wires, wires.connect() as peer:
        await begin(peer, "/huge.bin")
        head = await peer.receive_until(b"\r\n\r\n")
        assert f"content-length: {HUGE}".encode() in head.lower()
        await peer.receive_exactly(1)
        os.truncate(site / "huge.bin", 1000)
        with trio.fail_after(10):
            body = await peer.receive_all()

        assert len(body) < HUGE
        await until_closed(site)
        await until_logged(caplog, f"{HUGE} were announced")


def forget(path: Path) -> None:
    """Have the system throw the bytes of a file out of its memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            if os.preadv(file.fileno(), [bytearray(1)], MIB, os.RWF_NOWAIT):
                pytest.skip(f"{path} stays in memory, as on tmpfs: set TMPDIR to a folder on a disk")
        except BlockingIOError:
            pass


@pytest.mark.parametrize("kind", ["socket", "tls"])
async def test_what_is_not_in_memory_is_read_by_a_thread(site: Path, kind: str) -> None:
    limiter = trio.CapacityLimiter(1)
    forget(site / "big.bin")
    async with serving(static(site, limiter=limiter), kind) as wires, wires.connect() as peer:
        await begin(peer, "/big.bin")
        assert (await peer.response())[2] == DATA
        # a thread has read it, so that now it is there; the next request finds that out
        await begin(peer, "/big.bin")
        assert (await peer.response())[2] == DATA
        async with limiter:
            await begin(peer, "/big.bin")
            with trio.fail_after(10):
                assert (await peer.response())[2] == DATA


class OneOfAKind:
    """A file that can be read, not sent: the kernel's own."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.descriptor = os.open("/proc/self/cmdline", os.O_RDONLY)
        self.start = 0
        self.stop = len(text)

    def __len__(self) -> int:
        return len(self.text)

    async def load(self, start: int, stop: int) -> None:
        await trio.lowlevel.checkpoint()

    async def read(self, start: int, stop: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.text[start : min(stop, start + 1000)]


class KernelBody:
    def __init__(self, text: bytes) -> None:
        self.part: OneOfAKind | None = OneOfAKind(text)
        self.descriptor = self.part.descriptor if self.part is not None else -1

    async def next_part(self) -> bytes | FilePart | None:
        await trio.lowlevel.checkpoint()
        part, self.part = self.part, None
        return part

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("it can be asked for parts")

    async def aclose(self) -> None:
        os.close(self.descriptor)


async def test_a_file_that_cannot_be_sent_is_read() -> None:
    text = os.urandom(200_000)

    async def handler(request: Request) -> Response:
        return Response(KernelBody(text), headers={"content-length": str(len(text))})

    async with serving(handler, "socket") as wires, wires.connect() as peer:
        for _ in range(2):
            assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[2] == text


async def test_ten_peers_at_once(site: Path) -> None:
    async with serving(static(site), "socket") as wires:

        async def fetch() -> None:
            async with wires.connect() as peer:
                await begin(peer, "/big.bin")
                assert (await peer.response())[2] == DATA

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(fetch)
    assert open_below(site) == []
