"""The options of the client commands, and what they mean for a client and a request."""

from __future__ import annotations

import argparse
import getpass
import json
import mimetypes
import os
import pathlib
import re
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import final

import trio

from .._config import ClientTimeouts
from .._version import __version__
from ..client import BearerAuth, ClientOptions, DigestAuth, NetrcAuth, RequestOptions
from ..messages import Handler, Request, Response, SendChunk
from ..semantics import Headers
from ._exits import EXIT_CODES
from ._parser import Parser, UsageError
from ._terminal import Terminal

__all__ = ["METHODS", "add_arguments", "client_options", "request_options", "upload_size", "url_of"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CHUNK = 64 * 1024
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

EXAMPLES = """\
examples:
  trio-http get https://example.com/ -v
  trio-http post :8000/notes --json '{"text": "buy milk"}'
  trio-http post :8000/upload -F title=cat -F picture=@cat.png
  trio-http get https://example.com/big.iso -o big.iso --continue
  trio-http get wss://example.com/chat
  trio-http get :8000/events --sse

Standard output is the body, byte for byte, unless it is a terminal: there fields are shown, JSON is laid out, and
binary bodies are not.

"""


def add_arguments(parser: Parser) -> None:
    """Describe the options of a request."""
    parser.description = (parser.description or "") + "\n\n" + EXAMPLES + EXIT_CODES
    if parser.prog.endswith(" request"):
        parser.add_argument("method", metavar="METHOD", help="the method, any token")
    parser.add_argument("url", metavar="URL", help="the URL; without a scheme http://, and :8000 is on this machine")
    add = parser.add_argument_group("what to send").add_argument
    add("-H", "--header", action="append", default=[], metavar="NAME:VALUE", help="a field; NAME: alone removes it")
    add("-d", "--data", action="append", default=[], metavar="DATA", help="the body; @FILE, or @- for standard input")
    add("--json", metavar="JSON", help="the body, checked to be JSON; @FILE, or @- for standard input")
    add("-F", "--form", action="append", default=[], metavar="NAME=VALUE",
        help="a field of a form; NAME=@FILE[;type=TYPE] for a file")  # fmt: skip
    add("--auth", metavar="USER[:PASSWORD]", help="basic authentication; the password is asked for if it is not given")
    add("--digest", action="store_true", help="digest authentication with what --auth says")
    add("--netrc", action="store_true", help="authentication by ~/.netrc")
    add("--bearer", metavar="TOKEN", help="a bearer token; @FILE to read it from a file")
    add("--cookie", action="append", default=[], metavar="NAME=VALUE", help="a cookie")
    add = parser.add_argument_group("how to get there").add_argument
    add("--follow", action=argparse.BooleanOptionalAction, default=True, help="follow redirects")
    add("--timeout", type=_seconds, metavar="SECONDS", help="for all of it; events and WebSockets: until they begin")
    add("--retry", type=_times, metavar="TIMES", help="try again so many times, where that is safe")
    add("--proxy", metavar="URL", help="a proxy for everything, instead of what the environment names")
    add("--unix-socket", metavar="PATH", help="connect to this unix socket, whatever the URL's host")
    add("--verify", action=argparse.BooleanOptionalAction, default=True, help="verify the server's certificate")
    add("--cafile", metavar="FILE", help="certificates to trust instead of the system's")
    add("--cert", metavar="FILE", help="our certificate, with its key unless --key has it")
    add("--key", metavar="FILE", help="the key of our certificate")
    add = parser.add_argument_group("what to do with the answer").add_argument
    add("-o", "--output", metavar="FILE", help="write the body to a file; it appears there when it is complete")
    add("--continue", dest="resume", action="store_true", help="go on with a download that was interrupted")
    add("-s", "--stream", action="store_true", help="show each piece as it comes, as it is")
    add("-i", "--include", action="store_true", help="show status and fields, also where output is no terminal")
    add("-v", "--verbose", action="store_true", help="show the request, redirects and timings, on standard error")
    add("--websocket", action="store_true", help="open a WebSocket: lines in, messages out; so do ws:// and wss://")
    add("--sse", action="store_true", help="show server-sent events as they come")
    add("--debug", action="store_true", help="show where in the program an error came from")
    add("--color", choices=("auto", "always", "never"), default="auto", help="auto heeds NO_COLOR and TERM")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise ValueError(text)
    return seconds


_seconds.__name__ = "positive number of seconds"  # argparse names it in its complaint


def _times(text: str) -> int:
    times = int(text)
    if times < 0:
        raise ValueError(text)
    return times


_times.__name__ = "whole number"


def url_of(text: str) -> str:
    """Return the URL that was meant.

    Example:
        >>> url_of(":8000/x"), url_of("example.com"), url_of("ws://h/")
        ('http://localhost:8000/x', 'http://example.com', 'ws://h/')
    """
    if text.startswith(":"):
        return f"http://localhost{text}"
    return text if _HAS_SCHEME.match(text) else f"http://{text}"


def client_options(options: Namespace) -> ClientOptions:
    """Return the options of the client."""
    found: ClientOptions = {
        "verify": options.verify,
        "follow_redirects": options.follow,
        "ca_certs": options.cafile,
        "proxy": options.proxy,
        "uds": options.unix_socket,
        "allow_nonstandard_methods": True,
        "headers": Headers({"User-Agent": f"trio-http/{__version__}"}),
    }
    if options.cert is not None:
        found["client_cert"] = (options.cert,) if options.key is None else (options.cert, options.key)
    elif options.key is not None:
        raise UsageError("--key goes with --cert FILE: give the certificate, too")
    if options.timeout is not None:
        found["timeout"] = ClientTimeouts(total=options.timeout)
    if options.retry is not None:
        found["retry"] = options.retry + 1
    removed = [name for name, value in map(_field, options.header) if not value]
    if removed:

        async def without(request: Request, call: Handler) -> Response:
            for name in removed:
                request.headers.pop(name, None)
            return await call(request)

        found["middleware"] = [without]
    return found


async def request_options(options: Namespace, terminal: Terminal) -> RequestOptions:
    """Return the options of the request; this may ask for a password, and read files.

    Raises:
        UsageError: They contradict each other, or a file cannot be read.
    """
    found: RequestOptions = {}
    headers = Headers([field for field in map(_field, options.header) if field[1]])
    _authentication(options, terminal, found)
    if options.cookie:
        found["cookies"] = dict(_pair(text, "--cookie") for text in options.cookie)
    bodies = [name for name in ("data", "json", "form") if getattr(options, name)]
    if len(bodies) > 1:
        raise UsageError(f"a request has one body: give one of {', '.join(f'--{name}' for name in bodies)}")
    if options.form:
        fields, files = [], []
        for text in options.form:
            name, value = _pair(text, "-F")
            if value.startswith("@"):
                files.append((name, _file_part(value[1:])))
            else:
                fields.append((name, value))
        found["data"] = fields
        if files or _wants_multipart(headers):
            found["files"] = files
    elif options.json is not None:
        found["content"] = await _json(options.json, terminal)
        headers.setdefault("Content-Type", "application/json")
    elif options.data:
        await _data(options.data, terminal, headers, found)
    if headers:
        found["headers"] = headers
    return found


def upload_size(options: Namespace) -> int:
    """Return how many bytes the files have that are to be sent, as far as they tell."""
    named = [text[1:] for text in options.data if text.startswith("@")]
    named += [text.partition("=@")[2].partition(";type=")[0] for text in options.form if "=@" in text]
    return sum(os.stat(path).st_size for path in named if os.path.isfile(path))


def _wants_multipart(headers: Headers) -> bool:
    return (headers.get("content-type") or "").startswith("multipart/")


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"-H {text!r} is no field: expected NAME:VALUE, or NAME: to remove it")
    return name.strip(), value.strip()


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} {text!r} cannot be read: expected NAME=VALUE")
    return name, value


def _authentication(options: Namespace, terminal: Terminal, found: RequestOptions) -> None:
    ways = [name for name in ("auth", "netrc", "bearer") if getattr(options, name)]
    if len(ways) > 1:
        raise UsageError(f"one proof is enough: give one of {', '.join(f'--{name}' for name in ways)}")
    if options.netrc:
        found["auth"] = NetrcAuth()
    elif options.bearer:
        token = options.bearer
        found["auth"] = BearerAuth(_text_of(token[1:], "--bearer").strip() if token.startswith("@") else token)
    elif options.auth:
        user, colon, password = options.auth.partition(":")
        if not colon:
            if not terminal.stdin_is_terminal:
                raise UsageError(f"--auth {user} has no password, and there is nobody to ask: give USER:PASSWORD")
            password = getpass.getpass(f"password of {user}: ")
        found["auth"] = DigestAuth(user, password) if options.digest else (user, password)


def _text_of(path: str, option: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, option, error) from None


def _unreadable(path: str, option: str, error: Exception) -> UsageError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return UsageError(f"{option}: {path!r} cannot be read ({why}); give a file that is there")


def _checked_file(path: str, option: str) -> pathlib.Path:
    try:
        with open(path, "rb"):
            return pathlib.Path(path)
    except OSError as error:
        raise _unreadable(path, option, error) from None


def _file_part(text: str) -> tuple[str, pathlib.Path] | tuple[str, pathlib.Path, str]:
    name, semicolon, kind = text.partition(";type=")
    path = _checked_file(name, "-F")
    return (path.name, path, kind) if semicolon else (path.name, path)


async def _json(given: str, terminal: Terminal) -> str:
    if given == "@-":
        text = b"".join([piece async for piece in _StandardInput(terminal)]).decode("utf-8", "replace")
    else:
        text = _text_of(given[1:], "--json") if given.startswith("@") else given
    try:
        json.loads(text)
    except ValueError as error:
        hint = ": for a text, quote it twice, as '\"text\"'" if text.isalpha() else ""
        raise UsageError(f"--json: {text[:60]!r} is not JSON ({error}){hint}") from None
    return text


async def _data(given: list[str], terminal: Terminal, headers: Headers, found: RequestOptions) -> None:
    named = [text[1:] for text in given if text.startswith("@")]
    if not named:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")  # as curl does
        found["content"] = "&".join(given)
        return
    if len(given) > 1:
        raise UsageError("-d @FILE is a whole body: give it alone, or use -F NAME=@FILE for several files")
    if named[0] == "-":
        headers.setdefault("Content-Type", "application/octet-stream")
        found["content"] = _StandardInput(terminal)
        return
    path = _checked_file(named[0], "-d")
    headers.setdefault("Content-Type", mimetypes.guess_type(path.name)[0] or "application/octet-stream")
    if path.is_file():  # no pipe or device, so it has a size
        headers.setdefault("Content-Length", str(path.stat().st_size))

    async def producer(send: SendChunk) -> None:
        async with await trio.open_file(path, "rb") as file:
            while data := await file.read(CHUNK):
                await send(data)

    found["content"] = producer


@final
class _StandardInput:
    """What comes on standard input, as it comes."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._terminal.read(CHUNK)
        if not data:
            raise StopAsyncIteration
        return data
