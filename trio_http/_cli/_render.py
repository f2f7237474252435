"""How what was received looks: as plain text here, in colours in :mod:`._rich`.

Everything here returns text; who writes it where is not decided here. Nothing of a peer is ever taken for markup, and
its control characters are made visible.
"""

from __future__ import annotations

import importlib
from typing import Protocol, final

from ..messages import Request, Response, Timings
from ._terminal import visible

__all__ = [
    "PlainRenderer",
    "Renderer",
    "fields_of",
    "lexer_for",
    "milliseconds",
    "phases_of",
    "renderer_for",
    "status_line",
]

SECRETS = frozenset({"authorization", "proxy-authorization", "cookie"})
_LEXERS = (
    ("json", "json"),
    ("html", "html"),
    ("xml", "xml"),
    ("javascript", "javascript"),
    ("css", "css"),
    ("yaml", "yaml"),
    ("markdown", "markdown"),
)


def lexer_for(content_type: str | None) -> str | None:
    """Return the name of the language of a body; None where there is none to colour."""
    subtype = (content_type or "").partition(";")[0].strip().lower()
    return next((lexer for part, lexer in _LEXERS if part in subtype), None)


class Renderer(Protocol):
    """A way to show things."""

    def request_head(self, request: Request) -> str:
        """The request line and the fields, without secrets."""
        ...

    def response_head(self, response: Response) -> str:
        """The status line, the fields and an empty line."""
        ...

    def body(self, text: str, lexer: str | None) -> str:
        """A body that is text, ended by a newline."""
        ...

    def piece(self, text: str) -> str:
        """A piece of a body, as it is."""
        ...

    def name(self, text: str) -> str:
        """A name that stands before something."""
        ...

    def timings(self, timings: Timings) -> str:
        """How long the parts of a request took."""
        ...


def status_line(response: Response) -> tuple[str, str, str]:
    """Return version, status and phrase of a response."""
    return response.http_version, str(response.status), visible(response.phrase)


def fields_of(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a request, those that hold secrets made unreadable."""
    shown = [("Host", request.url.authority)] if "host" not in request.headers else []
    for name, value in request.headers.get_all():
        if name.lower() in SECRETS:
            scheme, space, _ = value.partition(" ")
            value = f"{scheme} [redacted]" if space and name.lower() != "cookie" else "[redacted]"
        shown.append((name, visible(value)))
    return shown


def phases_of(timings: Timings) -> list[tuple[str, float]]:
    """Return the parts of a request that have happened, and the seconds of each."""
    found = [
        ("waiting for a connection", timings.queue),
        ("resolving the name", timings.dns),
        ("connecting", timings.connect - timings.dns),
        ("TLS handshake", timings.tls),
        ("until the answer", timings.first_byte),
        ("body", None if timings.ended is None or timings.answered is None else timings.ended - timings.answered),
    ]
    return [(name, seconds) for name, seconds in found if seconds is not None]


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds, in a column."""
    return f"{seconds * 1000:9.1f} ms"


@final
class PlainRenderer:
    """Text, for files, pipes, and terminals without colours."""

    def request_head(self, request: Request) -> str:
        """The request line and the fields, without secrets."""
        lines = [f"{request.method} {request.url.target.decode('ascii')} HTTP/1.1"]
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in fields_of(request)), "", ""])

    def response_head(self, response: Response) -> str:
        """The status line, the fields and an empty line."""
        lines = [" ".join(status_line(response)).rstrip()]
        lines += [f"{name}: {visible(value)}" for name, value in response.headers.get_all()]
        return "\n".join([*lines, "", ""])

    def body(self, text: str, lexer: str | None) -> str:
        """A body that is text, ended by a newline."""
        return visible(text.replace("\r\n", "\n")).rstrip("\n") + "\n"

    def piece(self, text: str) -> str:
        """A piece of a body, as it is."""
        return visible(text.replace("\r\n", "\n"))

    def name(self, text: str) -> str:
        """A name that stands before something."""
        return visible(text)

    def timings(self, timings: Timings) -> str:
        """How long the parts of a request took."""
        total = timings.total or sum(seconds for _, seconds in phases_of(timings))
        lines = [f"{name:>26} {milliseconds(seconds)}" for name, seconds in [*phases_of(timings), ("in all", total)]]
        return "\n".join([*lines, ""])


def renderer_for(*, color: bool) -> Renderer:
    """Return what renders, with colours or without; rich is loaded only where it is needed."""
    if not color:
        return PlainRenderer()
    renderer: Renderer = importlib.import_module(f"{__package__}._rich").RichRenderer()
    return renderer
