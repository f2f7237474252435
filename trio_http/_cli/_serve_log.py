"""What ``trio-http serve`` writes: a log on standard error, the requests there or in a file, as text or as JSON."""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
from typing import final

from .._config import MinRate, ServerLimits, ServerTimeouts
from ._parser import UsageError

__all__ = ["limits_in_words", "set_up_logging"]


@final
class _JSONLines(logging.Formatter):
    """Records as JSON objects, one a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        fields: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def set_up_logging(level: str, *, as_json: bool, with_pid: bool, access_log: str | None) -> None:
    """Set the logging of this process up.

    Args:
        level: The least level.
        as_json: Write JSON objects.
        with_pid: Say in each line which process it is of.
        access_log: Where requests are logged to; ``-`` for standard error, None for nowhere.

    Raises:
        UsageError: The file cannot be written.
    """
    plain = logging.Formatter("[%(process)d] %(message)s" if with_pid else "%(message)s")
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(_JSONLines() if as_json else plain)
    root.addHandler(handler)
    root.setLevel(level.upper())
    if access_log is None:
        return
    access = logging.getLogger("trio_http.access")
    access.propagate = False  # its lines are made already
    access.setLevel(logging.INFO)
    try:
        # WatchedFileHandler opens the file again when it has been moved away, as logrotate does
        to: logging.Handler
        to = logging.StreamHandler() if access_log == "-" else logging.handlers.WatchedFileHandler(access_log)
    except OSError as error:
        raise UsageError(f"--access-log {access_log}: {error.strerror}; give a file that can be written") from error
    to.setFormatter(logging.Formatter("%(message)s"))
    access.addHandler(to)


def limits_in_words(limits: ServerLimits, timeouts: ServerTimeouts) -> str:
    """The limits that people look for first, and whatever differs from the default."""
    told = [("head", timeouts.head), ("idle", timeouts.idle), ("handler", timeouts.handler)]
    waits = [f"{name} {'none' if value is None else f'{value:g} s'}" for name, value in told]
    usual = ServerLimits()
    names = ["body", "connections", "concurrency"]
    names += [n for n in usual.__dataclass_fields__ if n not in names and getattr(limits, n) != getattr(usual, n)]
    return f"limits: {', '.join(f'{n} {_amount(n, getattr(limits, n))}' for n in names)}; timeouts: {', '.join(waits)}"


_BYTES = {"target", "head", "trailers", "chunk_line", "body", "decompressed", "drain", "buffer"}


def _amount(name: str, value: int | MinRate | None) -> str:
    if value is None:
        return "none"
    if isinstance(value, MinRate):
        return f"{value.rate} B/s after {value.after:g} s"
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if name in _BYTES and value >= size and value % size == 0:
            return f"{value // size} {unit}"
    return str(value)
