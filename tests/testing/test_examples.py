"""Every example about testing runs, and the page of the docs shows code that works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_plugin import LOAD

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("testing_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_passes_under_pytest(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *LOAD, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_race_example_prints_its_report() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "testing_a_race.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "fails: AssertionError: the cache is stale" in done.stdout


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("source", blocks(), ids=lambda source: re.findall(r"test_\w+", source)[0])
def test_code_of_the_page_works(pytester: pytest.Pytester, source: str) -> None:
    pytester.makeini("[pytest]\ntrio_mode = true\naddopts = --strict-markers -p no:anyio\n")
    pytester.makepyfile(source)

    result = pytester.runpytest(*LOAD)

    outcomes = result.parseoutcomes()
    assert outcomes.get("passed", 0) >= 1
    assert not outcomes.get("failed")
    assert not outcomes.get("errors")
