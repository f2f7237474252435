"""The functions that start a server say the same of the options that they share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from trio_http import Server, serve, serve_asgi
from trio_http.asgi import serve_wsgi

SHARED = {"port", "host", "listeners", "path", "ssl_context", "timeouts", "limits", "task_status"}


def told(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring tells of each argument."""
    section = inspect.getdoc(function).partition("Args:\n")[2].partition("\n\n")[0]  # type: ignore[union-attr]
    return dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE))


@pytest.mark.parametrize("function", [serve_asgi, serve_wsgi])
def test_options_shared_with_serve_are_the_same(function: Callable[..., Any]) -> None:
    theirs, ours = inspect.signature(serve).parameters, inspect.signature(function).parameters
    for name in SHARED:
        assert ours[name] == theirs[name]
        assert told(function)[name] == told(serve)[name]


def test_options_of_serve_are_those_of_a_server() -> None:
    servers = inspect.signature(Server).parameters
    for name, parameter in inspect.signature(serve).parameters.items():
        if name not in {"handler", "task_status"}:
            assert parameter == servers[name]
