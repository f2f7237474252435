"""A file is one concept: none is longer than a reader keeps in mind, and each says at its head what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("trio_http", "tests", "examples", "benchmarks", "tools")
MOST = 500  # lines; what is longer holds two things, so cut it where they meet


def faults(source: str) -> list[str]:
    """What is wrong with one file, in words."""
    found = []
    lines = len(source.splitlines())
    if lines > MOST:
        found.append(f"{lines} lines, {lines - MOST} more than a file has: it holds two things, cut it where they meet")
    if source.strip() and not ast.get_docstring(ast.parse(source)):
        found.append("no docstring at its head: name what it is, in one line")
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_are_one_concept(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    found = [f"{path.relative_to(ROOT)}: {fault}" for path in files for fault in faults(path.read_text())]

    assert files, f"no {folder} here: {ROOT} is not the project"
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('"""Long."""\n' + "x = 1\n" * MOST, "501 lines, 1 more"),
        ("x = 1\n", "no docstring"),
        ("# Only a comment.\n", "no docstring"),
    ],
)
def test_a_fault_is_found(source: str, complaint: str) -> None:
    assert any(complaint in fault for fault in faults(source))


@pytest.mark.parametrize("source", ['"""As long as may be."""\n' + "x = 1\n" * (MOST - 1), "", "\n"])
def test_a_good_file_passes(source: str) -> None:
    assert not faults(source)
