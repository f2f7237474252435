"""What a newcomer pastes works: the README's example and the story of the demo."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *command], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_example_of_the_readme_runs_when_pasted() -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    assert run("-c", example) == "200 Hello, trio!\n"


def test_the_story_is_told_to_its_end() -> None:
    story = run("examples/story.py")

    for line in (
        "GET /hello: 200, 'Hello, World!'",
        "'bytes': 8388608",
        "b'4 '",
        "TotalTimeout",
        "moved on",
        "shut down",
    ):
        assert line in story
