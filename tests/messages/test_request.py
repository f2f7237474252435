"""Requests as handlers see them, and as tests make them by hand."""

from __future__ import annotations

import os
import string
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from tests.wires import serving
from trio_http import BodyConsumed, BodyTooLarge, DecodingError, Request, Response, ServerLimits, StatusError
from trio_http.messages import Content, NoExchange, parse_request


class Pieces:
    """An async iterable of bytes that counts what became of it."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = list(pieces)
        self.error = error
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.pieces:
            return self.pieces.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


# ---------------------------------------------------------------- by hand


@pytest.mark.covers("S4.11", "S4.12", "S4.13", "S4.14", "S4.16", "S4.17", "S4.18", "S4.20", "A39", "S2.23")
async def test_a_request_is_made_of_all_its_parts() -> None:
    request = Request(
        "POST",
        "/notes/a%20b",
        params={"tag": ["x", "y"], "n": 1},
        fragment="top",
        headers={b"X-A": [b"1", b"2"]},
        content=Pieces(b'{"a"', b"", b":1}"),
        client_address=("192.0.2.7", 4711),
    )

    assert request.client_address == request.peer == ("192.0.2.7", 4711)
    assert request.ip == "192.0.2.7"
    assert request.method == "POST"
    assert request.path == "/notes/a b"
    assert request.params == {"tag": ["x", "y"], "n": ["1"]}
    assert request.fragment == "top"
    assert request.target == "/notes/a%20b?tag=x&tag=y&n=1#top"
    assert request.query_string == "tag=x&tag=y&n=1"
    assert request.headers.raw_dict() == {b"x-a": [b"1", b"2"]}
    assert await request.json() == {"a": 1}


@pytest.mark.covers("A39")
async def test_text_is_read_in_the_encoding_asked_for() -> None:
    assert await Request("POST", "/", content="ü").text() == "ü"
    assert await Request("POST", "/", content=b"\xfc").text("latin-1") == "ü"
    with pytest.raises(DecodingError, match="is not utf-8: byte 0 is wrong"):
        await Request("POST", "/", content=b"\xfc").text()


def test_params_come_after_the_query_of_the_target() -> None:
    assert Request("GET", "/?a=1", params=[("a", "2")]).params == {"a": ["1", "2"]}
    assert Request("GET", "/?a=1", params={}).target == "/?a=1"
    assert Request("GET", "/").params == {}


def test_an_exchange_and_an_address_contradict_each_other() -> None:
    with pytest.raises(TypeError, match="exchange or client_address"):
        Request("GET", "/", exchange=NoExchange(), client_address=("192.0.2.7", 1))


@pytest.mark.covers("S4.19")
async def test_what_an_iterator_gives_can_be_read_once() -> None:
    pieces = Pieces(b"ab", b"", b"c")
    request = Request("POST", "/", content=pieces)

    assert [piece async for piece in request.body] == [b"ab", b"c"]
    assert pieces.closed == 1
    with pytest.raises(BodyConsumed):
        await request.read()


async def test_an_iterator_that_fails_is_closed() -> None:
    pieces = Pieces(b"ab", error=OSError("the disk is gone"))
    request = Request("POST", "/", content=pieces)

    with pytest.raises(OSError, match="the disk is gone"):
        await request.read()
    assert pieces.closed == 1


async def test_an_iterator_that_has_failed_does_not_come_to_an_end() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        await trio.lowlevel.checkpoint()
        raise OSError("the disk is gone")
        yield b""

    request = Request("POST", "/", content=pieces())

    with pytest.raises(OSError, match="the disk is gone"):
        await request.read()
    with pytest.raises(BodyConsumed, match=r"ended with OSError\('the disk is gone'\)"):
        await request.read()


async def test_an_iterator_that_was_cancelled_does_not_come_to_an_end(autojump_clock: trio.testing.MockClock) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        await trio.sleep(2)
        yield b"all"

    request = Request("POST", "/", content=pieces())

    with trio.move_on_after(1):
        await request.read()
    with pytest.raises(BodyConsumed, match="ended with Cancelled"):
        await request.read()


async def test_an_iterator_that_is_cancelled_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    send, receive = trio.open_memory_channel[bytes](0)
    request = Request("POST", "/", content=receive)

    with trio.move_on_after(1) as scope:
        await request.read()

    assert scope.cancelled_caught
    with pytest.raises(trio.BrokenResourceError):
        send.send_nowait(b"x")


async def test_what_made_the_iterator_is_closed_even_if_the_iterator_cannot_be() -> None:
    class Iterator(Pieces):
        async def aclose(self) -> None:
            raise OSError("not closed")

    class Iterable:
        closed = False

        def __aiter__(self) -> AsyncIterator[bytes]:
            return Iterator(b"a")

        async def aclose(self) -> None:
            self.closed = True

    async def send(piece: bytes) -> None:
        await trio.lowlevel.checkpoint()

    iterable = Iterable()
    with pytest.raises(OSError, match="not closed"):
        await Content(iterable).send_to(send)

    assert iterable.closed


async def test_a_body_that_is_pushed_cannot_be_read() -> None:
    async def producer(send: object) -> None: ...

    with pytest.raises(TypeError, match="it can be sent, not read"):
        await Request("POST", "/", content=producer).read()


# ---------------------------------------------------------------- the request line


@pytest.mark.covers("S2.15", "S2.16", "S2.17", "S2.20", "S2.22", "S2.25", "S4.13")
@pytest.mark.parametrize(
    ("target", "path", "raw_path", "params", "fragment"),
    [
        (b"/", "/", "/", {}, ""),
        (b"/a%2Fb%20c?x=1&x=%C3%A9", "/a/b c", "/a%2Fb%20c", {"x": ["1", "é"]}, ""),
        (b"/a#b?c", "/a", "/a", {}, "b?c"),
        (b"/a?x=1#b", "/a", "/a", {"x": ["1"]}, "b"),
        (b"http://h/a?x#", "/a", "/a", {"x": [""]}, ""),
        (b"http://h#f", "/", "/", {}, "f"),
        (b"http://h?x=1", "/", "/", {"x": ["1"]}, ""),
        (b"/%zz%", "/%zz%", "/%zz%", {}, ""),
        (b"/%ff", "/\ufffd", "/%ff", {}, ""),
        (b"*", "", "", {}, ""),
    ],
)
def test_the_parts_of_a_target(
    target: bytes, path: str, raw_path: str, params: dict[str, list[str]], fragment: str
) -> None:
    method = b"OPTIONS" if target == b"*" else b"GET"
    request = parse_request(method + b" " + target + b" HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=2\r\n\r\n")

    assert request.raw_target == target
    assert request.target == target.decode()
    assert (request.path, request.raw_path, request.params) == (path, raw_path, params)
    assert request.fragment == fragment
    assert request.method == method.decode()
    assert request.http_version == "HTTP/1.1"
    assert dict(request.cookies) == {"a": "1", "b": "2"}
    assert request.headers["host"] == "h"


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5))
def test_any_params_survive_the_way_into_a_target(pairs: list[tuple[str, str]]) -> None:
    request = Request("GET", "/x", params=pairs)

    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value)
    assert request.params == expected
    assert request.path == "/x"
    assert set(request.target) <= set(string.printable)


@pytest.mark.covers("S2.18", "S2.19")
async def test_host_and_ip_are_told_over_a_connection() -> None:
    async def handler(request: Request) -> Response:
        address = request.client_address
        return Response(f"{request.host} {request.ip} {isinstance(address, tuple) and address[0]}")

    async with serving(handler, "socket") as wires, wires.connect() as peer:
        _, _, body = await peer.ask(b"GET / HTTP/1.1\r\nHost: site.test:80\r\n\r\n")

    assert body == b"site.test:80 127.0.0.1 127.0.0.1"


@pytest.mark.covers("S4.19")
async def test_a_body_above_the_limit_of_the_server_is_not_spooled() -> None:
    async def handler(request: Request) -> Response:
        async with await request.spool(memory=5) as file:
            return Response(await file.read())

    async with serving(handler, limits=ServerLimits(body=10)) as wires:
        async with wires.connect() as peer:
            status, _, body = await peer.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789")
            assert (status, body) == (200, b"0123456789")
        async with wires.connect() as peer:
            status, _, _ = await peer.ask(
                b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n0123456\r\n7\r\n789a"
            )
            assert status == 413


# ---------------------------------------------------------------- messages


@dataclass
class Note:
    text: str
    stars: int = 0


class Lines:
    media_type = "text/plain"

    def encode(self, obj: object) -> bytes:
        return str(obj).encode()

    def decode(self, data: bytes) -> object:
        return data.decode("ascii").splitlines()


@pytest.mark.covers("S4.21")
async def test_a_message_is_an_object_of_a_type() -> None:
    assert await Request("POST", "/", json={"text": "a"}).message(Note) == Note("a")
    assert await Request("POST", "/", content="a\nb").message(list[str], codec=Lines()) == ["a", "b"]


@pytest.mark.covers("S4.21")
@pytest.mark.parametrize(
    ("content", "kind", "status", "text"),
    [
        (b'{"text"', "application/json", 400, "line 1 column 8"),
        (b"\xff", "application/json", 400, "application/json"),
        (b'{"text": 1}', "application/json", 422, ".text is a number; expected a text"),
        (b"{}", "application/json", 422, "the body lacks text"),
        (b'{"text": "a", "size": 1}', "application/json", 422, ".size is not expected here"),
        (b"[" * 100_000, "application/json", 400, "application/json"),
        (b'{"text": "a"}', "text/csv", 415, "text/csv; expected application/json"),
    ],
)
async def test_what_is_no_such_message_is_refused_in_words(content: bytes, kind: str, status: int, text: str) -> None:
    request = Request("POST", "/", content=content, headers={"content-type": kind})

    with pytest.raises(StatusError) as caught:
        await request.message(Note)

    assert caught.value.status == status
    assert text in (caught.value.detail or "")


async def test_a_message_has_a_limit() -> None:
    with pytest.raises(BodyTooLarge):
        await Request("POST", "/", json={"text": "a" * 100}).message(Note, limit=50)


# ---------------------------------------------------------------- spooling
# No autojump here: threads and virtual time do not go together.


@pytest.mark.covers("S4.19")
@pytest.mark.parametrize(("memory", "in_memory"), [(10, True), (9, False), (0, False)])
async def test_a_body_becomes_a_file(tmp_path: Path, memory: int, in_memory: bool) -> None:
    request = Request("POST", "/", content=Pieces(b"0123", b"4567", b"89"))

    async with await request.spool(memory=memory, folder=str(tmp_path)) as file:
        assert (file.size, file.in_memory) == (10, in_memory)
        assert await file.read(3) == b"012"
        assert await file.read() == b"3456789"
        assert await file.read() == b""
        assert await file.seek(8) == 8
        assert [piece async for piece in file] == [b"89"]
        assert os.listdir(tmp_path) == []  # what is on disk has no name
    with pytest.raises(ValueError, match="closed"):
        await file.read()
    assert "closed" in repr(file)


async def test_an_empty_body_becomes_an_empty_file() -> None:
    async with await Request("POST", "/").spool(memory=0) as file:
        assert (file.size, await file.read()) == (0, b"")


async def test_a_large_body_goes_to_disk_as_it_comes(tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    pieces = [data[start : start + 60_000] for start in range(0, len(data), 60_000)]
    async with await Request("POST", "/", content=Pieces(*pieces)).spool(memory=100_000, folder=str(tmp_path)) as file:
        assert not file.in_memory
        assert file.file.fileno() > 0
        assert await file.read() == data


async def test_a_body_that_was_begun_cannot_be_spooled() -> None:
    request = Request("POST", "/", content=b"abc")
    await request.body.receive_some(1)

    with pytest.raises(BodyConsumed, match=r"spool\(\) would not give the whole"):
        await request.spool()


async def test_a_body_that_fails_leaves_nothing_on_disk(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    request = Request("POST", "/", content=Pieces(b"0" * 1000, error=OSError("broken")))

    with pytest.raises(OSError, match="broken"):
        await request.spool(memory=10, folder=str(tmp_path))

    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize("point", range(6))
async def test_a_spool_that_is_cancelled_anywhere_leaves_nothing_on_disk(tmp_path: Path, point: int) -> None:
    class Cancelling(Pieces):
        async def __anext__(self) -> bytes:
            if len(self.pieces) == point:
                scope.cancel()
            return await super().__anext__()

    pieces = Cancelling(*[b"x" * 300_000] * 5)
    with trio.CancelScope() as scope:
        await Request("POST", "/", content=pieces).spool(memory=300_000, folder=str(tmp_path))

    assert scope.cancelled_caught
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Request("POST", "/", content=b"abc").spool(memory=0, folder=str(tmp_path / "none"))
