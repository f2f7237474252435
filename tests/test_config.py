"""The options: each refuses what makes no sense when it is given, by its name, and says what would."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from trio_http import ClientLimits, ClientTimeouts, MinRate, ServerLimits, ServerTimeouts

CLASSES: list[Any] = [ServerTimeouts, ClientTimeouts, ServerLimits, ClientLimits]
OPTIONS = [(cls, field.name) for cls in CLASSES for field in dataclasses.fields(cls)]


@pytest.mark.parametrize(("cls", "name"), OPTIONS, ids=[f"{cls.__name__}.{name}" for cls, name in OPTIONS])
def test_an_option_is_checked_where_it_is_given(cls: Any, name: str) -> None:
    wrong = [-1, True, "5", b"", float("nan"), [], MinRate]
    if name == "min_rate":
        wrong += [240, 240.0]
    else:
        wrong += [MinRate(240)]
        wrong += [0] if "Timeouts" in cls.__name__ or name.endswith("_timeout") else [1.5]

    for value in wrong:
        with pytest.raises(ValueError, match=rf"^{cls.__name__}\({name}=.*\) makes no sense: give .*, or None for "):
            cls(**{name: value})
    for value in (None, MinRate(240) if name == "min_rate" else 7):
        assert getattr(cls().replace(**{name: value}), name) == value


@pytest.mark.parametrize("values", [(0,), (-1,), (240, -1), (240, float("inf")), (240, float("nan"))])
def test_a_rate_that_makes_no_sense_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"^MinRate\(.*\) makes no sense: give a positive number"):
        MinRate(*values)
