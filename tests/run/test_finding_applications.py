"""From ``module:name`` to the application, and what kind it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trio_http import Request, Response, Server
from trio_http._cli._parser import UsageError
from trio_http._cli._serve_app import find_application, kind_of
from trio_http.web import Router


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with modules; what was imported of it is forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_a_name_with_dots_in_a_module_with_dots(folder: Path) -> None:
    (folder / "findable_package").mkdir()
    (folder / "findable_package" / "module.py").write_text("class holder:\n    app = 'here'\n")

    assert find_application("findable_package.module:holder.app", factory=False, app_dir=str(folder)) == "here"


def test_a_factory_is_called(folder: Path) -> None:
    (folder / "with_factory.py").write_text("def make():\n    return 'made'\n")

    assert find_application("with_factory:make", factory=True, app_dir=str(folder)) == "made"


@pytest.mark.parametrize(
    ("target", "source", "line"),
    [
        ("one", "", "give MODULE:NAME, such as one:app"),
        ("a/one.py", "", "such as a.one:app"),
        (":app", "", "such as module:app"),
        ("nowhere_to_be_found:app", "", "there is no module 'nowhere_to_be_found' in"),
        ("bad_one:app", "apps = 1", "has no 'app' (did you mean 'apps'?)"),
        ("bad_two:app", "x = 1\n\n1 / 0", "importing bad_two failed: ZeroDivisionError: division by zero ("),
        ("bad_three:app", "def f(:", "importing bad_three failed: SyntaxError: invalid syntax ("),
        ("bad_four:app", "import not_installed_here", "No module named 'not_installed_here'"),
        ("bad_five:app", "raise ValueError('two\\nlines')", "ValueError: two lines ("),
    ],
)
def test_what_cannot_be_found_is_told_in_one_line(folder: Path, target: str, source: str, line: str) -> None:
    (folder / f"{target.partition(':')[0].replace('/', '_')}.py").write_text(source) if source else None

    with pytest.raises(UsageError) as caught:
        find_application(target, factory=False, app_dir=str(folder))

    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_factory_that_fails_or_is_none(folder: Path) -> None:
    (folder / "failing.py").write_text("def make():\n    raise OSError('no disk')\nnothing = 3\n")

    with pytest.raises(UsageError, match=r"failing:make\(\) failed: OSError: no disk"):
        find_application("failing:make", factory=True, app_dir=str(folder))
    with pytest.raises(UsageError, match="leave --factory out"):
        find_application("failing:nothing", factory=True, app_dir=str(folder))


async def handler(request: Request) -> Response:
    raise NotImplementedError


async def asgi(scope: object, receive: object, send: object) -> None:
    raise NotImplementedError


def wsgi(environ: object, start_response: object) -> list[bytes]:
    raise NotImplementedError


async def handler_with_option(request: Request, option: int = 3) -> Response:
    raise NotImplementedError


class ASGI:
    async def __call__(self, scope: object, receive: object, send: object) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("application", "kind"),
    [
        (handler, "handler"),
        (handler_with_option, "handler"),
        (Router(), "handler"),
        (asgi, "asgi"),
        (ASGI(), "asgi"),
        (wsgi, "wsgi"),
    ],
)
def test_the_kind_is_told_from_the_parameters(application: Callable[..., object], kind: str) -> None:
    assert kind_of(application, "a:b") == kind


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (3, "a:b is a int, which cannot be called"),
        (ASGI, "a:b is a class: give an instance of it, or --factory"),
        (lambda: None, "a:b takes no parameters: if it makes the application, say --factory"),
        (lambda *anything: None, "cannot tell what a:b is"),
        (lambda a, b, c, d: None, "cannot tell what a:b is"),
        (Server(handler), "a:b is a Server: give its handler"),
    ],
)
def test_what_cannot_be_served_is_told(thing: object, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        kind_of(thing, "a:b")

    assert line in str(caught.value)
