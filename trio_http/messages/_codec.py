"""How objects become bytes, and bytes objects: the codecs that requests and responses take."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Protocol, final
from uuid import UUID

__all__ = ["JSON", "Codec", "JsonCodec"]


class Codec(Protocol):
    """A way to write objects as bytes and to read them back."""

    @property
    def media_type(self) -> str:
        """The content type of what it writes."""
        ...

    def encode(self, obj: Any, /) -> bytes:
        """Write an object; TypeError if it cannot be written."""
        ...

    def decode(self, data: bytes, /) -> Any:
        """Read an object; ValueError if the bytes are none."""
        ...


@final
class JsonCodec:
    """JSON for more than plain objects.

    Dataclasses and whatever has ``to_dict()`` become objects; dates and times ISO 8601; enumerations their values;
    UUIDs, paths and decimals text; sets and tuples lists; bytes are refused.
    """

    __slots__ = ()
    media_type = "application/json"

    def encode(self, obj: Any, /) -> bytes:
        """Write an object."""
        return json.dumps(obj, default=_plain, separators=(",", ":"), ensure_ascii=False).encode()

    def decode(self, data: bytes, /) -> Any:
        """Read an object."""
        return json.loads(data)


JSON: Final = JsonCodec()
"""The codec used where none is given."""


def _plain(obj: Any) -> object:
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        # not asdict(): that copies deeply, and takes apart what knows better how to be written
        return {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj)}
    if isinstance(obj, datetime | date | time):
        return obj.isoformat()
    if isinstance(obj, Enum):
        return obj.value
    if isinstance(obj, UUID | Decimal | PurePath):
        return str(obj)
    if isinstance(obj, set | frozenset):
        return list(obj)
    to_dict = getattr(obj, "to_dict", None)
    if to_dict is not None:
        return to_dict()
    raise TypeError(f"an object of type {type(obj).__name__} is no JSON: give it to_dict(), or another codec")
