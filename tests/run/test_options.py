"""What ``trio-http serve`` makes of its arguments and its file, and what it says of those that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_http import MinRate, ServerLimits, ServerTimeouts
from trio_http._cli import main
from trio_http._cli._parser import UsageError
from trio_http._cli._serve_config import read_config
from trio_http._cli._serve_options import KNOWN, settle

FILE = "serve.toml"


def test_nothing_said_is_the_default() -> None:
    options = settle({"target": "a:b"}, {}, FILE)

    assert options.limits == ServerLimits()
    assert options.timeouts == ServerTimeouts()
    assert not options.supervised


def test_every_limit_and_timeout_is_an_option() -> None:
    assert {f"limit-{name.replace('_', '-')}" for name in ServerLimits.__dataclass_fields__} <= set(KNOWN)
    assert {f"timeout-{name.replace('_', '-')}" for name in ServerTimeouts.__dataclass_fields__} <= set(KNOWN)


def test_limits_and_timeouts_are_read() -> None:
    given = {"limit_body": "1M", "limit_header_count": "7", "limit_min_rate": "100/2", "timeout_head": "1.5"}

    options = settle({"target": "a:b", **given, "timeout_idle": "none", "limit_decompressed": "NONE"}, {}, FILE)

    assert options.limits == ServerLimits(body=1 << 20, header_count=7, min_rate=MinRate(100, 2), decompressed=None)
    assert options.timeouts == ServerTimeouts(head=1.5, idle=None)


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("5", 5), ("2k", 2048), ("3KiB", 3072), ("1GB", 1 << 30)])
def test_sizes(text: str, size: int) -> None:
    assert settle({"target": "a:b", "limit_body": text}, {}, FILE).limits.body == size


@pytest.mark.parametrize(
    ("text", "address"),
    [("9100", "127.0.0.1:9100"), ("[::1]:9100", "[::1]:9100"), ("*:9100", "*:9100"), ("a.test:0", "a.test:0")],
)
def test_addresses(text: str, address: str) -> None:
    assert settle({"target": "a:b", "metrics": text}, {}, FILE).metrics == address


def test_the_command_line_wins_over_the_file() -> None:
    table = {"target": "file:app", "port": 1, "host": ["a", "b"], "workers": 2, "reload": True}

    options = settle({"port": "2", "host": ["c"]}, table, FILE)

    assert (options.target, options.port, options.host, options.workers) == ("file:app", 2, ("c",), 2)
    assert options.reload


def test_a_file_may_say_things_in_its_own_way() -> None:
    table = {"target": "a:b", "host": "::1", "lame_duck": 1, "access-log": True, "limits": {"header_count": 3}}

    options = settle({}, table, FILE)

    assert (options.host, options.lame_duck, options.access_log) == (("::1",), 1.0, "-")
    assert options.limits.header_count == 3


def test_pyproject_has_a_table_for_us(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n[tool.trio_http]\nport = 3\n')

    assert read_config(str(path)) == (str(path), {"port": 3})


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "70000"], "--port '70000': give a whole number of at least 0 and at most 65535"),
        (["--port", "-1"], "--port '-1': give a whole number"),
        (["--port", "\u0661"], "give a whole number"),
        (["--workers", "0"], "--workers '0': give a whole number of at least 1"),
        (["--grace", "nan"], "--grace 'nan': give seconds"),
        (["--timeout-head", "0"], "--timeout-head '0': give seconds, as a number above 0, or none"),
        (["--limit-body", "1X"], "--limit-body '1X': give a whole number, perhaps with K, M or G"),
        (["--limit-min-rate", "x"], "--limit-min-rate 'x': give BYTES or BYTES/SECONDS"),
        (["--metrics", "localhost"], "--metrics 'localhost': give PORT or HOST:PORT"),
        (["--metrics", "::1:9100"], "--metrics '::1:9100': give PORT or HOST:PORT"),
        (["--path-mode", "660"], "--path-mode needs --path"),
        (["--umask", "9"], "--umask '9': give an octal number"),
        (["--log-level", "loud"], "--log-level 'loud': give one of debug"),
        (["--asgi", "--wsgi"], "give --asgi or --wsgi, not both"),
        (["--keyfile", "k"], "--keyfile needs --certfile"),
        (["--ca-certs", "k"], "--ca-certs needs --certfile"),
        (["--forwarded"], "--forwarded needs --proxy-headers"),
        (["--reload-dir", "."], "need --reload"),
        (["--max-requests-jitter", "1"], "--max-requests-jitter needs --max-requests"),
        (["--directory", "."], "give MODULE:NAME or --directory, not both"),
        (["more"], "there is no further argument more"),
        (["--wrokers", "2"], "there is no option --wrokers (did you mean '--workers'?)"),
        (["--config", "none.toml"], "there is no file none.toml"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert main(["serve", "app:app", *arguments]) == 2

    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert told.startswith("trio-http: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("prot = 1", "there is no option 'prot' (did you mean 'port'?)"),
        ("[limits]\nbodi = 1", "there is no option 'limits.bodi' (did you mean 'limit-body'?)"),
        ("workers = true", "workers: True is of the wrong kind; give N"),
        ("reload = 1", "reload: 1 is not true or false"),
        ("port = 'x'", "port 'x': give a whole number"),
        ("port = [1]", "port: [1] is of the wrong kind"),
        ("target = 1", "target 1 should be a text"),
        ("as-worker = '1'", "there is no option 'as-worker'"),
        ("port = ", "is not TOML"),
        ("\udcff", "is not TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    path = tmp_path / "serve.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))

    assert main(["serve", "app:app", "--config", str(path)]) == 2

    told = capsys.readouterr().err
    assert line in told
    assert str(path) in told
    assert told.count("\n") == 1


def test_a_traceback_is_there_for_those_who_ask() -> None:
    with pytest.raises(UsageError):
        main(["serve", "app:app", "--port", "x", "--debug"])
