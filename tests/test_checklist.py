"""Every feature of the list is proven by a test, or stands on the roadmap with the reason why it is not."""

from __future__ import annotations

from pathlib import Path

from tools import checklist

ROWS = checklist.read_rows()
MARKS = checklist.read_marks()
MARKED = {mark.id for mark in MARKS}
ROADMAP = checklist.read_roadmap()
PAGES = Path(__file__).parent.parent / "docs" / "coming-from"
STATES = {"done", "partly", "open", "decided"}


def test_every_mark_names_a_row() -> None:
    unknown = [f"{mark.path}:{mark.line}: {mark.id}" for mark in MARKS if mark.id not in ROWS]

    assert not unknown


def test_the_roadmap_names_rows() -> None:
    assert not [key for key in ROADMAP if key not in ROWS]


def test_marks_are_found_wherever_they_may_stand() -> None:
    source = """
pytestmark = [pytest.mark.covers("A1"), pytest.mark.slow]

@pytest.mark.covers("A2", "A3")
@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.covers("A4"))])
async def test_one(n): ...

class TestTwo:
    pytestmark = pytest.mark.covers("A5")
    @pytest.mark.covers("A6")
    def test_three(self): ...
    def helper(self): ...
"""

    found = {(mark.id, mark.test) for mark in checklist.marks_of(source, "x.py")}

    assert found == {
        *((key, "test_one") for key in ("A1", "A2", "A3", "A4")),
        *((key, "TestTwo::test_three") for key in ("A1", "A5", "A6")),
    }
