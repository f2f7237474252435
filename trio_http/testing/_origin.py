"""Where in the user's code something was made or waits: the line a report names."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import FrameType

import trio

__all__ = ["is_foreign", "task_line", "user_line"]

_FOREIGN = (
    str(Path(__file__).parent.parent) + os.sep,
    *(sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
    "<",
)
_TRIO_CORE = str(Path(trio.__file__).parent / "_core") + os.sep


@cache
def is_foreign(filename: str) -> bool:
    """Return whether a file belongs to a library or the interpreter, and not to the user."""
    return filename.startswith(_FOREIGN)


def _line(frame: FrameType, number: int) -> str:
    return f"{frame.f_code.co_filename}:{number} in {frame.f_code.co_name}"


def _innermost(frames: Iterable[tuple[FrameType, int]]) -> str | None:
    """The last of the frames, given from the outside in, that belongs to no library."""
    best = None
    for frame, number in frames:
        if not is_foreign(frame.f_code.co_filename):
            best = (frame, number)
    return None if best is None else _line(*best)


def _frames(task: trio.lowlevel.Task) -> list[tuple[FrameType, int]]:
    try:
        return list(task.iter_await_frames())
    except AttributeError:
        # trio before 0.30 trips over a task that has ended
        return []


def user_line() -> str | None:
    """Return ``file:line in function`` of the nearest caller that belongs to no library, or None.

    A task of a library (an attempt of happy eyeballs, say) has none; then its parents are asked.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_TRIO_CORE):
        if not is_foreign(frame.f_code.co_filename):
            return _line(frame, frame.f_lineno)
        frame = frame.f_back
    try:
        task = trio.lowlevel.current_task()
    except RuntimeError:
        return None
    while task.parent_nursery is not None:
        task = task.parent_nursery.parent_task
        found = _innermost(_frames(task))
        if found is not None:
            return found
    return None


def task_line(task: trio.lowlevel.Task) -> str:
    """Return where a task waits: its innermost line outside libraries, and the library call below it."""
    inner = None
    for frame, number in _frames(task):
        if not frame.f_code.co_filename.startswith(_TRIO_CORE):
            inner = (frame, number)
    if inner is None:
        return "its beginning"
    own = _innermost(_frames(task))
    below = _line(*inner)
    return below if own is None else own if own == below else f"{own} (there at {below})"
