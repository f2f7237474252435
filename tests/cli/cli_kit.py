"""What the tests of the command line share: a terminal made of buffers, and a command run in this process."""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping
from typing import Any, final

from trio_http import Handler
from trio_http._cli import _request
from trio_http._cli._parser import Parser
from trio_http._cli._terminal import Terminal


@final
class Screen:
    """A terminal, or files, whose content can be looked at."""

    def __init__(
        self, stdin: bytes = b"", *, is_terminal: bool = False, environ: Mapping[str, str] | None = None
    ) -> None:
        self.out = io.BytesIO()
        self.err = io.StringIO()
        self.terminal = Terminal(
            io.BytesIO(stdin),
            self.out,
            self.err,
            stdin_is_terminal=False,
            stdout_is_terminal=is_terminal,
            stderr_is_terminal=is_terminal,
            environ={"NO_COLOR": "1"} if environ is None else environ,
            may_block=False,
        )

    @property
    def text(self) -> str:
        return self.out.getvalue().decode()

    @property
    def notes(self) -> str:
        return self.err.getvalue()


def parsed(*arguments: str) -> argparse.Namespace:
    parser = Parser(prog="trio-http")
    _request.add_parser(parser.add_subparsers(dest="command", parser_class=Parser))
    return parser.parse_args(arguments)


async def command(
    *arguments: str, app: Handler | None = None, screen: Screen | None = None, **more: Any
) -> tuple[int, Screen]:
    """Run a command against a handler in this process; the exit code, and what is to be seen."""
    screen = Screen() if screen is None else screen
    if app is not None:
        more["app"] = app
    return await _request.perform(parsed(*arguments), screen.terminal, **more), screen
