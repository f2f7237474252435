"""Forms with files, as a parser of another hand reads them."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, chunks, listen, run, serve_app
from trio_http import Client, Request, Response
from trio_http.client._multipart import MultipartBody
from trio_http.testing import VirtualNetwork


def taking(seen: list[Any]) -> Any:
    async def handler(request: Request) -> Response:
        body = await request.read()
        kind = request.headers["content-type"]
        message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        parts = [
            (
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part["content-type"].split(";")[0] if "content-type" in part else None,
                part.get_payload(decode=True),
            )
            for part in message.iter_parts()
        ]
        seen.append((parts, request.headers.get("content-length"), len(body)))
        return Response("ok")

    return handler


@pytest.mark.covers("B3")
def test_fields_and_files_of_all_kinds() -> None:
    seen: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, taking(seen))
        async with Client() as client:
            await client.post(
                "http://api/",
                data={"a": "1", "b": ["x", "ü"]},
                files={
                    "raw": b"\0\1",
                    "text": ("note.txt", "hello"),
                    "typed": ("x.bin", b"z", "application/x-z", {"X-Part": "1"}),
                },
            )

    run(main)
    parts, declared, length = seen[0]
    assert parts == [
        ("a", None, None, b"1"),
        ("b", None, None, b"x"),
        ("b", None, None, "ü".encode()),
        ("raw", "raw", "application/octet-stream", b"\0\1"),
        ("text", "note.txt", "text/plain", b"hello"),
        ("typed", "x.bin", "application/x-z", b"z"),
    ]
    assert int(declared) == length


@pytest.mark.covers("B3")
def test_streamed_part_makes_the_whole_chunked_and_is_closed() -> None:
    seen: list[Any] = []
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"he"
            yield b"llo"
        finally:
            closed.append(True)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, taking(seen))
        async with Client() as client:
            await client.post("http://api/", files=[("f", ("a.txt", pieces()))])
            body = chunks(b"x")
            net.host("gone")
            with pytest.raises(trio_http.ConnectError):
                await client.post("http://gone/", files={"f": body})
            assert await anext(body, None) is None  # it was closed

    run(main)
    assert seen[0][0] == [("f", "a.txt", "text/plain", b"hello")]
    assert seen[0][1] is None
    assert closed == [True]


@pytest.mark.covers("B3")
def test_parts_that_were_never_reached_are_closed() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await peer.stream.receive_some()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await trio.sleep(1)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, refuse)
        async with Client() as client:
            for url in ("http://api/", "nonsense"):
                second = chunks(b"x")
                files: Any = [("one", endless()), ("two", ("b.txt", second))]
                if url == "nonsense":
                    with pytest.raises(trio_http.InvalidURL):
                        await client.post(url, files=files)
                else:
                    assert (await client.post(url, files=files)).status == 413
                assert await anext(second, None) is None  # it was closed

    run(main)


async def test_what_is_no_file_is_told_and_what_has_no_size_is_sent_in_chunks(tmp_path: Path) -> None:
    with pytest.raises(trio_http.LocalProtocolError, match=r"cannot send .*: it is a directory"):
        MultipartBody((), {"f": tmp_path})
    os.mkfifo(tmp_path / "pipe")

    assert MultipartBody((), {"f": tmp_path / "pipe"}).length is None


def test_names_cannot_break_out() -> None:
    seen: list[Any] = []

    async def handler(request: Request) -> Response:
        seen.append(await request.read())
        return Response()

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:
            await client.post("http://api/", files={'a"\r\nX: y': ('b"\r\n.txt', b"")})
            with pytest.raises(trio_http.LocalProtocolError):
                await client.post("http://api/", files={"f": ("n", b"", "text/plain\r\nX: y")})

    run(main)
    assert b'name="a%22%0D%0AX: y"; filename="b%22%0D%0A.txt"' in seen[0]
    assert len(re.findall(rb"\r\nX: y", seen[0])) == 0


@pytest.mark.covers("B3")
async def test_path_is_read_in_pieces_and_sent_again_after_a_redirect(tmp_path: Path) -> None:
    # real files are read in threads: no virtual time here
    path = tmp_path / "big.bin"
    path.write_bytes(b"x" * 200_000)
    seen: list[Any] = []
    take = taking(seen)

    async def handler(request: Request) -> Response:
        if request.path == "/from":
            await request.read()
            return Response(status=307, headers={"Location": "/"})
        return await take(request)

    async with Client(app=handler, base_url="http://app.test") as client:
        await client.post("/from", files={"f": path})
        await client.post("/", files={"f": trio.Path(path)})
        async with await trio.open_file(path, "rb") as file:
            await client.post("/", files={"f": ("other.bin", file)})
        with pytest.raises(trio_http.LocalProtocolError, match=r"cannot send the file"):
            await client.post("/", files={"f": tmp_path / "nothing"})

    for parts, _, _ in seen:
        [(name, filename, kind, content)] = parts
        assert (name, kind, len(content)) == ("f", "application/octet-stream", 200_000)
        assert filename in {"big.bin", "other.bin"}
    assert len(seen) == 3
