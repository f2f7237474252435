"""Finding the application: from ``module:name`` to a handler, whatever kind it is of."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ..server import Server
from ._parser import UsageError, suggestion

__all__ = ["Kind", "find_application", "kind_of"]

Kind = Literal["handler", "asgi", "wsgi"]


def find_application(target: str, *, factory: bool, app_dir: str) -> Any:
    """Import a module and get a name of it.

    Args:
        target: ``module:name``; the name may have dots.
        factory: Call what is there, and take what that returns.
        app_dir: The folder to look in first.

    Raises:
        UsageError: It is not to be had; the text says why and what to do.
    """
    module_name, colon, name = target.partition(":")
    if not colon or not module_name or not name:
        wrong = f"{target[:-3].replace('/', '.')}:app" if target.endswith(".py") else f"{module_name or 'module'}:app"
        raise UsageError(f"{target!r} does not say which object to serve: give MODULE:NAME, such as {wrong}")
    folder = str(Path(app_dir).resolve())
    if not Path(folder).is_dir():
        raise UsageError(f"--app-dir {app_dir}: there is no such folder")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = _import(module_name, folder)
    found: Any = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            hint = suggestion(part, [each for each in dir(found) if not each.startswith("_")])
            raise UsageError(
                f"{module_name} has no {name!r}{hint}: give the name of the handler or application"
            ) from None
    if not factory:
        return found
    if not callable(found):
        raise UsageError(f"{target} is not a function, so --factory cannot call it: leave --factory out")
    try:
        return found()
    except Exception as error:
        raise UsageError(f"--factory: {target}() failed: {_told(error)}; --debug shows the traceback") from error


def _import(name: str, folder: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise UsageError(
                f"there is no module {name!r} in {folder} or among what is installed: "
                "start in its folder, or name the folder with --app-dir"
            ) from error
        raise UsageError(f"importing {name} failed: {_told(error)}; is it installed in this environment?") from error
    except Exception as error:
        raise UsageError(f"importing {name} failed: {_told(error)}; --debug shows the traceback") from error


def _told(error: Exception) -> str:
    """One line about an exception: its kind, its text and where it was raised."""
    text = " ".join(str(error).split())
    where = ""
    if isinstance(error, SyntaxError) and error.filename is not None:
        text, where = error.msg, f" ({error.filename}, line {error.lineno})"
    elif frames := traceback.extract_tb(error.__traceback__):
        where = f" ({frames[-1].filename}, line {frames[-1].lineno})"
    return f"{type(error).__name__}: {text}{where}"


def kind_of(application: Any, target: str) -> Kind:
    """Tell the kind of an application by the parameters it takes.

    Raises:
        UsageError: It is nothing that can be served, or cannot be told.
    """
    if isinstance(application, Server):
        raise UsageError(f"{target} is a Server: give its handler, and what it was given as options")
    if not callable(application):
        kind = type(application).__name__
        raise UsageError(
            f"{target} is a {kind}, which cannot be called: give a handler, or an ASGI or WSGI application"
        )
    if inspect.isclass(application):
        raise UsageError(f"{target} is a class: give an instance of it, or --factory to have it made")
    count = _required_parameters(application)
    if count == 1:
        return "handler"
    if count == 3:
        return "asgi"
    if count == 2:
        return "wsgi"
    if count == 0:
        raise UsageError(f"{target} takes no parameters: if it makes the application, say --factory")
    raise UsageError(
        f"cannot tell what {target} is: a handler takes one parameter (request), an ASGI application three "
        "(scope, receive, send), a WSGI application two (environ, start_response); say --asgi or --wsgi"
    )


def _required_parameters(application: Callable[..., object]) -> int | None:
    """How many arguments it must be called with; None if it does not say."""
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for each in parameters if each.kind in positional and each.default is each.empty)
