"""Where in the user's code something was made: the line a leak report names."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType

__all__ = ["user_line"]

_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_FOREIGN = tuple(
    {
        _PACKAGE,
        *(sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
        "<",
    }
)


def user_line() -> str | None:
    """Return ``file:line in function`` of the nearest caller that belongs to no library, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_FOREIGN):
            return f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
        frame = frame.f_back
    return None
