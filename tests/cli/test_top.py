"""The table of connections: what it shows, how fast things go, and what it says where there is no status."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from cli_kit import Screen
from rich.console import Console

from tests.wires import serving, until
from trio_http import Request, Response
from trio_http._cli import _top, main
from trio_http._cli._parser import Parser
from trio_http._cli._rich import RichScreen
from trio_http.server import serve_status, status_of


async def wait(request: Request) -> Response:
    await trio.sleep_forever()
    raise AssertionError


async def top(*arguments: str) -> tuple[int, Screen]:
    parser = Parser(prog="trio-http")
    _top.add_parser(parser.add_subparsers(dest="command", parser_class=Parser))
    screen = Screen()
    return await _top.perform(parser.parse_args(["top", *arguments]), screen.terminal), screen


async def test_it_looks_once_where_output_is_no_terminal(tmp_path: Path) -> None:
    path = str(tmp_path / "status.sock")
    async with serving(wait, "socket") as wires, wires.connect() as peer, trio.open_nursery() as nursery:
        await nursery.start(serve_status, wires.server, path)
        await peer.send(b"GET /slow?token=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: wires.server.active)
        code, screen = await top(path)
        nursery.cancel_scope.cancel()

    title, columns, row, end = screen.text.split("\n")
    assert code == 0
    assert re.search(r"1 connections, 1 active, 1 requests, 0 errors", title)
    assert columns.split() == ["peer", "age", "requests", "sent", "phase", "since", "request"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+ +0 s +1 +0 B +handling +≥ 0 s +GET /slow", row)
    assert end == ""


async def test_it_finds_rates_and_ages(autojump_clock: Any) -> None:
    looks = _top.Looks()
    async with serving(wait) as wires, wires.connect() as peer:
        await peer.send(b"GET /a%1b[31m HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        looks.at(status_of(wires.server), trio.current_time())
        wires.server.stats.requests += 20
        await trio.sleep(4)
        title, [row] = looks.at(status_of(wires.server), trio.current_time())

    assert "21 requests, 5/s" in title
    assert row[1] == "5 s"
    assert row[-2:] == ["≥ 4 s", "GET /a\\x1b[31m"], "a path cannot steer the terminal"


@pytest.mark.parametrize(
    "answer", ["hello", "[]", "{}", '{"stats": 1}', '{"stats": {"requests": 0}, "connections": [1]}']
)
async def test_something_else_is_told(answer: str) -> None:
    async def handler(request: Request) -> Response:
        return Response(answer)

    async with serving(handler, "socket") as wires:
        code, screen = await top(wires.server.url)

    assert code == 9
    assert "something else than the status" in screen.notes
    assert screen.notes.count("\n") == 1


async def test_there_is_nobody(tmp_path: Path) -> None:
    async with serving(wait, "socket") as wires:
        gone = wires.server.url

    assert (await top(gone))[0] == 6


def test_no_socket_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "/no/such.sock"]) == 2
    assert "no socket of a running server" in capsys.readouterr().err
    assert main(["top", ":1", "--interval", "0"]) == 2


def test_on_a_terminal_it_is_a_table() -> None:
    out = io.StringIO()
    screen = RichScreen(Console(file=out, force_terminal=True, width=100, height=20))

    screen.show(
        "a [bold]title",
        _top.COLUMNS,
        [["p", "1 s", "2", "3 B", "idle", "", ""], ["q", "1 s", "2", "3 B", "body", "≥ 1 s", "GET /[red]"]],
    )
    screen.stop()

    assert "a [bold]title" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "GET /[red]" in out.getvalue()
