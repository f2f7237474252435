"""Take a public name of the package away: who uses it from outside fails, while our own code goes on finding it.

How it works
------------
* ``serve``: a name of a public face. In every face it becomes a thing that raises whatever is done with it.
* ``Client.get``: an attribute, method or property of a class, or a member of an enum. Asking for it raises, unless the
  code that asks is ours.
* ``Server(backlog)``: an option. It is taken and forgotten, as if the default had been given. A timeout or a limit
  becomes None, for its default would prove the same as the option.
* ``Client.*(timeout)``: an option of a class and all its public methods.

There is no way back: do it in a process that ends afterwards, as ``tools/honest_marks.py`` does.
"""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any, NoReturn, final

import trio_http

PACKAGE = "trio_http"


class Removed(AttributeError, AssertionError):
    """Somebody has used a feature that is taken away."""


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


def load_everything() -> None:
    """Load all modules of the package."""
    for found in pkgutil.walk_packages(trio_http.__path__, f"{PACKAGE}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def faces() -> list[ModuleType]:
    """Return the public faces, with everything below them loaded."""
    load_everything()
    modules = [
        module
        for name, module in sys.modules.items()
        if name.startswith(f"{PACKAGE}.") and not any(part.startswith("_") for part in name.split("."))
    ]
    return [trio_http, *modules]


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
            for face in faces():
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
            for face in faces():
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
