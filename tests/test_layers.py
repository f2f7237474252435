"""Imports go strictly down: the floors of docs/design.md, checked by reading the source.

A folder may import itself and any lower floor. It may not import a sibling on its own floor, a higher floor, the
facade, or anything inside a function; type checking is no excuse. Nothing below the trio line imports trio or a
third party.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "trio_http"
FLOORS = {
    "_errors": 0,
    "_config": 0,
    "_clock": 0,
    "_entropy": 0,
    "_grammar": 0,
    "_watch": 0,
    "_version": 0,
    "h1": 1,
    "semantics": 1,
    "messages": 2,
    "_files": 3,
    "transport": 3,
    "wire": 4,
    "websocket": 5,
    "server": 6,
    "client": 6,
    "web": 7,
    "asgi": 8,
    "metrics": 8,
    "redis": 8,
    "telemetry": 8,
    "blocking": 8,
    "_run": 8,
    "_cli": 9,
    "testing": 9,
    "__init__": 10,
    "__main__": 10,
}
TRIO_LINE = 2
# content codings may try these; each is an extra, and absent is fine
OPTIONAL_BELOW_THE_LINE = {"brotli", "brotlicffi", "zstandard"}
# each folder that exists to wrap one library is the only one to import it
ONLY_IN = {
    "trio_websocket": "websocket",
    "websockets": "websocket",
    "wsproto": "websocket",
    "python_multipart": "web",
    "rich": "_cli",
    "prometheus_client": "metrics",
    "opentelemetry": "telemetry",
    "coredis": "redis",
}


def room_of(module: str) -> str:
    """The folder or floor-0 module that a dotted name below the package belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, dotted target and "inside a function" of every import of a file; relative ones resolved."""
    return imports_of(path.read_text(), module_name(path), is_package=path.name == "__init__.py")


def imports_of(source: str, module: str, *, is_package: bool) -> Iterator[tuple[int, str, bool]]:
    package = module.split(".") if is_package else module.split(".")[:-1]

    def walk(node: ast.AST, lazy: bool) -> Iterator[tuple[int, str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for name in child.names:
                    yield child.lineno, name.name, lazy
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    base = ".".join([*package[: len(package) - child.level + 1], *filter(None, [base])])
                for name in child.names:
                    yield child.lineno, f"{base}.{name.name}", lazy
            else:
                inner = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, inner)

    return walk(ast.parse(source), lazy=False)


def faults(module: str, line: int, target: str, lazy: bool) -> Iterator[str]:
    """Everything that is wrong with one import, in words."""
    room = room_of(module)
    floor = FLOORS[room]
    top = target.split(".", maxsplit=1)[0]
    where = f"{module}:{line} imports {target}"
    if lazy and top == PACKAGE.name:
        yield f"{where} inside a function"
    if top == PACKAGE.name:
        other = room_of(target)
        if other not in FLOORS or other == "__init__":
            yield f"{where}: the facade (import the module that defines the name)"
        elif other == room:
            return
        elif FLOORS[other] > floor:
            yield f"{where}: upwards, from floor {floor} to floor {FLOORS[other]}"
        elif FLOORS[other] == floor:
            yield f"{where}: sideways, on floor {floor}"
        elif room == "__init__" and other == "testing":
            yield f"{where}: the facade does not import testing"
    elif top not in sys.stdlib_module_names:
        if floor < TRIO_LINE and top not in OPTIONAL_BELOW_THE_LINE:
            yield f"{where}: nothing below the trio line imports trio or a third party"
        elif floor == TRIO_LINE and top != "trio":
            yield f"{where}: messages may import trio and no third party"
        if top in ONLY_IN and ONLY_IN[top] != room:
            yield f"{where}: only {ONLY_IN[top]} may"


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(module_name(path)) for path in source_files()}

    assert rooms <= set(FLOORS), f"no floor for {rooms - set(FLOORS)}: say in docs/design.md where it belongs"


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_imports_go_down(path: Path) -> None:
    module = module_name(path)

    found = [fault for line, target, lazy in imports(path) for fault in faults(module, line, target, lazy)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("trio_http.wire._x", "from ..server import _y", "upwards"),
        ("trio_http.server._x", "from ..client._pool import Pool", "sideways"),
        ("trio_http.semantics._x", "from ..h1 import _state", "sideways"),
        ("trio_http.h1._x", "from ..semantics import Headers", "sideways"),
        ("trio_http.client._x", "import trio_http", "facade"),
        ("trio_http.client._x", "from .. import Request", "facade"),
        ("trio_http.server._x", "def f():\n    from ..wire import _y", "inside a function"),
        ("trio_http.server._x", "if TYPE_CHECKING:\n    from ..web import Router", "upwards"),
        ("trio_http.h1._x", "import trio", "trio line"),
        ("trio_http.semantics._x", "import idna", "trio line"),
        ("trio_http.messages._x", "import outcome", "no third party"),
        ("trio_http.server._x", "import trio_websocket", "only websocket"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, complaint: str) -> None:
    found = [
        fault
        for line, target, lazy in imports_of(source, module, is_package=False)
        for fault in faults(module, line, target, lazy)
    ]

    assert any(complaint in fault for fault in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("trio_http.h1._x", "from .._grammar import is_token"),
        ("trio_http.h1._x", "from .._errors import ProtocolError"),
        ("trio_http.server._x", "from ..wire._stream import HTTP1Stream"),
        ("trio_http.semantics._codings", "import zstandard"),
    ],
)
def test_an_allowed_import_passes(module: str, source: str) -> None:
    assert not [
        fault
        for line, target, lazy in imports_of(source, module, is_package=False)
        for fault in faults(module, line, target, lazy)
    ]
