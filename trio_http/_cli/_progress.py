"""How far a transfer is: a bar on standard error where somebody watches, and nothing elsewhere."""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Protocol, Self, final

import trio

from ._terminal import ColorChoice, Terminal

__all__ = ["Progress", "size_in_words"]

EVERY = 0.1  # seconds between two looks


def size_in_words(size: float) -> str:
    """Return a number of bytes for people: ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


class _Bar(Protocol):
    def show(self, done: int, total: int | None) -> None: ...

    def stop(self) -> None: ...


@final
class Progress:
    """A bar, as a block around the transfer.

    Args:
        terminal: Where.
        what: What is transferred.
        done: Bytes that are there already.
        total: Bytes in all; None if nobody knows.
        color: Whether to use colours.
    """

    def __init__(
        self, terminal: Terminal, what: str, *, done: int = 0, total: int | None = None, color: ColorChoice = "auto"
    ) -> None:
        self._terminal = terminal
        self._what = what
        self._color: ColorChoice = color
        self._began = self._shown = trio.current_time()
        self._at_first = done
        self.done = done
        self.total = total
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        if self._terminal.stderr_is_terminal and self._terminal.shows_color(self._color, error=True):
            self._bar = importlib.import_module(f"{__package__}._rich").RichBar(self._terminal.stderr, self._what)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._show()
        if self._bar is not None:
            self._bar.stop()
        elif self._terminal.stderr_is_terminal:
            print(file=self._terminal.stderr, flush=True)

    def move_to(self, done: int, total: int | None = None) -> None:
        """Say how many bytes there are by now."""
        self.done = done
        if total is not None:
            self.total = total
        now = trio.current_time()
        if now - self._shown >= EVERY:
            self._shown = now
            self._show()

    @property
    def summary(self) -> str:
        """What was transferred in this block, and how fast."""
        seconds = trio.current_time() - self._began
        size = self.done - self._at_first
        speed = f", {size_in_words(size / seconds)}/s" if seconds > 0 else ""
        return f"{size_in_words(size)} in {seconds:.1f} s{speed}"

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.show(self.done, self.total)
        elif self._terminal.stderr_is_terminal:
            of = f" of {size_in_words(self.total)}, {100 * self.done // self.total} %" if self.total else ""
            line = f"\r{self._what}: {size_in_words(self.done)}{of}  "
            print(line, end="", file=self._terminal.stderr, flush=True)
