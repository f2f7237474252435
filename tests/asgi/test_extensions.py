"""What ASGI knows beyond requests and answers: trailers, early hints, files by their path, debug messages."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.asgi.apps import GET, body, both_ways, handler_of, sending, start
from tests.web.test_large_files import open_below, until_closed
from tests.wires import ALL_KINDS, serving
from trio_http.asgi import ASGIApplication, ASGIHandler, Message, Receive, Scope, Send


@both_ways
async def test_trailers_follow_a_chunked_body(way: str, autojump_clock: Any) -> None:
    app = sending(
        start(trailers=True),
        body(b"abc"),
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": [(b"x-end", b"2")]},
    )

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        for _ in range(2):
            await peer.send(GET)
            await peer.receive_until(b"\r\n\r\n")
            assert await peer.receive_until(b"x-end: 2\r\n\r\n") == b"3\r\nabc\r\n0\r\nx-sum: 1\r\nx-end: 2\r\n\r\n"
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")  # who knows no chunks gets the body alone
        assert (await peer.receive_all()).endswith(b"\r\n\r\nabc")


@both_ways
async def test_a_body_with_trailers_is_chunked_even_if_its_length_was_declared(way: str, autojump_clock: Any) -> None:
    app = sending(
        start(headers=[(b"content-length", b"3")], trailers=True),
        body(b"abc"),
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]},
    )

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        for _ in range(2):
            await peer.send(GET)
            assert b"content-length" not in (await peer.receive_until(b"\r\n\r\n")).lower()
            assert await peer.receive_until(b"x-sum: 1\r\n\r\n") == b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"


@both_ways
async def test_early_hints_go_before_the_answer(way: str, autojump_clock: Any) -> None:
    hint: Message = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]}
    app = sending(hint, start(), body(b"x"))

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(GET)
        head = await peer.receive_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 103 ")
        assert head.count(b"link: <") == 2
        assert (await peer.response())[0] == 200


def sending_file(path: Path, *after: Message, trailers: bool = False) -> ASGIApplication:
    """An application that has a file sent, with its length."""
    head = start(headers=[(b"content-length", b"%d" % path.stat().st_size)])
    return sending(head | {"trailers": trailers}, {"type": "http.response.pathsend", "path": str(path)}, *after)


@both_ways
@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("size", [0, 10, 3_000_017])
async def test_a_file_is_sent_by_its_path(kind: str, way: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(size))

    with trio.fail_after(10):
        async with serving(handler_of(sending_file(path), way), kind) as wires, wires.connect() as peer:
            for _ in range(2):
                assert (await peer.ask(GET))[2] == path.read_bytes()
            await peer.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"content-length: %d\r\n" % size in (await peer.receive_until(b"\r\n\r\n")).lower()
            assert (await peer.ask(GET))[2] == path.read_bytes()


@both_ways
async def test_trailers_may_follow_a_file(way: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    trailers: Message = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
    app = sending_file(path, trailers, trailers=True)

    with trio.fail_after(5):
        async with serving(handler_of(app, way), "socket") as wires, wires.connect() as peer:
            for _ in range(2):
                await peer.send(GET)
                await peer.receive_until(b"\r\n\r\n")
                assert await peer.receive_until(b"x-sum: 1\r\n\r\n") == b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"


@both_ways
@pytest.mark.parametrize("kind", ["socket", "tls", "memory"])
async def test_a_file_is_closed_when_its_client_leaves(kind: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(64 << 20)

    with trio.fail_after(10):
        async with serving(handler_of(sending_file(path), way), kind) as wires:
            async with wires.connect() as peer:
                await peer.send(GET)
                await peer.receive_exactly(1_000_000)
                assert open_below(tmp_path) == [str(path)]
            await until_closed(tmp_path)


@both_ways
@pytest.mark.parametrize("kind", ["socket", "tls", "memory"])
async def test_a_file_that_is_cut_meanwhile_cuts_the_answer(kind: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    os.truncate(path, 64 << 20)
    app = sending_file(path)
    raised: list[str] = []

    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            raised.append(f"{type(error).__name__}: {error}")
            raise

    with trio.fail_after(10):
        async with serving(handler_of(telling, way), kind) as wires, wires.connect() as peer:
            await peer.send(GET)
            await peer.receive_until(b"\r\n\r\n")
            os.truncate(path, 1000)
            assert len(await peer.receive_all()) < 64 << 20

    assert len(raised) == 1
    assert raised[0].startswith("ASGIError: 'http.response.pathsend': "), "an OSError would mean that nobody is there"


async def test_debug_messages_are_taken_and_forgotten(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = sending({"type": "http.response.debug", "info": {"template": "t"}}, start(), body(b"x"))
    caplog.set_level(logging.DEBUG, "trio_http.asgi")
    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[2] == b"x"

    assert "template" in caplog.text
