"""The examples run, and say what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("client_streaming", ["ONE ", "TWO ", "THREE", "gave up <Pool: 0 connections (0 idle), 0 requests waiting>"]),
        ("client_many", [f"page {number}" for number in range(10)]),
    ],
)
def test_example(name: str, lines: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PATH": ""},
    )

    assert sorted(done.stdout.splitlines()) == sorted(lines)
