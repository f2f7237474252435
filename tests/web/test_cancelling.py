"""Cancelled anywhere, failed or left: nothing half-written stays on disk, no file stays open, no place stays taken.

Threads work here, so no clock jumps.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.web.open_files import open_below
from tests.wires import serving, until
from trio_http import Request, Response
from trio_http.testing import for_each_cancel_point
from trio_http.web import FileResponse, FormLimits, Router, compression, form, limit_concurrency, path_join_safe, static

BIG = os.urandom(300_000)
TYPE = "multipart/form-data; boundary=XX"
BODY = b"".join(
    b'--XX\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n%b\r\n' % (name, data)
    for name, data in ((b"small", b"x"), (b"big", BIG), (b"bigger", BIG * 2))
)
BODY += b"--XX--\r\n"


class Pieces:
    """A body that comes in pieces, with a checkpoint before each."""

    def __init__(self, data: bytes, size: int = 100_000) -> None:
        self.pieces = [data[start : start + size] for start in range(0, len(data), size)]

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop(0)

    async def aclose(self) -> None:
        self.pieces.clear()


def submitted(size: int = 100_000) -> Request:
    return Request("POST", "/", content=Pieces(BODY, size), headers={"content-type": TYPE})


def content_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


@contextlib.contextmanager
def small_disk(most: int) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.covers("A44")
async def test_a_form_that_is_read_and_saved(tmp_path: Path) -> None:
    spool, store = tmp_path / "spool", tmp_path / "store"
    spool.mkdir()

    async def fresh() -> None:
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir()

    async def upload() -> None:
        async with form(submitted(), limits=FormLimits(spool=200_000), folder=str(spool)) as given:
            for one in given.files.get_list("f"):
                await one.save(path_join_safe(store, one.filename))

    def sound() -> None:
        assert open_below(tmp_path) == []
        assert content_of(spool) == {}
        whole = {"small": 1, "big": len(BIG), "bigger": 2 * len(BIG)}
        stored = content_of(store)
        assert stored.items() <= whole.items()  # each is there as a whole, or not at all

    points = await for_each_cancel_point(upload, sound, setup=fresh)

    assert len(points) > 10


@pytest.mark.covers("S4.19")
async def test_a_body_that_is_spooled(tmp_path: Path) -> None:
    async def spool() -> None:
        request = Request("POST", "/", content=Pieces(BIG))
        async with await request.spool(memory=100_000, folder=str(tmp_path)) as file:
            assert await file.read() == BIG

    def sound() -> None:
        assert open_below(tmp_path) == []
        assert content_of(tmp_path) == {}

    assert len(await for_each_cancel_point(spool, sound)) > 5


@pytest.mark.covers("A48")
@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_file_that_is_sent(tmp_path: Path, wrapped: bool) -> None:
    (tmp_path / "big.txt").write_bytes(BIG)

    async def handler(request: Request) -> Response:
        return await FileResponse.open(request, tmp_path / "big.txt")

    async def drop(piece: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async def send() -> None:
        request = Request("GET", "/big.txt", headers={"accept-encoding": "gzip"})
        response = await (compression()(handler) if wrapped else handler)(request)
        await response.outgoing.send_to(drop)

    def sound() -> None:
        assert open_below(tmp_path) == []

    assert len(await for_each_cancel_point(send, sound)) > 3


async def test_a_file_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(BIG)
    handler = static(tmp_path)

    async def drop(piece: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async def ask() -> None:
        for _ in range(2):
            response = await handler(Request("GET", "/big.txt"))
            await response.outgoing.send_to(drop)

    def sound() -> None:
        assert open_below(tmp_path) == []

    assert len(await for_each_cancel_point(ask, sound)) > 3


@pytest.mark.covers("A25")
async def test_a_place_is_given_back() -> None:
    async def work(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        return Response("")

    limited = limit_concurrency(1, waiting=1)(work)

    async def two() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(limited, Request("GET", "/"))
            nursery.start_soon(limited, Request("GET", "/"))

    async def sound() -> None:
        assert (await limited(Request("GET", "/"))).status == 200

    assert len(await for_each_cancel_point(two, sound)) > 3


async def test_a_disk_that_is_full_while_a_form_is_read(tmp_path: Path) -> None:
    with small_disk(250_000), pytest.raises(OSError, match="too large"):
        await form(submitted(50_000), limits=FormLimits(spool=100_000), folder=str(tmp_path))

    assert open_below(tmp_path) == []
    assert content_of(tmp_path) == {}


async def test_a_disk_that_is_full_while_an_upload_is_saved(tmp_path: Path) -> None:
    async with form(submitted(), limits=FormLimits(spool=1_000_000)) as given:
        big = given.files.get_list("f")[1]
        with small_disk(250_000), pytest.raises(OSError, match="too large"):
            await big.save(tmp_path / "big")
        assert content_of(tmp_path) == {}
        await big.save(tmp_path / "big")  # once there is room again

    assert content_of(tmp_path) == {"big": len(BIG)}
    assert open_below(tmp_path) == []


async def test_a_disk_that_is_full_while_a_body_is_spooled(tmp_path: Path) -> None:
    with small_disk(250_000), pytest.raises(OSError, match="too large"):
        await Request("POST", "/", content=Pieces(BIG * 2)).spool(memory=10, folder=str(tmp_path))

    assert open_below(tmp_path) == []


@pytest.mark.covers("A44")
@pytest.mark.parametrize("kind", ["memory", "socket"])
@pytest.mark.parametrize("spool", [False, True])
async def test_a_client_that_leaves_half_way(tmp_path: Path, kind: str, spool: bool) -> None:
    began = trio.Event()

    async def take(request: Request) -> Response:
        began.set()
        if spool:
            async with await request.spool(memory=1000, folder=str(tmp_path)):
                return Response("")
        async with form(request, limits=FormLimits(spool=1000), folder=str(tmp_path)):
            return Response("")

    head = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {TYPE}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    async with serving(take, kind) as wires:
        async with wires.connect() as peer:
            await peer.send(head + BODY[:400_000])
            with trio.fail_after(10):
                await began.wait()
            await until(lambda: open_below(tmp_path))
        await until(lambda: not open_below(tmp_path))
    assert content_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("head", "status", "text"),
    [
        ("POST /json", 400, "is not JSON"),
        ("POST /form", 415, "expected application/x-www-form-urlencoded or multipart/form-data"),
        ("POST /message", 422, "a text"),
        ("GET /file/..%2fx", 400, "'..'"),
        ("GET /file/a%00", 400, ""),
        ("GET /file/big.txt\r\nRange: bytes=999999-", 416, "the file has 300000 bytes"),
        ("GET /user/x", 404, ""),
        ("PATCH /json", 405, "not answered here, but OPTIONS, POST"),
    ],
)
async def test_what_is_wrong_is_told_in_words(tmp_path: Path, head: str, status: int, text: str) -> None:
    (tmp_path / "big.txt").write_bytes(BIG)
    router = Router()
    router.mount("/file", static(tmp_path))

    @router.post("/json")
    async def read_json(request: Request) -> Response:
        return Response(json=await request.json())

    @router.post("/form")
    async def read_form(request: Request) -> Response:
        return Response(json=dict(await form(request)))

    @router.post("/message")
    async def read_message(request: Request) -> Response:
        return Response(await request.message(str))

    @router.get("/user/:id<int>")
    async def user(request: Request) -> Response:
        return Response("")

    line, _, field = head.partition("\r\n")
    content = b"{" if "/json" in head else b"7"
    kind = "text/csv" if "/form" in head else "application/json"
    fields = f"{field}\r\n" if field else ""
    head = f"{line} HTTP/1.1\r\nHost: h\r\n{fields}Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    async with serving(router) as wires, wires.connect() as peer:
        got, _, body = await peer.ask(head.encode() + content)

    assert got == status
    assert text in body.decode()
