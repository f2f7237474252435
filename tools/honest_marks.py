"""Prove that marks are honest: take a feature away, and see every test fail that claims to prove it.

``python tools/honest_marks.py [--all | --size 12] [--seed N] [ID ...]``; ``nox -s marks`` calls it. For each row of
``tests/checklist.toml``, in a process of its own, the row's public names are taken away and its marked tests are run.
The house stays whole: what our own code uses goes on working, only those outside of it lose the name.

How it works
------------
* ``serve``: a name of a public face. In every face it becomes a thing that raises whatever is done with it.
* ``Client.get``: an attribute, method or property of a class, or a member of an enum. Asking for it raises, unless the
  code that asks is ours.
* ``Server(backlog)``: an option. It is taken and forgotten, as if the default had been given. A timeout or a limit
  becomes None, for its default would prove the same as the option.
* ``Client.*(timeout)``: an option of a class and all its public methods.

A mark is honest if its test fails then, with at least one set of its parameters. A test that hangs has failed; one that
is skipped, because what it needs is not there, says nothing. The process of each row is forked from one that has loaded
everything, so a row costs little more than its tests.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import importlib
import inspect
import itertools
import os
import pkgutil
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn, final

import checklist
import pytest

import trio_http

SECONDS = 40  # for the tests of one row
PACKAGE = "trio_http"


class Removed(AttributeError, AssertionError):
    """Somebody has used a feature that is taken away."""


# ---------------------------------------------------------------- taking away


def asked_by_us(frame: FrameType | None) -> bool:
    """Whether the code that runs in a frame is the package's own."""
    name = "" if frame is None else str(frame.f_globals.get("__name__", ""))
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


@final
class Gone:
    """What stands in a public face instead of a name that is taken away: whatever is done with it raises."""

    def __init__(self, name: str) -> None:
        self.__name = name

    def __refuse(self, *args: object, **options: object) -> NoReturn:
        raise Removed(f"{self.__name} is taken away")

    __getattr__ = __call__ = __getitem__ = __iter__ = __len__ = __contains__ = __enter__ = __aenter__ = __refuse
    __mro_entries__ = __eq__ = __ne__ = __hash__ = __bool__ = __str__ = __repr__ = __index__ = __refuse
    __or__ = __ror__ = __instancecheck__ = __subclasscheck__ = __add__ = __radd__ = __mod__ = __refuse


@final
class Lost:
    """What stands in a class instead of an attribute that is taken away: only our own code still finds it."""

    def __init__(self, name: str, plain: str, original: Any) -> None:
        self._name = name
        self._plain = plain
        self._original = original

    def __get__(self, instance: object, owner: type | None = None) -> object:
        if not asked_by_us(sys._getframe(1)):
            raise Removed(f"{self._name} is taken away")
        if hasattr(type(self._original), "__get__"):
            return self._original.__get__(instance, owner)
        if instance is not None and self._plain in getattr(instance, "__dict__", {}):
            return instance.__dict__[self._plain]
        return self._original

    def __set__(self, instance: object, value: object) -> None:
        if hasattr(type(self._original), "__set__"):
            self._original.__set__(instance, value)
        else:
            instance.__dict__[self._plain] = value


def faces() -> Iterator[ModuleType]:
    """Yield the public faces, with everything below them loaded."""
    for found in pkgutil.walk_packages(trio_http.__path__, f"{PACKAGE}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    yield trio_http
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{PACKAGE}.") and not any(part.startswith("_") for part in name.split(".")):
            yield module


def take_away(name: str) -> None:
    """Take a public name away, as the head of this file says."""
    found = re.fullmatch(r"([\w.]+?)(\.\*)?(?:\((\w+)\))?", name)
    if found is None:
        raise ValueError(f"{name!r} names nothing that can be taken away")
    path, every, option = found.groups()
    owner, plain = resolve(path)
    target = getattr(owner, plain, None)  # None: an attribute that only instances have
    if option is None:
        if isinstance(owner, type):
            hide(owner, plain, name)
        else:
            for face in list(faces()):
                for each in [key for key in dir(face) if getattr(face, key, None) is target]:
                    if face is owner or _is_telling(target):
                        setattr(face, each, Gone(name))
            if owner.__name__.endswith("pytest_plugin"):
                delattr(owner, plain)
    elif isinstance(target, type):
        forget_option(target, "__init__", option)
        if every is not None:
            for method in [key for key, value in vars(target).items() if callable(value) and key[0] != "_"]:
                forget_option(target, method, option)
        if target.__module__ == f"{PACKAGE}._config":
            set_none(target, option)
    else:
        assert callable(target), name
        forgetful = forgetting(target, option)
        if isinstance(owner, type):
            setattr(owner, plain, forgetful)
        else:
            for face in list(faces()):
                for each in [key for key in dir(face) if getattr(face, key, None) is target]:
                    setattr(face, each, forgetful)


def resolve(path: str) -> tuple[Any, str]:
    """Return what holds a name, and how it is called there."""
    owner: Any = trio_http
    *parts, plain = path.split(".")
    for part in parts:
        if isinstance(owner, ModuleType):
            with_module = f"{owner.__name__}.{part}"
            owner = sys.modules[with_module] if with_module in sys.modules else getattr(owner, part)
        else:
            owner = getattr(owner, part)
    known = hasattr(owner, plain) or (isinstance(owner, type) and f"self.{plain}" in inspect.getsource(owner))
    if not known:
        raise ValueError(f"tests/checklist.toml names {path}, which is not there")
    return owner, plain


def _is_telling(target: object) -> bool:
    """Whether identity says that it is the same thing: not for True, 1 or a short str."""
    return not isinstance(target, bool | int | float | str | bytes | None)


def hide(owner: type, plain: str, name: str) -> None:
    """Take an attribute of a class away."""
    members = getattr(owner, "_member_map_", {})
    if plain in members:
        member = members.pop(plain)
        for key in [key for key, value in members.items() if value is member]:
            del members[key]
        owner._value2member_map_.pop(member.value, None)  # type: ignore[attr-defined]  # it is an enum
        type.__setattr__(owner, plain, Lost(name, plain, member))
        return
    original = inspect.getattr_static(owner, plain, None)
    # magic methods are looked up by the interpreter, in the frame of the one who uses the operator
    setattr(owner, plain, Lost(name, plain, original))


def forgetting(function: Any, option: str) -> Callable[..., Any]:
    """Return a function that ignores one of its options when others than we give it."""

    @functools.wraps(function)
    def forgetful(*args: Any, **options: Any) -> Any:
        if not asked_by_us(sys._getframe(1)):
            options.pop(option, None)
        return function(*args, **options)

    return forgetful


def forget_option(owner: type, method: str, option: str) -> None:
    """Have a method ignore an option."""
    setattr(owner, method, forgetting(getattr(owner, method), option))


def set_none(owner: type, option: str) -> None:
    """Have all objects of a class of options, past and future ones, say None."""
    original: Callable[..., None] = owner.__init__  # type: ignore[misc]  # it is replaced, on purpose

    def init(self: object, *args: Any, **options: Any) -> None:
        options.pop(option, None)
        original(self, *args, **options)
        object.__setattr__(self, option, None)

    owner.__init__ = init  # type: ignore[misc]  # as above
    for each in gc.get_objects():
        if type(each) is owner:
            object.__setattr__(each, option, None)


# ---------------------------------------------------------------- running


@final
class Outcomes:
    """A pytest plugin that keeps how each test ended, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _say(self, outcome: str, node: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{outcome} {node}\n")

    # the hooks of pytest, under their own names

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the files that cannot be loaded: tests that need the name that early have failed."""
        if report.failed:
            self._say("failed", report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what became of each phase of each test."""
        if report.failed:
            self._say("failed", report.nodeid)
        elif report.skipped:
            self._say("skipped", report.nodeid)
        elif report.when == "call":
            self._say("passed", report.nodeid)


def run_without(names: tuple[str, ...], nodes: list[str], folder: Path, *, show: bool) -> dict[str, str]:
    """Run tests without some names; return by test why its mark is not honest."""
    heard = folder / "heard"
    heard.write_text("")
    child = os.fork()
    if child == 0:
        _child(names, nodes, heard, show=show)
    _, status = os.waitpid(child, 0)
    said = [line.partition(" ")[::2] for line in heard.read_text().splitlines()]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        return dict.fromkeys(nodes, f"could not be tried: {heard.read_text().strip()}")
    ended = ("finished", "") in said
    wrong: dict[str, str] = {}
    skipped: list[str] = []
    for node in nodes:
        own = [outcome for outcome, each in said if each and _concerns(each, node)]
        if "failed" in own:
            continue
        if not own and ended:
            wrong[node] = "was not run"
        elif ended and set(own) != {"skipped"}:
            wrong[node] = "passes all the same"
        elif ended:
            skipped.append(node)
    if len(skipped) == len(nodes):
        wrong = dict.fromkeys(skipped, "is skipped here, and nothing else proves the row")
    return wrong


def _concerns(each: str, node: str) -> bool:
    """Whether a report is of a test, of one set of its parameters, or of the file or class it is in."""
    return each == node or each.startswith(f"{node}[") or node.startswith(f"{each}::")


def _child(names: tuple[str, ...], nodes: list[str], heard: Path, *, show: bool) -> NoReturn:
    signal.alarm(SECONDS)  # a test that hangs without the feature has failed, too
    if not show:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    try:
        for name in names:
            take_away(name)
    except Exception as error:
        heard.write_text(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "--continue-on-collection-errors"]
    # that the package is loaded before pytest could rewrite its asserts is no fault here
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # one file after the other: one that cannot even be loaded ends the whole session
    for _, group in itertools.groupby(nodes, key=lambda node: node.partition("::")[0]):
        with contextlib.suppress(Exception):  # of its own end, when a failed test leaves a socket open
            pytest.main([*options, *group], plugins=[Outcomes(heard)])
    with heard.open("a") as file:
        file.write("finished \n")
    sys.stdout.flush()
    os._exit(0)


def main() -> int:
    """Take the rows that are asked for, tell what is not honest, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("ids", nargs="*", help="these rows only")
    parser.add_argument("--all", action="store_true", help="all rows")
    parser.add_argument("--size", type=int, default=12, help="how many rows to draw (12)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="how to draw them")
    parser.add_argument("--show", action="store_true", help="show what pytest says")
    asked = parser.parse_args()

    rows = checklist.read_rows()
    marks: dict[str, list[str]] = {}
    for mark in checklist.read_marks():
        if mark.node not in marks.setdefault(mark.id, []):
            marks[mark.id].append(mark.node)
    candidates = [row for row in rows.values() if row.id in marks and row.names]
    if asked.ids:
        chosen = [row for row in candidates if row.id in asked.ids]
    elif asked.all:
        chosen = candidates
    else:
        chosen = random.Random(asked.seed).sample(candidates, min(asked.size, len(candidates)))
        print(f"{len(chosen)} of {len(candidates)} rows, drawn with --seed {asked.seed}")

    os.chdir(checklist.ROOT)
    list(faces())  # loads everything
    honest = 0
    with tempfile.TemporaryDirectory() as folder:
        # what Hypothesis finds here are no bugs to remember
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        for row in chosen:
            wrong = run_without(row.names, marks[row.id], Path(folder), show=asked.show)
            honest += not wrong
            for node, why in wrong.items():
                print(f"{row.id} without {', '.join(row.names)}: {node} {why}", flush=True)
    print(f"{honest} of {len(chosen)} rows are honest: without their names, every test that is marked for them fails")
    return 0 if honest == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
