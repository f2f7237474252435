"""The tables of docs/h1.md are those of the code."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from trio_http import h1

TEXT = (Path(__file__).parents[2] / "docs" / "h1.md").read_text()


def test_every_quirk_stands_in_the_docs_with_its_reason() -> None:
    for quirk, reason in h1.QUIRKS.items():
        assert f"| `{quirk}` | {reason} |" in TEXT


def test_every_limit_stands_in_the_docs_with_its_default() -> None:
    for field in dataclasses.fields(h1.Limits):
        assert f"| `{field.name}` | {field.default} |" in TEXT
