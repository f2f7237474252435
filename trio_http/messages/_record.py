"""Messages as plain data, for logs, queues and files: dictionaries that JSON can carry, there and back.

The body is part of it where it is in memory: ``"text"`` where it is UTF-8, else ``"base64"``; one that is still to be
read or produced is left out. Nothing here reads, so nothing here waits.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..semantics import SECRET_NAMES, Headers

__all__ = ["body_record", "field", "fields_record", "recorded_body", "recorded_fields"]

REDACTED = "[redacted]"


def fields_record(headers: Headers, *, redact: bool) -> Sequence[Sequence[str]]:
    """Return header fields as pairs of name and value, in their order.

    Args:
        headers: The fields.
        redact: Put ``"[redacted]"`` for the values of fields that carry credentials or cookies.
    """
    return [
        [raw.decode("latin-1"), REDACTED if redact and name in SECRET_NAMES else value.decode("latin-1")]
        for raw, name, value in headers.items_list
    ]


def body_record(data: bytes | None) -> Mapping[str, str]:
    """Return a body that is in memory as an entry of a record; nothing if there is none."""
    if not data:
        return {}
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def field(record: Mapping[str, Any], name: str, kind: type, default: object = None) -> Any:
    """Return an entry of a record, checked.

    Raises:
        ValueError: It is missing, or of another type.
    """
    value = record.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        found = "is missing" if name not in record else f"is {value!r:.60}"
        raise ValueError(f"{name!r} {found}; a record has a {kind.__name__} there")
    return value


def recorded_fields(record: Mapping[str, Any]) -> Headers:
    """Return the header fields of a record.

    Raises:
        ValueError: They are no list of pairs.
        LocalProtocolError: A name or value cannot be sent.
    """
    pairs = record.get("headers", [])
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes):
        raise ValueError(f"'headers' is {pairs!r:.60}; a record has a list of pairs there")
    checked: list[tuple[str, str]] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise ValueError(f"'headers' holds {pair!r:.60}; a record has pairs of name and value there")
        checked.append((pair[0], pair[1]))
    return Headers(checked)


def recorded_body(record: Mapping[str, Any]) -> bytes | None:
    """Return the body of a record; None if it has none.

    Raises:
        ValueError: It is not what :func:`body_record` writes.
    """
    if "text" in record:
        return str(field(record, "text", str)).encode()
    if "base64" in record:
        try:
            return base64.b64decode(field(record, "base64", str), validate=True)
        except binascii.Error as error:
            raise ValueError(f"'base64' is not base64: {error}") from error
    return None
