"""The list of features, and who proves them: rows of ``tests/checklist.toml``, marks in the tests, ids of the roadmap.

Everything is read from the files, nothing is imported or run. ``tests/test_checklist.py`` compares the three;
``tools/honest_marks.py`` proves that the marks mean what they say.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests"


@dataclass(frozen=True)
class Row:
    """One feature.

    Attributes:
        id: Such as ``"A24"`` or ``"S1.5"``; the letter names the part, see the head of the file.
        title: What it is, in the words of where it comes from.
        rank: ``"S"`` in the parts A to D: should be; ``"M"``: must be; ``"L"``: later. All of part S must be.
        state: ``"done"``, ``"partly"``, ``"open"``, or ``"decided"``: otherwise, with a reason on a page of the docs.
        names: The public names without which it does not exist, below ``trio_http``; see ``tools/honest_marks.py``.
    """

    id: str
    title: str
    rank: str
    state: str
    names: tuple[str, ...]

    @property
    def must_be(self) -> bool:
        """Whether the project is not what it says it is without this row."""
        return self.id.startswith("S") or self.rank == "M"


@dataclass(frozen=True)
class Mark:
    """The claim of a test to prove a row.

    Attributes:
        id: The row.
        path: The file, below the root of the repository.
        test: The name of the test as pytest has it, without parameters: ``test_x`` or ``TestX::test_x``.
        line: Where the mark is written.
    """

    id: str
    path: str
    test: str
    line: int

    @property
    def node(self) -> str:
        """The test, as pytest is told it."""
        return f"{self.path}::{self.test}"


def read_rows() -> dict[str, Row]:
    """Return all rows by their ids, in the order of the file."""
    table = tomllib.loads((TESTS / "checklist.toml").read_text())["rows"]
    return {
        key: Row(key, row["title"], row["rank"], row["state"], tuple(row.get("names", ())))
        for key, row in table.items()
    }


def read_marks() -> list[Mark]:
    """Return every ``pytest.mark.covers(...)`` of the tests."""
    found: list[Mark] = []
    for path in sorted(TESTS.rglob("test_*.py")):
        found += marks_of(path.read_text(), path.relative_to(ROOT).as_posix())
    return found


def marks_of(source: str, path: str) -> list[Mark]:
    """Return the marks of one file: on a test, among its parameters, on its class, or as ``pytestmark`` of the file."""
    tree = ast.parse(source)
    found: list[Mark] = []

    def visit(body: list[ast.stmt], prefix: str, above: list[tuple[str, int]]) -> None:
        above = above + [
            each
            for node in body
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)
            for each in _ids(node.value)
        ]
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                visit(node.body, f"{prefix}{node.name}::", above + _of_decorators(node))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                ids = above + _of_decorators(node)
                found.extend(Mark(key, path, prefix + node.name, line) for key, line in ids)

    visit(tree.body, "", [])
    return found


def _of_decorators(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[str, int]]:
    return [each for decorator in node.decorator_list for each in _ids(decorator)]


def _ids(tree: ast.expr) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.covers":
            for argument in node.args:
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    raise ValueError(f"line {node.lineno}: covers() takes ids as they stand in tests/checklist.toml")
                yield argument.value, argument.lineno


def read_roadmap() -> dict[str, str]:
    """Return what ``docs/roadmap.md`` says of rows that are not done: lines ``* **A36** ...``."""
    text = (ROOT / "docs" / "roadmap.md").read_text()
    return dict(re.findall(r"^\* \*\*([A-DS][\d.]+)\*\* (.+)$", text, re.MULTILINE))
