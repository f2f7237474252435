"""The options of ``trio-http serve``: one class says what there is, for the command line and for files alike."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

from .._config import MinRate, ServerLimits, ServerTimeouts
from ..semantics import split_host_port
from ._parser import Parser, UsageError, suggestion

__all__ = ["ServeOptions", "add_options", "settle"]

Value = str | int | float | bool | MinRate | None


# ---------------------------------------------------------------- values


def _whole(least: int, most: float = math.inf) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not text.strip().isascii() or not text.strip().isdecimal() or not least <= int(text) <= most:
            upper = "" if most == math.inf else f" and at most {most}"
            raise ValueError(f"give a whole number of at least {least}{upper}")
        return int(text)

    return whole_number


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise ValueError("give seconds, as a number of at least 0")
    return value


def _seconds_or_never(text: str) -> float | None:
    if text.lower() == "none":
        return None
    value = _seconds(text)
    if value == 0:
        raise ValueError("give seconds, as a number above 0, or none")
    return value


_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def _size(text: str) -> int | None:
    """``65536``, ``64K``, ``10MiB`` or ``none``; K, M and G count by 1024, as in nginx."""
    lower = text.strip().lower()
    if lower == "none":
        return None
    number = lower.removesuffix("b").removesuffix("i")
    digits = number.rstrip("kmg")
    unit = number[len(digits) :]
    if not digits.isascii() or not digits.isdecimal() or unit not in _UNITS:
        raise ValueError("give a whole number, perhaps with K, M or G behind it, or none")
    return int(digits) * _UNITS[unit]


def _min_rate(text: str) -> MinRate | None:
    if text.lower() == "none":
        return None
    rate, slash, after = text.partition("/")
    wrong = "give BYTES or BYTES/SECONDS, as in 240/5: bytes per second, and seconds of patience; or none"
    try:
        return MinRate(int(rate), float(after)) if slash else MinRate(int(rate))
    except ValueError:
        raise ValueError(wrong) from None


def _one_of(*choices: str) -> Callable[[str], str]:
    def choice(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return text.lower()

    return choice


def _octal(text: str) -> int:
    try:
        value = int(text, 8)
    except ValueError:
        value = -1
    if not 0 <= value <= 0o777:
        raise ValueError("give an octal number such as 027")
    return value


def _address(text: str) -> str:
    address = text if ":" in text else f"127.0.0.1:{text}"
    try:
        if split_host_port(address)[1] is None:
            raise ValueError
    except ValueError:
        raise ValueError("give PORT or HOST:PORT, an IPv6 address in brackets, * for all addresses") from None
    return address


def _text(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


# ---------------------------------------------------------------- the options


def _option(
    default: Any,
    parse: Callable[[str], Value],
    metavar: str,
    help: str,  # noqa: A002 - argparse's own word
    *,
    several: bool = False,
    bare: Value = None,
) -> Any:
    about = {"parse": parse, "metavar": metavar, "help": help, "several": several, "bare": bare}
    return dataclasses.field(default=default, metadata=about)


def _flag(help: str) -> Any:  # noqa: A002 - argparse's own word
    return dataclasses.field(default=False, metadata={"help": help, "flag": True})


@final
@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What to serve, and how. The names are those of the options, with ``_`` for ``-``."""

    target: str | None = None

    # what
    asgi: bool = _flag("it is an ASGI application (told from its parameters otherwise)")
    wsgi: bool = _flag("it is a WSGI application (told from its parameters otherwise)")
    factory: bool = _flag("it is a function to call for the handler or application")
    lifespan: str | None = _option(
        None, _text, "MODULE:NAME", "for a handler: an async context manager around everything (default: its .lifespan)"
    )
    app_dir: str = _option(".", _text, "DIR", "where to look for the module (default: here)")
    directory: str | None = _option(None, _text, "DIR", "serve the files of this folder instead of an application")
    no_listing: bool = _flag("with --directory: no lists of names for folders without an index.html")

    # where
    host: tuple[str, ...] = _option(
        (), _text, "HOST", "address or name to listen on, * for all; may be repeated (default: 127.0.0.1)", several=True
    )
    port: int | None = _option(None, _whole(0, 65535), "PORT", "TCP port, 0 for any free one (default: 8000)")
    path: tuple[str, ...] = _option((), _text, "PATH", "unix socket to listen on; may be repeated", several=True)
    path_mode: int | None = _option(
        None, _octal, "OCTAL", "permissions of unix sockets, such as 660 (default: what --umask leaves)"
    )
    fd: tuple[int, ...] = _option(
        (), _whole(0), "FD", "inherited descriptor of a listening socket; may be repeated", several=True
    )
    backlog: int | None = _option(None, _whole(1), "N", "connections the kernel queues (default: all it allows)")

    # TLS
    certfile: str | None = _option(None, _text, "FILE", "serve over TLS with this certificate and its chain")
    keyfile: str | None = _option(None, _text, "FILE", "its private key (default: in the same file)")
    keyfile_password_file: str | None = _option(None, _text, "FILE", "a file with the password of the key")
    ca_certs: str | None = _option(None, _text, "FILE", "demand client certificates, vouched for by these")
    client_cert_optional: bool = _flag("with --ca-certs: take a client certificate, but do not demand one")

    # processes
    workers: int | None = _option(None, _whole(1, 1024), "N", "worker processes (default: this one serves itself)")
    worker_timeout: float | None = _option(
        60.0, _seconds_or_never, "SECONDS", "replace a worker that is stuck for so long; none for never (default: 60)"
    )
    max_requests: int | None = _option(None, _whole(1), "N", "replace a worker after about so many requests")
    max_requests_jitter: int = _option(0, _whole(0), "N", "and up to so many more, by chance (default: 0)")
    reload: bool = _flag("replace the workers when a source file changes")
    reload_dir: tuple[str, ...] = _option((), _text, "DIR", "watch this folder (default: --app-dir)", several=True)
    reload_include: tuple[str, ...] = _option(
        (), _text, "PATTERN", "file names that count; may be repeated (default: *.py)", several=True
    )

    # its end
    grace: float = _option(30.0, _seconds, "SECONDS", "for requests under way when it ends (default: 30)")
    lame_duck: float = _option(0.0, _seconds, "SECONDS", "to go on before that, saying goodbye (default: 0)")

    # what it tells
    access_log: str | None = _option(None, _text, "FILE", "log requests to FILE, or to standard error", bare="-")
    log_json: bool = _flag("log JSON objects")
    log_level: str = _option(
        "info", _one_of("debug", "info", "warning", "error", "critical"), "LEVEL", "least level to log (default: info)"
    )
    status: str | None = _option(
        None, _text, "PATH", "answer `trio-http top PATH` on this unix socket; with --workers on PATH.1, PATH.2, ..."
    )
    metrics: str | None = _option(
        None, _address, "[HOST:]PORT", "count for Prometheus, and answer it there at /metrics (default: 127.0.0.1)"
    )
    debug: bool = _flag("show tracebacks of what goes wrong at the start")

    # whom it believes, and who it is
    proxy_headers: tuple[str, ...] = _option(
        (), _text, "NETWORK", "proxies to believe X-Forwarded-* of, or unix; may be repeated", several=True
    )
    forwarded: bool = _flag("with --proxy-headers: they write Forwarded instead (RFC 7239)")
    server_header: str | None = _option(None, _text, "TEXT", "the Server field of answers (default: none)")
    decompress_request: bool = _flag("undo content codings of request bodies")
    half_close: bool = _flag("go on with handlers whose client has ended its side of the connection")
    pid_file: str | None = _option(None, _text, "FILE", "a file for the process id")
    umask: int | None = _option(None, _octal, "OCTAL", "permissions to withhold from new files, such as 027")
    user: str | None = _option(None, _text, "USER", "become this user, once the sockets are open")
    group: str | None = _option(None, _text, "GROUP", "and this group (default: the user's)")

    limits: ServerLimits = dataclasses.field(default_factory=ServerLimits)
    timeouts: ServerTimeouts = dataclasses.field(default_factory=ServerTimeouts)

    as_worker: str | None = None
    argv: tuple[str, ...] = ()

    @property
    def supervised(self) -> bool:
        """True if it takes a supervisor and workers."""
        return self.workers is not None or self.reload or self.max_requests is not None

    @property
    def kind(self) -> Literal["asgi", "wsgi"] | None:
        """The kind of application, if it was said."""
        return "asgi" if self.asgi else "wsgi" if self.wsgi else None


@final
@dataclass(frozen=True, slots=True)
class _Known:
    """One option, as the command line and files need it."""

    name: str  # with dashes
    default: object
    help: str
    metavar: str = ""
    parse: Callable[[str], Value] | None = None  # None for a flag
    several: bool = False
    bare: Value = None


def _known() -> Mapping[str, _Known]:
    """Every option by its name."""
    found = []
    for field in dataclasses.fields(ServeOptions):
        if field.metadata:
            about = {key: value for key, value in field.metadata.items() if key != "flag"}
            found.append(_Known(field.name.replace("_", "-"), field.default, **about))
    for kind, options in (("limit", ServerLimits()), ("timeout", ServerTimeouts())):
        for field in dataclasses.fields(options):
            parse: Callable[[str], Value] = _seconds_or_never if kind == "timeout" else _size
            metavar = "SECONDS" if kind == "timeout" else "N"
            if field.name == "min_rate":
                parse, metavar = _min_rate, "BYTES[/SECONDS]"
            default = _words(getattr(options, field.name))
            text = f"{type(options).__name__}.{field.name} (default: {default})"
            found.append(_Known(f"{kind}-{field.name.replace('_', '-')}", None, text, metavar, parse))
    return {each.name: each for each in found}


def _words(value: object) -> str:
    if value is None:
        return "none"
    return (
        f"{value.rate}/{value.after:g}"
        if isinstance(value, MinRate)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


KNOWN = _known()


def add_options(parser: Parser) -> None:
    """Add all options to the parser of the command."""
    parser.add_argument("target", nargs="?", metavar="MODULE:NAME", help="where the handler or application is")
    parser.add_argument(
        "--config", metavar="FILE", help="TOML with these options (default: [tool.trio_http] of pyproject.toml here)"
    )
    for known in KNOWN.values():
        name = f"--{known.name}"
        text = known.help.replace("%", "%%")
        if known.parse is None:
            parser.add_argument(name, action="store_true", default=None, help=text)
        elif known.bare is not None:
            parser.add_argument(name, nargs="?", const=known.bare, default=None, help=text, metavar=known.metavar)
        else:
            action = "append" if known.several else "store"
            parser.add_argument(name, action=action, default=None, help=text, metavar=known.metavar)
    parser.add_argument("--as-worker", help=argparse.SUPPRESS)


def settle(given: Mapping[str, object], from_file: Mapping[str, object], file: str) -> ServeOptions:
    """Make the options of what the command line and a file say; the command line wins.

    Args:
        given: By name with ``_``: texts, lists of texts, True or None.
        from_file: The table of the file.
        file: Its name.

    Raises:
        UsageError: Something is not known, makes no sense, or does not go together.
    """
    values = dict(_read_table(from_file, file))
    for known in KNOWN.values():
        value = given.get(known.name.replace("-", "_"))
        if value is not None:
            values[known.name] = _parsed(known, value, f"--{known.name}")
    plain = {"target": given.get("target") or values.pop("target", None), "as_worker": given.get("as_worker")}
    plain["argv"] = given.get("argv", ())
    groups: dict[str, dict[str, object]] = {"limit": {}, "timeout": {}}
    for name, value in values.items():
        group, _, rest = name.replace("-", "_").partition("_")
        if group in groups:
            groups[group][rest] = value
        else:
            plain[name.replace("-", "_")] = value
    try:
        limits, timeouts = ServerLimits(**groups["limit"]), ServerTimeouts(**groups["timeout"])  # type: ignore[arg-type]  # checked there
        options = ServeOptions(limits=limits, timeouts=timeouts, **plain)  # type: ignore[arg-type]  # parsed by type
    except ValueError as error:
        raise UsageError(str(error)) from error
    _check(options)
    return options


def _parsed(known: _Known, value: object, where: str) -> object:
    if known.parse is None:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: {value!r} is not true or false")
        return value
    if known.bare is not None and isinstance(value, bool):
        return known.bare if value else known.default
    if isinstance(value, list) and known.several:
        return tuple(_parsed_one(known, each, where) for each in value)
    one = _parsed_one(known, value, where)
    return (one,) if known.several else one


def _parsed_one(known: _Known, value: object, where: str) -> Value:
    assert known.parse is not None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{where}: {value!r} is of the wrong kind; give {known.metavar}")
    try:
        return known.parse(str(value))
    except ValueError as error:
        raise UsageError(f"{where} {value!r}: {error}") from error


def _read_table(table: Mapping[str, object], file: str) -> Mapping[str, object]:
    """The options of a file's table; limits and timeouts may stand in tables of their own."""
    values: dict[str, object] = {}
    for raw, value in table.items():
        name = raw.replace("_", "-")
        if name in ("limits", "timeouts") and isinstance(value, Mapping):
            for inner, inner_value in value.items():
                full = f"{name[:-1]}-{inner.replace('_', '-')}"
                values[full] = _parsed(_find(full, file, f"{raw}.{inner}"), inner_value, f"{file}: {raw}.{inner}")
        elif name == "target":
            if not isinstance(value, str):
                raise UsageError(f"{file}: target {value!r} should be a text, MODULE:NAME")
            values[name] = value
        else:
            values[name] = _parsed(_find(name, file, raw), value, f"{file}: {raw}")
    return values


def _find(name: str, file: str, written: str) -> _Known:
    known = KNOWN.get(name)
    if known is None:
        hint = suggestion(name, [*KNOWN, "target", "limits", "timeouts"])
        raise UsageError(f"{file}: there is no option {written!r}{hint}; trio-http serve --help lists all of them")
    return known


def _check(options: ServeOptions) -> None:
    """Refuse what does not go together."""
    if options.target is None and options.directory is None:
        raise UsageError("say what to serve: MODULE:NAME of a handler or application, or --directory DIR")
    for condition, complaint in (
        (options.target is not None and options.directory is not None, "give MODULE:NAME or --directory, not both"),
        (options.asgi and options.wsgi, "give --asgi or --wsgi, not both"),
        (options.keyfile and not options.certfile, "--keyfile needs --certfile"),
        (options.ca_certs and not options.certfile, "--ca-certs needs --certfile"),
        (options.keyfile_password_file and not options.certfile, "--keyfile-password-file needs --certfile"),
        (options.client_cert_optional and not options.ca_certs, "--client-cert-optional needs --ca-certs"),
        (options.path_mode is not None and not options.path, "--path-mode needs --path"),
        (options.max_requests_jitter and not options.max_requests, "--max-requests-jitter needs --max-requests"),
        (
            (options.reload_dir or options.reload_include) and not options.reload,
            "--reload-dir and -include need --reload",
        ),
        (options.forwarded and not options.proxy_headers, "--forwarded needs --proxy-headers"),
        (options.lifespan and not options.target, "--lifespan needs MODULE:NAME of a handler"),
        (options.lifespan and options.kind, "--lifespan is for handlers; an application has one of its own"),
        (options.no_listing and not options.directory, "--no-listing needs --directory"),
    ):
        if condition:
            raise UsageError(complaint)
