"""The pages of the documentation: links lead somewhere, and the programs on them run and print what is shown."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import trio_http
import trio_http.asgi
import trio_http.web
from tools import draw_docs

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
GUIDES = [ROOT / "docs/tutorial.md", *sorted(ROOT.glob("docs/howto/*.md"))]  # every block is a whole program
TOWNCRIER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
IN_DEPTH = [path for path in sorted(ROOT.glob("docs/*.md")) if path.name != "tutorial.md"]
KINDS = [kind["directory"] for kind in TOWNCRIER["type"]]
FRAGMENTS = sorted(path for path in ROOT.glob("newsfragments/*") if path.name != "README.md")
PROGRAM = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)
PROGRAMS = [
    pytest.param(found[1], found[2] or "", id=f"{page.stem}-{number}")
    for page in GUIDES
    for number, found in enumerate(PROGRAM.finditer(page.read_text()), 1)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text)

    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_are_python(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", IN_DEPTH, ids=lambda page: page.name)
def test_programs_in_depth_import_what_they_use(page: Path) -> None:
    tree = list(ast.walk(ast.parse("\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)))))
    used = {node.id for node in tree if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    imports = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    bound = {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    bound |= {node.arg for node in tree if isinstance(node, ast.arg)}
    ours = {"trio", "trio_http", "h1", *trio_http.__all__, *trio_http.web.__all__, *trio_http.asgi.__all__}

    assert not used & ours - bound


@pytest.mark.parametrize(("program", "output"), PROGRAMS)
def test_programs_of_the_guides_print_what_is_shown(
    program: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(program, "guide", "exec"), {"__name__": "__guide__"})  # it runs its own trio.run()

    assert capsys.readouterr().out == output


def test_the_guides_have_programs() -> None:
    assert len(PROGRAMS) > 15


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_news_fragment_is_one_a_release_can_print(fragment: Path) -> None:
    text = fragment.read_text()

    assert fragment.name.split(".")[1] in KINDS, f"expected a name like +what.kind.md, with a kind of {KINDS}"
    assert text.endswith(".\n"), "sentences, and one line end"
    assert not text.startswith(("-", "#")), "towncrier makes the list and its headings"


@pytest.mark.parametrize("name", draw_docs.PAGES)
def test_drawn_pages_are_up_to_date(name: str) -> None:
    drawn = draw_docs.PAGES[name]()

    assert (ROOT / "docs" / name).read_text() == drawn, "run: python tools/draw_docs.py"


def test_the_reference_has_every_public_name() -> None:
    pages = "\n".join(page.read_text() for page in ROOT.glob("docs/reference/*.md"))
    described = set(re.findall(r"^\.\. auto\w+:: (\w+)$", pages, re.MULTILINE))
    described |= set(re.findall(r"`trio_http\.(\w+)`", pages))

    assert not set(trio_http.__all__) - described - {"__version__"}


def test_every_default_says_whose_example_it_follows() -> None:
    rows = [line for line in draw_docs.limits_page().splitlines() if line.startswith("| `")]

    assert len(rows) > 30
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_line_of_the_threat_model_is_proven() -> None:
    lines = (ROOT / "docs" / "threat-model.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| attack", "| ---"))]
    unproven = [row for row in rows if not re.search(r"`[\w/]+\.py::\w+`", row.split("|")[-2])]
    missing = []
    for path, name in re.findall(r"`([\w/]+\.py)::(\w+)`", "\n".join(rows)):
        source = ROOT / "tests" / path
        if not source.exists() or f"def {name}(" not in source.read_text():
            missing.append(f"{path}::{name}")

    assert len(rows) > 15
    assert not unproven
    assert not missing
