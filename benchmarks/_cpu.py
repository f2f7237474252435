"""The CPU time of another process, as Linux counts it, and the word that these benchmarks need Linux."""

from __future__ import annotations

import os
import pathlib
import sys

__all__ = ["cpu_seconds", "need_linux"]


def need_linux() -> None:
    """End the program elsewhere, before anything is measured."""
    if sys.platform != "linux":
        sys.exit(
            f"This benchmark runs on Linux, and this is {sys.platform}: it loads servers through epoll and reads their "
            "CPU time from /proc. benchmarks/core.py and benchmarks/client.py run everywhere."
        )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, in all."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
