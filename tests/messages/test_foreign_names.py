"""Whoever tries the names of another library is told ours."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

from trio_http import Request, Response
from trio_http.messages._foreign_names import REQUEST_NAMES, RESPONSE_NAMES

MESSAGES = [(Request("GET", "/"), name, hint) for name, hint in REQUEST_NAMES.items()]
MESSAGES += [(Response("x"), name, hint) for name, hint in RESPONSE_NAMES.items()]


@pytest.mark.parametrize(
    ("message", "name", "hint"), MESSAGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_name_of_another_library_is_explained(message: Any, name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(f"has no attribute {name!r}: {hint}")):
        getattr(message, name)

    for kind, ours in re.findall(r"(request|response)\.(\w+)", hint):
        assert hasattr({"request": Request, "response": Response}[kind], ours)


def test_a_misspelled_name_is_guessed() -> None:
    with pytest.raises(AttributeError, match=r"a request has no attribute 'heders': did you mean headers\?"):
        Request("GET", "/").heders  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match=r"a response has no attribute 'statsu': did you mean status\?"):
        Response().statsu  # type: ignore[attr-defined]  # noqa: B018


def test_what_nobody_can_guess_is_just_unknown() -> None:
    with pytest.raises(AttributeError, match=r"^a response has no attribute 'qqqq'$") as caught:
        getattr(Response(), "qqqq")  # noqa: B009

    assert caught.value.name == "qqqq"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_asking_politely_costs_nothing() -> None:
    assert not hasattr(Response(), "status_code")
    assert getattr(Request("GET", "/"), "user", None) is None
    assert copy.copy(Response("x", status=201)).status == 201
