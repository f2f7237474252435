"""The public faces: each says all it offers, offers all it says, and documents it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import trio_http

FACES = ["trio_http"] + [
    f"trio_http.{module.name}"
    for module in pkgutil.iter_modules(trio_http.__path__)
    if module.ispkg and not module.name.startswith("_")
]


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_all_is_true(face: ModuleType) -> None:
    missing = [name for name in face.__all__ if not hasattr(face, name)]

    assert not missing
    assert len(set(face.__all__)) == len(face.__all__)


def test_nothing_public_is_left_out_of_all(face: ModuleType) -> None:
    visible = {
        name
        for name, value in vars(face).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }

    assert visible <= set(face.__all__), f"import these by a private name, or list them: {visible - set(face.__all__)}"


def test_every_public_class_and_function_is_documented(face: ModuleType) -> None:
    bare = [
        name
        for name in face.__all__
        if (inspect.isclass(getattr(face, name)) or inspect.isfunction(getattr(face, name)))
        and not inspect.getdoc(getattr(face, name))
    ]

    assert not bare


def test_modules_of_the_package_are_private() -> None:
    public = [
        module.name
        for module in pkgutil.walk_packages(trio_http.__path__, "trio_http.")
        if not module.ispkg and not module.name.rpartition(".")[2].startswith("_") and module.name not in PUBLIC_MODULES
    ]

    assert not public


# modules whose names are part of what users write
PUBLIC_MODULES = {"trio_http.testing.pytest_plugin", "trio_http.testing.strategies"}


def test_the_facade_gives_what_type_checkers_see() -> None:
    source = ast.parse(inspect.getsource(trio_http))
    [block] = [node for node in source.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert seen == trio_http._HOME
    assert {*seen, "__version__"} == set(trio_http.__all__)


def test_the_core_comes_alone() -> None:
    others = {"trio", "h11", "wsproto", "ssl", "trio_http.semantics"}
    program = f"import sys, trio_http.h1; print(sorted({others} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_name_that_is_not_there_is_told_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'trio_http' has no attribute 'Sever'"):
        trio_http.Sever  # noqa: B018 - asking is the test
