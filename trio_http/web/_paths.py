"""Joining paths safely: a name from outside never leads out of the folder it is looked up in."""

from __future__ import annotations

import os
from pathlib import Path

from .._files import is_within

__all__ = ["path_join_safe"]

# names that Windows takes for devices in every folder; refused everywhere, so that a program behaves alike everywhere
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{name}{digit}" for name in ("com", "lpt") for digit in "123456789¹²³"
}


def path_join_safe(root: str | os.PathLike[str], filename: str, *, symlinks: bool = False) -> Path:
    r"""Return ``root / filename`` if that is a path below the root (or the root itself).

    What could mean something else on any system is refused everywhere: components ``..`` and ``.``, empty ones but
    the last, absolute paths, drives and streams (``c:``), backslashes, NUL and control characters, device names.

    Args:
        root: The folder.
        filename: A relative path, components separated by ``/``; ``""`` for the root itself.
        symlinks: Allow symbolic links that lead out of the root. Otherwise all links are followed as they are now
            (this looks at the disk) and the end must be within the root.

    Returns:
        The path, not resolved. It need not exist.

    Raises:
        ValueError: The name leads out of the root or could do so; the text says why.

    Example:
        >>> path_join_safe("/srv", "a/b.txt")
        PosixPath('/srv/a/b.txt')
    """
    base = Path(root)
    if filename:
        check_name(filename)
    joined = base.joinpath(*filename.split("/")) if filename else base
    if not symlinks and not is_within(os.path.realpath(joined), os.path.realpath(base)):
        raise ValueError(f"{filename[:200]!a} is or passes a symbolic link that leads out of its folder")
    return joined


def check_name(filename: str) -> None:
    """Refuse a relative path that could lead elsewhere; looks at the text only."""
    for character in filename:
        if character < " " or character in "\\\x7f" or "\ud800" <= character <= "\udfff":
            raise ValueError(f"{character!a} must not be in a file name: {filename[:200]!a}")
    parts = filename.split("/")
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()
    for part in parts:
        if part in {"", ".", ".."}:
            raise ValueError(f"component {part!r} must not be in a file name: {filename[:200]!a}")
        if ":" in part:
            raise ValueError(f"':' must not be in a file name, it could name a drive or stream: {filename[:200]!a}")
        if part.partition(".")[0].rstrip(" ").lower() in _DEVICES:
            raise ValueError(f"{part[:200]!a} is the name of a device on some systems")
