"""How what was received looks in colours, by the library rich (the extra ``cli``); loaded only where it is shown."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TextIO, final

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..messages import Request, Response, Timings
from ._render import fields_of, milliseconds, phases_of, status_line
from ._terminal import visible

__all__ = ["RichBar", "RichRenderer", "RichScreen"]

HIGHLIGHT_MAX = 256 * 1024  # characters; above it colouring takes longer than anybody likes to wait


@final
class RichRenderer:
    """Text with escape codes; needs rich.

    Args:
        width: Columns of the terminal; None for what it says itself.
    """

    def __init__(self, width: int | None = None) -> None:
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system="standard",
            width=width,
            highlight=False,
            no_color=False,
        )

    def _render(self, *parts: object) -> str:
        with self._console.capture() as capture:
            for part in parts:
                self._console.print(part, soft_wrap=True, end="", markup=False, emoji=False)
        return capture.get()

    def _head(self, first: list[tuple[str, str]], fields: list[tuple[str, str]]) -> str:

        text = Text()
        for words, style in first:
            text.append(words, style)
        text.append("\n")
        for name, value in fields:
            text.append(visible(name), "cyan")
            text.append(f": {value}\n")
        text.append("\n")
        return self._render(text)

    def request_head(self, request: Request) -> str:
        """The request line and the fields, without secrets."""
        target = request.url.target.decode("ascii")
        return self._head(
            [(request.method, "bold green"), (f" {target}", "bold"), (" HTTP/1.1", "dim")], fields_of(request)
        )

    def response_head(self, response: Response) -> str:
        """The status line, the fields and an empty line."""
        version, status, phrase = status_line(response)
        style = {"2": "bold green", "3": "bold cyan", "4": "bold yellow", "5": "bold red"}.get(status[0], "bold")
        fields = [(name, visible(value)) for name, value in response.headers.get_all()]
        return self._head([(f"{version} ", "dim"), (status, style), (f" {phrase}", style)], fields)

    def body(self, text: str, lexer: str | None) -> str:
        """A body that is text, ended by a newline."""
        text = visible(text.replace("\r\n", "\n")).rstrip("\n") + "\n"
        if lexer is None or len(text) > HIGHLIGHT_MAX:
            return text

        shown = Syntax("", lexer, theme="ansi_dark", background_color="default").highlight(text)
        return self._render(shown).rstrip("\n") + "\n"

    def piece(self, text: str) -> str:
        """A piece of a body, as it is."""
        return visible(text.replace("\r\n", "\n"))

    def name(self, text: str) -> str:
        """A name that stands before something."""
        return self._render(Text(visible(text), "bold magenta"))

    def timings(self, timings: Timings) -> str:
        """How long the parts of a request took, each as a bar where it falls."""
        phases = phases_of(timings)
        total = timings.total or sum(seconds for _, seconds in phases)
        text = Text()
        before = 0.0
        for name, seconds in phases:
            begin, end = (round(40 * part / total) if total else 0 for part in (before, before + seconds))
            before += seconds
            text.append(f"{name:>26} ", "cyan")
            text.append(milliseconds(seconds))
            text.append("  " + " " * begin)
            text.append("━" * max(1, end - begin) + "\n", "green")
        text.append(f"{'in all':>26} ", "bold cyan")
        text.append(f"{milliseconds(total)}\n", "bold")
        return self._render(text)


@final
class RichBar:
    """A bar of how far a transfer is, redrawn when it is told to and by no thread.

    Args:
        stream: The terminal.
        what: What is transferred.
    """

    def __init__(self, stream: TextIO, what: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        console = Console(file=stream, force_terminal=True)
        self._progress = Progress(*columns, console=console, auto_refresh=False, get_time=trio.current_time)
        self._task = self._progress.add_task(what, total=None)
        self._progress.start()

    def show(self, done: int, total: int | None) -> None:
        """Draw it."""
        self._progress.update(self._task, completed=done, total=total)
        self._progress.refresh()

    def stop(self) -> None:
        """Leave it where it is."""
        self._progress.stop()


@final
class RichScreen:
    """A table that takes the whole terminal, which looks as before when it is left."""

    def __init__(self, console: Console | None = None) -> None:
        self._live = Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def show(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draw it."""
        table = Table(box=None, expand=True, header_style="bold cyan", pad_edge=False)
        for column in columns:
            right = column in {"age", "requests", "sent", "since"}
            table.add_column(
                column, justify="right" if right else "left", no_wrap=True, ratio=1 if column == "request" else None
            )
        for row in rows:
            table.add_row(*map(Text, row), style="dim" if row[4] == "idle" else "")
        self._live.update(Group(Text(title, "bold"), Text(), table), refresh=True)

    def stop(self) -> None:
        """Give the terminal back."""
        self._live.stop()
