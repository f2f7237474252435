"""Finding and reading the file with the options of ``trio-http serve``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ._parser import UsageError

__all__ = ["read_config"]


def read_config(file: str | None) -> tuple[str, Mapping[str, object]]:
    """Return the name of the file and its table of options.

    Args:
        file: What ``--config`` says; without it ``pyproject.toml`` here is used, if it has a table for us.

    Raises:
        UsageError: The file cannot be read, or is not TOML.
    """
    path = Path("pyproject.toml" if file is None else file)
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except FileNotFoundError:
        if file is None:
            return str(path), {}
        raise UsageError(f"there is no file {file}: give the path of a TOML file to --config") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # TOML and UTF-8 alike
        if file is None and "[tool.trio_http" not in path.read_text(errors="replace"):
            return str(path), {}  # somebody else's trouble
        raise UsageError(f"{path} is not TOML: {error}") from error
    if path.name == "pyproject.toml":
        tools = table.get("tool", {})
        table = tools.get("trio_http", {}) if isinstance(tools, dict) else {}
        if not isinstance(table, dict):
            raise UsageError(f"{path}: tool.trio_http should be a table of options")
    return str(path), table
