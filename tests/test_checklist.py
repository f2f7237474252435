"""Every feature of the list is proven by a test, or stands on the roadmap with the reason why it is not."""

from __future__ import annotations

import re
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


def test_every_row_that_must_be_is_proven_or_on_the_roadmap() -> None:
    missing = [
        f"{row.id} {row.title}"
        for row in ROWS.values()
        if row.must_be and row.state != "decided" and row.id not in MARKED and row.id not in ROADMAP
    ]

    assert not missing, "mark a test with @pytest.mark.covers(id), or say in docs/roadmap.md why there is none"


def test_what_is_said_of_a_row_is_so() -> None:
    wrong = [
        f"{row.id} is {row.state}, {'' if row.id in MARKED else 'not '}marked, "
        f"{'' if row.id in ROADMAP else 'not '}on the roadmap"
        for row in ROWS.values()
        if row.state not in STATES
        or (row.state in {"done", "partly"} and row.id not in MARKED)
        or (row.id in ROADMAP) != (row.state in {"partly", "open"})
    ]

    assert not wrong


def test_the_roadmap_names_rows() -> None:
    assert not [key for key in ROADMAP if key not in ROWS]


def test_every_row_of_those_people_come_from_stands_on_a_page() -> None:
    text = "".join(page.read_text() for page in PAGES.glob("*.md"))
    shown = set(re.findall(r"^\| (S[\d.]+) \|", text, re.MULTILINE))

    assert {key for key in ROWS if key.startswith("S")} - shown == set()
    assert not shown - set(ROWS)


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
