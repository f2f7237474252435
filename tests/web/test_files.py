"""Files as answers: conditions, ranges, compressed siblings, folders; and nothing stays open.

Threads work here, so no clock jumps.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.web.asking import BIG, ask
from tests.web.open_files import open_below
from tests.wires import serving, until
from trio_http import Request, StatusError
from trio_http.web import FileResponse, Router, disk_limiter, static


@pytest.mark.covers("A48")
async def test_a_file(site: Path) -> None:
    response = await ask(static(site), "/hello.txt")

    assert (response.status, response.content) == (200, b"Hello, World!")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"].startswith('"')
    assert response.headers["last-modified"].endswith(" GMT")


@pytest.mark.covers("A48")
async def test_a_large_file_comes_in_pieces(site: Path) -> None:
    response = await static(site)(Request("GET", "/big.bin"))
    sizes: list[int] = []

    async def take(piece: bytes) -> None:
        sizes.append(len(piece))
        assert open_below(site) == [str(site / "big.bin")]

    assert open_below(site) == []  # open only while it is sent
    await response.outgoing.send_to(take)

    assert response.headers["content-length"] == str(len(BIG))
    assert sizes == [256 * 1024] * 4
    assert open_below(site) == []


@pytest.mark.covers("A48")
async def test_conditions(site: Path) -> None:
    handler = static(site, cache_control="max-age=60")
    first = await ask(handler, "/hello.txt")
    etag, date = first.headers["etag"], first.headers["last-modified"]

    same = await ask(handler, "/hello.txt", if_none_match=f'"x", {etag}')
    assert (same.status, same.content) == (304, b"")
    assert (same.headers["etag"], same.headers["cache-control"]) == (etag, "max-age=60")
    assert "content-type" not in same.headers
    assert (await ask(handler, "/hello.txt", if_modified_since=date)).status == 304
    assert (await ask(handler, "/hello.txt", if_none_match='"x"', if_modified_since=date)).status == 200
    assert (await ask(handler, "/hello.txt", if_match='"x"')).status == 412
    assert (await ask(handler, "/hello.txt", if_match=etag)).status == 200
    old = "Sat, 01 Jan 2000 00:00:00 GMT"
    assert (await ask(handler, "/hello.txt", if_unmodified_since=old)).status == 412
    os.utime(site / "hello.txt", ns=(1, 1))
    changed = await ask(handler, "/hello.txt", if_none_match=etag)
    assert (changed.status, changed.headers["etag"] != etag) == (200, True)


@pytest.mark.covers("A48")
@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-4", 206, b"Hello", "bytes 0-4/13"),
        ("bytes=7-", 206, b"World!", "bytes 7-12/13"),
        ("bytes=-6", 206, b"World!", "bytes 7-12/13"),
        ("bytes=5-999", 206, b", World!", "bytes 5-12/13"),
        ("bytes=0-4,4-6", 206, b"Hello, ", "bytes 0-6/13"),
        ("bytes=13-", 416, b"416 Range Not Satisfiable: the file has 13 bytes\n", "bytes */13"),
        ("bytes=-0", 416, b"416 Range Not Satisfiable: the file has 13 bytes\n", "bytes */13"),
        ("bytes=4-2", 200, b"Hello, World!", None),
        ("bytes=x", 200, b"Hello, World!", None),
        ("lines=1-2", 200, b"Hello, World!", None),
    ],
)
async def test_ranges(site: Path, asked: str, status: int, body: bytes, content_range: str | None) -> None:
    response = await ask(static(site), "/hello.txt", range=asked)

    assert (response.status, response.content) == (status, body)
    assert response.headers.get("content-range") == content_range


@pytest.mark.covers("A48")
@pytest.mark.parametrize("name", ["hello.txt", "big.bin"])
async def test_several_ranges(site: Path, name: str) -> None:
    whole = (site / name).read_bytes()
    size = len(whole)
    response = await ask(static(site), f"/{name}", range=f"bytes=0-1,5-{size - 3},-1")

    message = message_from_bytes(
        b"Content-Type: " + response.headers["content-type"].encode() + b"\r\n\r\n" + response.content
    )
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert response.status == 206
    assert [part["content-range"] for part in parts] == [  # type: ignore[index]
        f"bytes 0-1/{size}",
        f"bytes 5-{size - 3}/{size}",
        f"bytes {size - 1}-{size - 1}/{size}",
    ]
    assert whole[5 : size - 2] in response.content
    if "content-length" in response.headers:
        assert int(response.headers["content-length"]) == len(response.content)


async def test_a_range_of_another_version_is_answered_with_the_whole(site: Path) -> None:
    handler = static(site)
    etag = (await ask(handler, "/hello.txt")).headers["etag"]

    assert (await ask(handler, "/hello.txt", range="bytes=0-0", if_range=etag)).status == 206
    assert (await ask(handler, "/hello.txt", range="bytes=0-0", if_range='"old"')).status == 200


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 20)), min_size=1, max_size=3))
async def test_a_range_is_the_slice_it_names(site: Path, specs: list[tuple[int, int | None]]) -> None:
    whole = b"Hello, World!"
    text = ",".join(f"{first}-{'' if last is None else last}" for first, last in specs)

    response = await ask(static(site), "/hello.txt", range=f"bytes={text}")

    wanted = set()
    for first, last in specs:
        wanted |= set(range(first, len(whole) if last is None else min(last + 1, len(whole))))
    if any(last is not None and last < first for first, last in specs):
        assert response.status == 200
    elif not wanted:
        assert response.status == 416
    elif max(wanted) - min(wanted) + 1 == len(wanted):
        assert response.content == whole[min(wanted) : max(wanted) + 1]
    else:
        assert response.headers["content-type"].startswith("multipart/byteranges")


@pytest.mark.covers("A48")
async def test_head_says_what_get_would(site: Path) -> None:
    async with serving(static(site)) as wires, wires.connect() as peer:
        for name, size in ((b"hello.txt", 13), (b"big.bin", len(BIG)), (b"empty.bin", 0)):
            await peer.send(b"HEAD /%s HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n" % name)
            head = (await peer.receive_until(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200")
            assert b"content-length: %d\r\n" % size in head
    assert open_below(site) == []


@pytest.mark.covers("A48")
async def test_compressed_siblings(site: Path) -> None:
    handler = static(site)
    (site / "app.js").write_text("code")
    (site / "app.js.gz").write_bytes(b"gzipped")
    (site / "app.js.br").write_bytes(b"brotlied")

    response = await ask(handler, "/app.js", accept_encoding="gzip, br")
    assert (response.content, response.headers["content-encoding"]) == (b"brotlied", "br")
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["vary"] == "accept-encoding"
    etag = response.headers["etag"]
    plain = await ask(handler, "/app.js")
    assert (plain.content, plain.headers["vary"]) == (b"code", "accept-encoding")
    assert plain.headers["etag"] != etag
    assert (await ask(handler, "/app.js", accept_encoding="gzip")).content == b"gzipped"
    assert (await ask(handler, "/app.js", accept_encoding="br;q=0, gzip;q=0")).content == b"code"
    assert (await ask(handler, "/hello.txt", accept_encoding="gzip")).headers.get("vary") is None
    os.utime(site / "app.js.br", ns=(1, 1))  # left over from an older version
    assert (await ask(handler, "/app.js", accept_encoding="br")).content == b"code"
    packed = await ask(handler, "/app.js.gz")
    assert (packed.headers["content-type"], packed.headers.get("content-encoding")) == ("application/gzip", None)


@pytest.mark.covers("A48")
async def test_folders(site: Path) -> None:
    handler = static(site)

    assert (await ask(handler, "/")).content == b"<p>home"
    assert (await ask(handler, "/sub/")).content == b"<p>sub"
    moved = await ask(handler, "/sub?a=b")
    assert (moved.status, moved.headers["location"]) == (301, "./sub/?a=b")
    assert (await ask(handler, "/bare/")).status == 404
    assert (await ask(handler, "/hello.txt/")).status == 404
    assert (await ask(static(site, index=None), "/")).status == 404
    page = await ask(static(site, listing=True), "/bare/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<a href="./a%20%3Cb%3E%26.txt">a &lt;b&gt;&amp;.txt</a>' in page.text()
    listed = (await ask(static(site, listing=True, index=None), "/")).text()
    assert "./sub/" in listed
    assert ".env" not in listed
    assert "pipe" not in listed


@pytest.mark.covers("A48", "S4.42")
@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/files", "./files/"),
        ("/files?a=//b", "./files/?a=//b"),
        ("/files/bare", "./bare/"),
        ("/files/bare%2Fin", "./bare%2Fin/"),
    ],
)
async def test_a_mounted_folder_is_one_with_a_slash(site: Path, path: str, location: str) -> None:
    """What its page links to is relative: without the slash the links would lead beside the folder."""
    (site / "bare" / "in").mkdir()
    router = Router()
    router.mount("/files", static(site, listing=True))

    moved = await ask(router, path)

    assert (moved.status, moved.headers["location"]) == (301, location)
    assert (await ask(router, "/files/")).content == b"<p>home"


@pytest.mark.covers("A48")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/hello.txt/x", 404),
        ("/" + "x" * 300, 404),
        ("/out.txt", 404),
        ("/out/secret.txt", 404),
        ("/out/", 404),
        ("/pipe", 404),
        ("/.env", 404),
        ("/sub/.hidden/x", 404),
        ("/../secret.txt", 400),
        ("/%2e%2e/secret.txt", 400),
        ("/sub/..%2f..%2fsecret.txt", 400),
        ("/..%5csecret.txt", 400),
        ("//etc/passwd", 400),
        ("/%2fetc/passwd", 400),
        ("/hello.txt%00.png", 400),
        ("/c:/x", 400),
        ("/in.txt", 200),
        ("/.well-known/it", 200),
    ],
)
async def test_nothing_outside_is_sent(site: Path, path: str, status: int) -> None:
    mounted = Router()
    mounted.mount("/", static(site, listing=True))

    response = await ask(static(site, listing=True), path)

    assert response.status == status
    assert response.content != b"secret"
    through = await ask(mounted, path)
    assert through.status == status or (path.startswith("//") and through.status == 404)


async def test_hidden_files_if_asked_for(site: Path) -> None:
    assert (await ask(static(site, hidden=True), "/.env")).content == b"SECRET=1"


async def test_the_folder_may_be_a_link_that_changes(site: Path, tmp_path: Path) -> None:
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "hello.txt").write_text("second")
    current = tmp_path / "current"
    current.symlink_to("site")
    handler = static(current)

    assert (await ask(handler, "/hello.txt")).content == b"Hello, World!"
    current.unlink()
    current.symlink_to("v2")
    assert (await ask(handler, "/hello.txt")).content == b"second"


async def test_methods(site: Path) -> None:
    response = await ask(static(site), "/hello.txt", "POST")

    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, if this is the superuser, who may read everything."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


async def test_what_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # not below pytest's folder, which only its owner may enter
        site = Path(name)
        os.chmod(site, 0o755)
        for file, mode in (("open.txt", 0o444), ("closed.txt", 0)):
            (site / file).write_text("text")
            (site / file).chmod(mode)
        with unprivileged():
            assert (await ask(static(site), "/open.txt")).status == 200
            assert (await ask(static(site), "/closed.txt")).status == 403


@pytest.mark.covers("A47")
async def test_siblings_are_sent_where_that_is_wanted(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(b"gzipped")
    request = Request("GET", "/hello.txt", headers={"Accept-Encoding": "gzip"})

    left_alone = await ask(static(site, precompressed=False), "/hello.txt", accept_encoding="gzip")
    alone = await FileResponse.open(request, site / "hello.txt")
    packed = await FileResponse.open(request, site / "hello.txt", precompressed=True)

    assert left_alone.content == b"Hello, World!"
    assert "content-encoding" not in alone.headers
    assert packed.headers["content-encoding"] == "gzip"


@pytest.mark.covers("A48")
async def test_file_response(site: Path) -> None:
    request = Request("GET", "/x")

    response = await FileResponse.open(request, site / "hello.txt", download="é.txt", headers={"x-a": "1"})
    assert response.headers["content-disposition"] == "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A9.txt"
    assert response.headers["x-a"] == "1"
    response = await FileResponse.open(request, site / "hello.txt", download=True, content_type="text/x-own")
    assert response.headers["content-disposition"] == 'attachment; filename="hello.txt"'
    assert response.headers["content-type"] == "text/x-own"
    for missing in (site / "nothing", site):
        with pytest.raises(StatusError, match="404"):
            await FileResponse.open(request, missing)


@pytest.mark.covers("A48")
async def test_nothing_stays_open(site: Path) -> None:
    """Whether the peer reads all, leaves, or the handler's answer is dropped."""
    handler = static(site)
    async with serving(handler) as wires:
        async with wires.connect() as peer:
            await peer.send(b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n")
            await peer.receive_until(b"\r\n\r\n")
            await peer.receive_exactly(10)
        await until(lambda: not wires.server.connections)
    assert open_below(site) == []
    await handler(Request("GET", "/big.bin"))  # and nobody ever sends it
    assert open_below(site) == []


async def test_cancelling_while_sending_closes_the_file(site: Path) -> None:
    response = await static(site)(Request("GET", "/big.bin"))
    with trio.CancelScope() as scope:

        async def take(piece: bytes) -> None:
            scope.cancel()
            await trio.lowlevel.checkpoint()

        await response.outgoing.send_to(take)

    assert scope.cancelled_caught
    assert open_below(site) == []


async def test_a_file_that_changes_is_never_mixed(site: Path) -> None:
    response = await static(site)(Request("GET", "/big.bin"))
    (site / "new").write_bytes(b"x" * len(BIG))
    (site / "new").replace(site / "big.bin")
    sent: list[bytes] = []

    async def take(piece: bytes) -> None:
        sent.append(piece)

    with pytest.raises(OSError, match="changed"):
        await response.outgoing.send_to(take)
    assert sent == []
    assert open_below(site) == []


async def test_a_file_that_is_cut_while_it_is_sent(site: Path) -> None:
    response = await static(site)(Request("GET", "/big.bin"))

    async def take(piece: bytes) -> None:
        os.truncate(site / "big.bin", 300_000)

    with pytest.raises(OSError, match="were announced"):
        await response.outgoing.send_to(take)
    assert open_below(site) == []


async def test_the_limiter_is_of_this_run(site: Path) -> None:
    assert disk_limiter() is disk_limiter()
    assert disk_limiter().total_tokens == 32


async def test_a_path_given_to_the_class_itself_is_not_taken_for_a_text(site: Path) -> None:
    for path in ("hello.txt", site / "hello.txt"):
        with pytest.raises(TypeError, match="say await"):
            FileResponse(path)  # type: ignore[arg-type]  # what is tested
