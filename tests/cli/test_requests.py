"""What the client commands send, show and return."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from cli_kit import Screen, command, parsed

from tests.wires import serving
from trio_http import Request, Response, __version__
from trio_http._cli import main
from trio_http._cli._parser import UsageError

pytestmark = pytest.mark.covers("B42")
ESCAPE = "\x1b["


async def echo(request: Request) -> Response:
    return Response(
        json={
            "method": request.method,
            "target": request.target,
            "fields": dict(request.headers.items()),
            "body": (await request.read()).decode("latin-1"),
        }
    )


async def echoed(*arguments: str, stdin: bytes = b"") -> dict[str, Any]:
    code, screen = await command(*arguments, app=echo, screen=Screen(stdin))
    assert code == 0, screen.notes
    return dict(json.loads(screen.text))


def gives(body: Any = "", **options: Any) -> Any:
    async def handler(request: Request) -> Response:
        return Response(body, **options)

    return handler


# ---------------------------------------------------------------- what is sent


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options"])
async def test_each_method_has_a_command(method: str) -> None:
    seen = []

    async def handler(request: Request) -> Response:
        seen.append(request.method)
        return Response("")

    assert (await command(method, "http://h/", app=handler))[0] == 0
    assert (await command("request", "BREW", "http://h/", app=handler))[0] == 0
    assert seen == [method.upper(), "BREW"]


async def test_fields_cookies_and_credentials() -> None:
    found = await echoed(
        "get", "h/a?b=1", "-H", "X-One: 1", "-H", "User-Agent:", "--cookie", "a=b=c", "--auth", "me:secret"
    )

    assert found["target"] == "/a?b=1"
    fields = found["fields"]
    assert "user-agent" not in fields
    assert "content-type" not in (await echoed("post", "h", "-d", "a=1", "-H", "Content-Type:"))["fields"]
    assert (await echoed("get", "h"))["fields"]["user-agent"] == f"trio-http/{__version__}"
    assert (fields["x-one"], fields["cookie"], fields["authorization"]) == ("1", "a=b=c", "Basic bWU6c2VjcmV0")
    assert (await echoed("get", "h", "--bearer", "t0ken"))["fields"]["authorization"] == "Bearer t0ken"


async def test_bodies(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("from a file")

    form = await echoed("post", "h", "-d", "a=1", "-d", "b=2")
    assert (form["body"], form["fields"]["content-type"]) == ("a=1&b=2", "application/x-www-form-urlencoded")
    from_file = await echoed("put", "h", "-d", f"@{file}")
    assert (from_file["body"], from_file["fields"]["content-type"]) == ("from a file", "text/plain")
    assert from_file["fields"]["content-length"] == "11"
    assert (await echoed("post", "h", "-d", "@-", stdin=b"piped"))["body"] == "piped"
    assert (await echoed("post", "h", "--json", '{"a": 1}'))["fields"]["content-type"] == "application/json"
    assert (await echoed("post", "h", "--json", "@-", stdin=b"[1]"))["body"] == "[1]"
    plain = await echoed("post", "h", "-F", "a=1", "-F", "b=ü")
    assert plain["body"] == "a=1&b=%C3%BC"
    parts = await echoed("post", "h", "-F", "title=cat", "-F", f"picture=@{file};type=image/png")
    assert re.search(
        r'name="picture"; filename="note.txt"\s+Content-Type: image/png\s+from a file', parts["body"], re.IGNORECASE
    )


async def test_a_unix_socket_a_proxy_and_retries() -> None:
    async def handler(request: Request) -> Response:
        return Response(f"{request.host} {request.target}")

    async with serving(handler, "unix") as wires:
        path = wires.server.addresses[0]
        _, screen = await command("get", "http://example.com/a", "--unix-socket", str(path))
    assert screen.text == "example.com /a"

    async with serving(handler, "socket") as wires:
        _, screen = await command("get", "http://example.com/a", "--proxy", wires.server.url)
    assert screen.text == "example.com http://example.com/a"

    answers = [503, 503, 200]

    async def busy(request: Request) -> Response:
        return Response("there", status=answers.pop(0), headers={"retry-after": "0"})

    assert (await command("get", "h", "--retry", "2", app=busy))[0] == 0
    assert not answers


@pytest.mark.parametrize("option", ["-d@{}", "-Ffile=@{}"])
async def test_a_large_upload_has_a_bar_where_somebody_watches(tmp_path: Path, option: str) -> None:
    file = trio.Path(tmp_path / "large")
    await file.write_bytes(b"x" * (3 << 20))

    async def handler(request: Request) -> Response:
        return Response(str(len(await request.read(limit=None))))

    async def shown(*, is_terminal: bool) -> str:
        screen = Screen(is_terminal=is_terminal)
        await command("post", wires.server.url, option.format(file), screen=screen)
        return screen.notes

    async with serving(handler, "socket") as wires:
        assert re.search(r"sending: 3\.0 MiB of 3\.0 MiB, 100 %", await shown(is_terminal=True))
        assert await shown(is_terminal=False) == ""
        await file.write_bytes(b"x")
        assert await shown(is_terminal=True) == ""


# ---------------------------------------------------------------- what is shown


async def test_a_program_gets_the_body_byte_for_byte() -> None:
    body = bytes(range(256))

    code, screen = await command("get", "h", app=gives(body, headers={"content-type": "application/json"}))

    assert (code, screen.out.getvalue(), screen.notes) == (0, body, "")


async def test_a_person_gets_fields_and_json_laid_out() -> None:
    screen = Screen(is_terminal=True)

    await command("get", "h", app=gives('{"a":[1.50]}', headers={"content-type": "application/json"}), screen=screen)

    head, _, body = screen.text.partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert "content-type: application/json" in head
    assert body == '{\n  "a": [\n    1.50\n  ]\n}\n'


async def test_colours_are_for_terminals_that_want_them() -> None:
    app = gives('{"a": 1}', headers={"content-type": "application/json"})

    async def shown(environ: dict[str, str], *options: str, is_terminal: bool = True) -> bool:
        screen = Screen(is_terminal=is_terminal, environ=environ)
        await command("get", "h", "-v", *options, app=app, screen=screen)
        return ESCAPE in screen.text + screen.notes

    assert await shown({"TERM": "xterm"})
    assert not await shown({"TERM": "xterm", "NO_COLOR": "1"})
    assert await shown({"TERM": "xterm", "NO_COLOR": ""}), "an empty NO_COLOR says nothing"
    assert not await shown({"TERM": "dumb"})
    assert not await shown({"TERM": "xterm"}, is_terminal=False)
    assert not await shown({"TERM": "xterm"}, "--color", "never")
    assert await shown({"TERM": "dumb"}, "-i", "--color", "always", is_terminal=False)


@pytest.mark.parametrize("color", ["always", "never"])
async def test_a_server_cannot_steer_the_terminal(color: str) -> None:
    evil = "\x1b]0;owned\x07\x9b2J [red]no markup[/red] \u202e"
    screen = Screen(is_terminal=True)

    await command(
        "get", "h", "-v", "--color", color, screen=screen,
        app=gives(evil.encode(), headers={"content-type": "text/html", "x-evil": "a\x9b2Jb"}),
    )  # fmt: skip

    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.text)  # what we coloured ourselves
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)
    assert "[red]no markup[/red]" in shown
    assert "x-evil: a\\x9b2Jb" in shown
    assert "\\x1b]0;owned\\x07" in shown


@pytest.mark.parametrize("body", [b"\x89PNG\r\n\0\0", b"\xff\xfe\xfa\xfb" * 8])
async def test_binary_bodies_are_not_dumped_on_a_terminal(body: bytes) -> None:
    screen = Screen(is_terminal=True)

    code, _ = await command("get", "h", app=gives(body, headers={"content-type": "image/png"}), screen=screen)

    assert code == 0
    assert screen.text.endswith("\n\n")
    assert "a binary body of type image/png" in screen.notes
    assert "-o FILE" in screen.notes


async def test_a_large_text_is_shown_as_it_comes() -> None:
    text = "ü" * 3_000_000  # its bytes are cut anywhere
    screen = Screen(is_terminal=True)

    await command("get", "h", app=gives(text), screen=screen)

    assert screen.text.partition("\n\n")[2].strip("\n") == text


async def test_stream_shows_each_piece_at_once(autojump_clock: Any) -> None:
    screen = Screen(is_terminal=True)
    shown: list[str] = []

    async def producer(send: Any) -> None:
        for word in ("one\n", "two\n"):
            await send(word.encode())
            await trio.sleep(1)
            shown.append(screen.text.partition("\n\n")[2])

    await command("get", "h", "-s", app=gives(producer), screen=screen)

    assert shown == ["one\n", "one\ntwo\n"]


async def test_verbose_hides_secrets_and_tells_timings() -> None:
    code, screen = await command("get", "h/x", "-v", "--auth", "me:secret", "--cookie", "sid=123", app=echo)

    assert code == 0
    assert "GET /x HTTP/1.1\nHost: h\n" in screen.notes
    assert re.search(r"authorization: Basic \[redacted\]", screen.notes, re.IGNORECASE)
    assert "123" not in screen.notes
    assert "HTTP/1.1 200 OK" in screen.notes
    assert "until the answer" in screen.notes


async def test_redirects() -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/to":
            return Response("there")
        return Response("", status=302, headers={"location": "/to"})

    assert (await command("get", "h", app=handler))[1].text == "there"
    code, screen = await command("get", "h", "--no-follow", "-i", app=handler)
    assert (code, screen.text.partition("\n")[0]) == (0, "HTTP/1.1 302 Found")


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize(("status", "code"), [(200, 0), (204, 0), (304, 0), (404, 4), (503, 5)])
async def test_the_status_is_the_exit_code(status: int, code: int) -> None:
    assert (await command("get", "h", app=gives(status=status)))[0] == code


async def test_errors_are_one_line_and_an_exit_code(virtual_network: Any, autojump_clock: Any) -> None:
    async def silent(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    async def garbage(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1000)
        await stream.send_all(b"SSH-2.0\r\n\r\n")

    async def loops(stream: trio.abc.Stream) -> None:
        while await stream.receive_some(1000):
            await stream.send_all(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    async def cut(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1000)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        for port, serve in ((1, silent), (2, garbage), (3, loops), (4, cut)):
            await nursery.start(trio.serve_tcp, serve, port)
        ends = {
            ("get", ":1/", "--timeout", "3"): (7, "--timeout SECONDS"),
            ("get", ":2/"): (9, "localhost:2"),
            ("get", ":3/"): (10, "--no-follow"),
            ("get", ":4/"): (9, "3 of 10 bytes"),
            ("get", ":5/"): (6, "localhost:5"),
            ("get", "https://localhost:2/"): (8, "--cafile FILE"),
            ("get", "ftp://h/"): (2, "http://"),
            ("get", "h/", "-H", "a b: c"): (2, "a b"),
        }
        for arguments, (code, words) in ends.items():
            found, screen = await command(*arguments)
            assert (found, words in screen.notes) == (code, True), (arguments, found, screen.notes)
            assert screen.notes.startswith("trio-http: ")
            assert screen.notes.count("\n") == 1
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get"], "URL"),
        (["get", "h", "--timeout", "0"], "positive number of seconds"),
        (["get", "h", "--retry", "-1"], "whole number"),
        (["get", "h", "-H", "x"], "NAME:VALUE"),
        (["get", "h", "--cookie", "x"], "NAME=VALUE"),
        (["post", "h", "-d", "a", "--json", "1"], "one of --data, --json"),
        (["post", "h", "--json", "{"], "is not JSON"),
        (["post", "h", "--json", "word"], "quote it twice"),
        (["post", "h", "-d", "@/no/such"], "cannot be read"),
        (["post", "h", "-F", "a=@/no/such"], "cannot be read"),
        (["get", "h", "--auth", "me:x", "--bearer", "y"], "one of --auth, --bearer"),
        (["get", "h", "--key", "k"], "--cert"),
        (["get", "h", "--continue"], "-o FILE"),
        (["get", "h", "-o", "/no/such/folder/x"], "no folder"),
        (["get", "h", "--sse", "-o", "x"], "one of"),
        (["post", "h", "-o", "x", "--continue"], "--continue is for get"),
        (["get", "h", "--colour", "never"], "--colour"),
        (["gett", "h"], "did you mean 'get'"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err


async def test_debug_lets_an_error_through() -> None:
    with pytest.raises(UsageError):
        await command("get", "h", "-H", "x", "--debug")


def test_help_tells_the_exit_codes() -> None:
    with pytest.raises(SystemExit) as exit_:
        parsed("get", "--help")

    assert exit_.value.code == 0
