"""The commands in examples/deploy/ are understood, and the times around them leave room for their end."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from trio_http._cli import _serve_options
from trio_http._cli._parser import Parser
from trio_http._cli._serve_options import ServeOptions

ROOT = Path(__file__).parents[2]
SERVICE = (ROOT / "examples" / "deploy" / "notes.service").read_text()
DOCKER = (ROOT / "examples" / "deploy" / "Dockerfile").read_text()
KUBERNETES = (ROOT / "examples" / "deploy" / "kubernetes.yaml").read_text()
PAGE = (ROOT / "docs" / "deployment.md").read_text()


def understood(command: list[str]) -> ServeOptions:
    assert command[0].endswith("trio-http")
    assert command[1] == "serve"
    parser = Parser(prog="trio-http serve")
    _serve_options.add_options(parser)
    return _serve_options.settle(vars(parser.parse_args(command[2:])), {}, "")


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.DOTALL | re.MULTILINE)
    assert match is not None, pattern
    return match[1]


COMMANDS = {
    "systemd": (
        shlex.split(found(r"^ExecStart=(.*?[^\\])$", SERVICE).replace("\\\n", " ")),
        found(r"^TimeoutStopSec=(\d+)", SERVICE),
    ),
    "docker": (json.loads(found(r"^CMD (\[.*?\])", DOCKER)), found(r"--stop-timeout (\d+)", DOCKER)),
    "kubernetes": (
        json.loads(found(r"command: (\[.*?\])", KUBERNETES)),
        found(r"terminationGracePeriodSeconds: (\d+)", KUBERNETES),
    ),
    "page": (shlex.split(found(r"^(trio-http serve .*)$", PAGE.replace("\n```", "\n\n```")).partition("\n")[0]), "40"),
}


@pytest.mark.parametrize(("command", "patience"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_is_understood_and_has_time_to_end(command: list[str], patience: str) -> None:
    options = understood(command)

    assert options.target == "app:router"
    assert options.lame_duck + options.grace + 3 < int(patience)


@pytest.mark.parametrize("version", ["1.29", "1.31"])
def test_kubernetes_knows_all_that_is_said(version: str) -> None:
    for thing in yaml.safe_load_all(KUBERNETES):
        assert kubernetes_validate.validate(thing, version, strict=True) == version
