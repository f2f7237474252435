"""The pages for those who come from elsewhere: whatever stands on them as Python of ours is run, line by line.

A page is one program, run from top to bottom in one task: its blocks, and in its tables each piece of code in the last
column. A piece that is an expression must not be False, so ``response.status == 200`` is both told and checked. Names
that a page need not define: ``nursery``, open until the end; ``stack``, an AsyncExitStack; ``folder``, an empty one.
Blocks marked with another library's name are that library's, and are not run.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_http.testing import VirtualNetwork

FOLDER = Path(__file__).parents[2] / "docs" / "coming-from"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.stem != "index")

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\|([^|]*)\| .* \| (.*) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Piece:
    """Some code of a page.

    Attributes:
        source: The code.
        line: Where it begins, from 1.
        what: The id of the row it is in; empty for a block.
    """

    source: str
    line: int
    what: str


def pieces_of(text: str) -> list[Piece]:
    """Return the code of a page in its order."""
    found = [
        (match.start(), Piece(match[1], text.count("\n", 0, match.start(1)) + 1, "")) for match in BLOCK.finditer(text)
    ]
    blocks = [match.span() for match in re.finditer(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)]
    for match in ROW.finditer(text):
        row = match[1].strip(" -")
        if row and not any(begin <= match.start() < end for begin, end in blocks):
            line = text.count("\n", 0, match.start()) + 1
            found += [(match.start(), Piece(code, line, row)) for code in CODE.findall(match[2])]
    return [piece for _, piece in sorted(found, key=lambda each: each[0])]


def read_pieces(page: Path) -> list[Piece]:
    return pieces_of(page.read_text())


async def run(piece: Piece, page: str, names: dict[str, Any]) -> None:
    """Run one piece; what is wrong is told with the line of the page."""
    tree = ast.parse(piece.source, page)
    ast.increment_lineno(tree, piece.line - 1)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    last = tree.body[-1] if piece.what else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    for code, mode in [(tree, "exec"), *([(ast.Expression(last.value), "eval")] if isinstance(last, ast.Expr) else [])]:
        value = eval(compile(code, page, mode, flags=flags), names)
        if inspect.iscoroutine(value):
            value = await value
        assert value is not False, f"{page}:{piece.line}: {piece.what}: `{piece.source}` is False"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_a_page_runs_from_top_to_bottom(virtual_network: VirtualNetwork, page: Path, tmp_path: Path) -> None:
    pieces = read_pieces(page)
    names: dict[str, Any] = {"folder": tmp_path, "__name__": "__main__"}

    with trio.fail_after(3600):
        async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as stack:
            names |= {"nursery": nursery, "stack": stack}
            for piece in pieces:
                try:
                    await run(piece, page.name, names)
                except Exception as error:
                    error.add_note(f"{page.name}:{piece.line}: {piece.what} {piece.source}")
                    raise
            await stack.aclose()
            nursery.cancel_scope.cancel()


async def test_pages_are_read_as_their_index_says() -> None:
    text = """
| | theirs | ours |
| --- | --- | --- |
| S1.1 | `fetch()` | `x = 1`, then `x == 1` |

```python
y = x + await one()
```
```python tornado
this is not python
| S1.9 | in | `a block` |
```
"""

    pieces = pieces_of(text)

    assert [(piece.what, piece.source, piece.line) for piece in pieces] == [
        ("S1.1", "x = 1", 4),
        ("S1.1", "x == 1", 4),
        ("", "y = x + await one()\n", 7),
    ]


async def test_a_line_that_is_false_fails() -> None:
    names: dict[str, Any] = {"x": 2}

    await run(Piece("y = 3; x == 2", 1, "S1.1"), "page.md", names)
    with pytest.raises(AssertionError, match=r"page\.md:7: S1\.1: `x == y` is False"):
        await run(Piece("x == y", 7, "S1.1"), "page.md", names)
    with pytest.raises(NameError):
        await run(Piece("nothing", 1, "S1.1"), "page.md", names)


def rows_without_code() -> Iterator[tuple[str, str]]:
    """Yield page and id of the rows that have nothing to run."""
    for page in PAGES:
        for match in ROW.finditer(page.read_text()):
            row = match[1].strip()
            if re.fullmatch(r"S[1-9][\d.]+", row) and not CODE.search(match[2]):
                yield page.name, row


def test_every_row_has_a_line_that_is_run() -> None:
    assert not list(rows_without_code())
