"""How the command line reads arguments: argparse, with complaints of one line that say what to do."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"  # argparse has no public name for it
else:
    Subparsers = object

__all__ = ["Parser", "Subparsers", "UsageError", "suggestion"]


class UsageError(Exception):
    """The command line cannot do what it was asked to; the text is one line that says what to do instead."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises :class:`UsageError` and knows what was probably meant."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter, **kwargs}
        self.names: list[str] = []
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # argparse's own arguments, passed on

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """Add an argument, and remember its name for :meth:`refuse`."""
        self.names += args
        return super().add_argument(*args, **kwargs)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Complain of arguments that nobody knows."""
        word = unknown[0].partition("=")[0]
        what = "option" if word.startswith("-") else "further argument"
        self.error(f"there is no {what} {word}{suggestion(word, self.names)}")

    def error(self, message: str) -> NoReturn:
        """Complain in one line."""
        raise UsageError(f"{message}; see {self.prog} --help")


def suggestion(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` if one of the known words is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
