"""``trio-http top``: the connections of a running server, live on a terminal, once elsewhere."""

from __future__ import annotations

import argparse
import importlib
import os
import stat
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, final

import trio

from .._errors import DecodingError, HTTPError, RemoteProtocolError, StatusError
from ..client import Client, ClientOptions
from ._exits import EXIT_CODES, OK, exit_for, only_error
from ._parser import Subparsers, UsageError
from ._progress import size_in_words
from ._request_options import url_of
from ._terminal import Terminal, visible

__all__ = ["add_parser", "perform", "run"]

TIMEOUT = 5.0  # seconds for an answer
COLUMNS: Final = ("peer", "age", "requests", "sent", "phase", "since", "request")
Row = Sequence[str]


def add_parser(subparsers: Subparsers) -> None:
    """Describe the options."""
    parser = subparsers.add_parser(
        "top",
        description="Show the connections of a running server.\n\nThe server has to offer it: "
        "`trio-http serve --status PATH`, in a program\n`trio_http.run(status=PATH)`, or a route with "
        f"`status_page(server)` of trio_http.server.\n\n{EXIT_CODES}",
    )
    parser.add_argument("target", metavar="SOCKET|URL", help="the path of its unix socket, or the URL of its page")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks (default: 1)")
    parser.add_argument("--once", action="store_true", help="look once; so it is where output is no terminal")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)


def run(options: Namespace) -> int:
    """Show the connections until Ctrl-C, which is the good end of it."""
    try:
        return trio.run(perform, options, Terminal.of_process())
    except KeyboardInterrupt:
        return OK
    except BaseExceptionGroup as group:
        if isinstance(only_error(group), KeyboardInterrupt):
            return OK
        raise


class Screen(Protocol):
    """Where the table is drawn again and again."""

    def show(self, title: str, columns: Row, rows: Sequence[Row]) -> None:
        """Draw it."""

    def stop(self) -> None:
        """Leave it where it is."""


async def perform(options: Namespace, terminal: Terminal) -> int:
    """Do what the options say, and return the exit code."""
    if not options.interval > 0:
        raise UsageError(f"--interval {options.interval:g}: give a positive number of seconds")
    socket, url = _way_to(options.target)
    settings: ClientOptions = {"uds": socket, "timeout": TIMEOUT, "trust_env": False}
    looks = Looks()
    try:
        async with Client(**settings) as client:
            title, rows = await _look(client, url, looks)
            if options.once or not (terminal.stdout_is_terminal and terminal.shows_color("auto")):
                await terminal.write(_plain(title, rows))
                return OK
            screen: Screen = importlib.import_module(f"{__package__}._rich").RichScreen()
            try:
                while True:
                    screen.show(title, COLUMNS, rows)
                    await trio.sleep(options.interval)
                    try:
                        title, rows = await _look(client, url, looks)
                    except HTTPError as error:  # it may be restarting
                        title, rows = f"{' '.join(str(error).split())} (trying again)", []
            finally:
                screen.stop()
    except HTTPError as error:
        if options.debug:
            raise
        code, text = exit_for(error)
        terminal.note(f"trio-http: {text}")
        return code


def _way_to(target: str) -> tuple[str | None, str]:
    if "://" not in target and not target.startswith(":"):
        try:
            if stat.S_ISSOCK(os.stat(target).st_mode):
                return target, "http://localhost/"
        except OSError as error:
            if "/" in target.strip("/") or target.startswith("/"):
                raise UsageError(f"{target!r} is no socket of a running server: {error.strerror}") from None
    return None, url_of(target)


async def _look(client: Client, url: str, looks: Looks) -> tuple[str, list[Row]]:
    response = await client.get(url)
    if response.status != 200:
        raise StatusError(response.status, f"{url} has no status of a server", response=response)
    try:
        return looks.at(response.json(), trio.current_time())
    except (DecodingError, KeyError, TypeError, ValueError, AttributeError):
        raise RemoteProtocolError(
            f"{url} answers something else than the status of a server: give the URL of a status_page(), or its socket"
        ) from None


@final
class Looks:
    """What was seen before: how fast things go, and since when a request is under way, follows from it."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None
        self._since: dict[tuple[object, ...], float] = {}

    def at(self, status: Mapping[str, Any], now: float) -> tuple[str, list[Row]]:
        """Return a title and rows for a status."""
        stats = status["stats"]
        rate = ""
        if self._before is not None and now > self._before[0]:
            rate = f", {(stats['requests'] - self._before[1]) / (now - self._before[0]):.0f}/s"
        self._before = now, stats["requests"]
        since: dict[tuple[object, ...], float] = {}
        rows: list[Row] = []
        for each in status["connections"]:
            key = each["peer"], each["opened"], each["requests"], each["phase"]
            since[key] = self._since.get(key, now)
            asked = f"{each['method']} {each['path']}" if each["method"] else ""
            rows.append(
                [
                    visible(str(each["peer"])),
                    f"{each['age']:.0f} s",
                    str(each["requests"]),
                    size_in_words(each["sent"]),
                    str(each["phase"]),
                    f"≥ {now - since[key]:.0f} s" if each["method"] else "",
                    visible(asked),
                ]
            )
        self._since = since
        hidden = status["open"] - len(rows)
        title = (
            f"pid {status['pid']} on {', '.join(map(visible, status['addresses']))}: {status['open']} connections"
            f"{f' ({hidden} not shown)' if hidden > 0 else ''}, {status['active']} active, "
            f"{stats['requests']} requests{rate}, {stats['errors']} errors, {stats['refused']} refused, "
            f"{stats['clients_gone']} clients gone{', draining' if status['draining'] else ''}"
        )
        return title, rows


def _plain(title: str, rows: Sequence[Row]) -> str:
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    lines = [title]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (COLUMNS, *rows)
    ]
    return "\n".join([*lines, ""])
