"""The command line: finds the module of a command, and turns what goes wrong into one line and an exit code.

Each command is a module with ``add_parser(subparsers)``, which describes its options, and ``run(options) -> int``. Only
the module that is asked for is loaded: a server does not pay for the client, nor the client for the server.
"""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Protocol, cast

from ._parser import Parser, Subparsers, UsageError, suggestion

__all__ = ["main"]

# each command, the module that has it, and what it is for
COMMANDS = {
    "serve": ("_serve", "serve an application or a folder"),
    "get": ("_request", "make a GET request; likewise head, post, put, patch, delete, options"),
    **dict.fromkeys(("head", "post", "put", "patch", "delete", "options"), ("_request", "")),
    "request": ("_request", "make a request with any method"),
    "top": ("_top", "show the connections of a running server"),
}


class Command(Protocol):
    """What the module of a command offers."""

    def add_parser(self, subparsers: Subparsers, /) -> object:
        """Add the parser of the command (or of each, where a module has several)."""

    def run(self, options: Namespace, /) -> int:
        """Do it; ``options.command`` is the name it was called by, ``options.argv`` all arguments.

        Returns:
            The exit code.
        """
        raise NotImplementedError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments after the program's name; None for those of this process.

    Returns:
        The exit code: 0, 2 if it was called wrongly, else what the command says.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(
        prog="trio-http",
        description="HTTP for trio. Commands:\n" + "".join(f"  {n:10} {s}\n" for n, (_, s) in COMMANDS.items() if s),
    )
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        if name is None or arguments[0] != name:
            parser.add_argument("command", help="what to do; `trio-http COMMAND --help` tells more")
            parser.parse_args(arguments)
            raise UsageError(f"give the command first: trio-http {name} ...")
        if name not in COMMANDS:
            raise UsageError(
                f"there is no command {name!r}{suggestion(name, COMMANDS)}; there are: {', '.join(COMMANDS)}"
            )
        command = cast(
            "Command", importlib.import_module(f"{__name__}.{COMMANDS[name][0]}")
        )  # a module has no protocol
        subparsers = parser.add_subparsers(dest="command", parser_class=Parser)
        command.add_parser(subparsers)
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            subparsers.choices[name].refuse(unknown)
        options.argv = tuple(arguments)
        return command.run(options)
    except UsageError as error:
        if "--debug" in arguments:
            raise
        print(f"trio-http: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        return 2
    except KeyboardInterrupt:  # before a command listens to signals
        return 130
