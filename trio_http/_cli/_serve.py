"""``trio-http serve``: an application or a folder, in one process or several."""

from __future__ import annotations

from argparse import Namespace

from ._parser import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Describe the options."""
    parser = subparsers.add_parser("serve", description=__doc__)
    parser.add_argument("target", help="MODULE:NAME of a handler or application")


def run(options: Namespace) -> int:
    """Serve until told to end."""
    raise NotImplementedError(options)
