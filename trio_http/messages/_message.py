"""A body as an object of a given type, and in words what does not fit and where."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from .._errors import StatusError
from ..semantics import MediaType
from ._codec import JSON, Codec

__all__ = ["check_content_type", "decode_message"]

T = TypeVar("T")


class _Misfit(Exception):
    """Something does not fit; the text says where."""


def check_content_type(declared: str | None, codec: Codec) -> None:
    """Refuse a body that says it is something else than what the codec reads; one that says nothing may be it.

    Raises:
        StatusError: 415.
    """
    if declared is None:
        return
    try:
        kind = MediaType.parse(declared)
    except ValueError as error:
        raise StatusError(415, str(error)) from None
    if kind.essence != codec.media_type and not (codec is JSON and kind.is_json):
        raise StatusError(415, f"the body is {kind.essence}; expected {codec.media_type}")


def decode_message(data: bytes, cls: type[T], codec: Codec) -> T:
    """Return the bytes of a body as an object; see :meth:`Request.message`.

    Raises:
        StatusError: 400, the bytes are not what the codec reads; 422, the object does not fit.
    """
    try:
        value = codec.decode(data)
    except (ValueError, RecursionError) as error:
        raise StatusError(400, f"the body is no {codec.media_type}: {error}") from error
    try:
        result: T = _fit(value, cls, "")
    except _Misfit as error:
        raise StatusError(422, str(error)) from None
    except RecursionError:
        raise StatusError(422, f"the body is nested too deeply for a {getattr(cls, '__name__', cls)}") from None
    return result


def _fit(value: Any, wanted: Any, where: str) -> Any:
    # One branch for each kind of type; whoever needs more gives the class a from_dict().
    if wanted is Any or wanted is object:
        return value
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return _fit_dataclass(value, wanted, where)
    from_dict = getattr(wanted, "from_dict", None)
    if from_dict is not None:
        return _made(from_dict, _of(value, Mapping, "an object", where), where)
    origin = get_origin(wanted)
    if origin in {Union, types.UnionType}:
        return _fit_union(value, wanted, where)
    if origin in {list, set, frozenset, tuple, Sequence} or wanted in {list, set, frozenset, tuple}:
        items = _of(value, list, "a list", where)
        kinds = _kinds_of_items(wanted, len(items), where)
        made = [
            _fit(item, kind, f"{where}[{number}]") for number, (item, kind) in enumerate(zip(items, kinds, strict=True))
        ]
        return made if origin in {list, Sequence} or wanted is list else (origin or wanted)(made)
    if origin in {dict, Mapping} or wanted is dict:
        members = _of(value, Mapping, "an object", where)
        _, inner = get_args(wanted) or (str, Any)
        return {key: _fit(item, inner, f"{where}.{key}"[:200]) for key, item in members.items()}
    if wanted is None or wanted is type(None):
        return _of(value, type(None), "null", where)
    if wanted is bool:
        return _of(value, bool, "true or false", where)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted in {int, float}:
        return _of(value, wanted, "a number" if wanted is float else "a whole number", where)
    if wanted is str:
        return _of(value, str, "a text", where)
    if wanted is datetime or wanted is date:
        return _made(wanted.fromisoformat, _of(value, str, "a date as text", where), where)
    if isinstance(wanted, type) and issubclass(wanted, Enum | UUID):
        return _made(wanted, value if issubclass(wanted, Enum) else _of(value, str, "a UUID as text", where), where)
    if isinstance(wanted, type) and isinstance(value, wanted) and not isinstance(value, bool):
        return value
    raise _misfit(value, getattr(wanted, "__name__", str(wanted)), where)


def _kinds_of_items(wanted: Any, count: int, where: str) -> Sequence[Any]:
    """Return the type of each of so many items of a list, set or tuple."""
    kinds = get_args(wanted)
    if get_origin(wanted) is not tuple or kinds[-1:] == (...,):
        return [kinds[0] if kinds else Any] * count
    if len(kinds) != count:
        raise _Misfit(f"{where or 'the body'} has {count} elements; expected {len(kinds)}")
    return kinds


@lru_cache(maxsize=256)  # lists have many items of one class, and its hints take longer than the rest together
def _hints_and_fields(cls: Any) -> tuple[Mapping[str, Any], Mapping[str, dataclasses.Field[Any]]]:
    return get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls) if field.init}


def _fit_dataclass(value: Any, wanted: type, where: str) -> Any:
    members = _of(value, Mapping, "an object", where)
    hints, fields = _hints_and_fields(wanted)
    unknown = [name for name in members if name not in fields]
    if unknown:
        known = ", ".join(fields)
        raise _Misfit(f"{f'{where}.{unknown[0]}'[:200]} is not expected here; these are: {known}")
    missing = [
        name
        for name, field in fields.items()
        if name not in members and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise _Misfit(f"{where or 'the body'} lacks {', '.join(missing)}")
    values = {name: _fit(item, hints[name], f"{where}.{name}") for name, item in members.items()}
    return _made(lambda given: wanted(**given), values, where)


def _fit_union(value: Any, wanted: Any, where: str) -> Any:
    choices = get_args(wanted)
    complaint = None
    for choice in choices:
        try:
            return _fit(value, choice, where)
        except _Misfit as error:
            # of a type or None the complaint of the type says more
            complaint = error if choice is not type(None) else complaint
    if complaint is not None and len([choice for choice in choices if choice is not type(None)]) == 1:
        raise complaint
    raise _misfit(value, " or ".join([getattr(choice, "__name__", str(choice)) for choice in choices]), where)


def _of(value: Any, wanted: type, name: str, where: str) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise _misfit(value, name, where)
    return value


def _made(make: Any, value: Any, where: str) -> Any:
    try:
        return make(value)
    except (ValueError, TypeError) as error:
        raise _Misfit(f"{where or 'the body'} is not valid: {error}") from None


def _misfit(value: Any, name: str, where: str) -> _Misfit:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    found = names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
    return _Misfit(f"{where or 'the body'} is {found}; expected {name}")
