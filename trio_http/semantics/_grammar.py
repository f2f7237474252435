"""The grammar of names and values: RFC 9110 section 5 and RFC 9112, for bytes and for str.

The core (``h1``) and everybody above check names and values here, so that there is one opinion of what is valid.
Checks are one C call each (``translate`` deletes the allowed bytes: what is left is forbidden), because they run for
every field of every message.
"""

from __future__ import annotations

__all__ = ["FORBIDDEN_IN_VALUE", "TOKEN_BYTES", "is_field_value", "is_token", "lower_name"]

# RFC 9110 section 5.6.2: tchar
TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# RFC 9110 section 5.5: visible ASCII, space, tab and obs-text
VALUE_BYTES = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
FORBIDDEN_IN_VALUE = bytes(byte for byte in range(256) if byte not in VALUE_BYTES)

# Spellings of field names seen before, each valid, with its lower case. Bounded, so that a peer cannot grow it; the
# names of the world are few, so a miss is rare. One dictionary look-up replaces a check and a `lower()`.
_SEEN_MAX = 2048
_SEEN_LENGTH_MAX = 64
_seen: dict[bytes, bytes] = {}


def is_token(value: bytes) -> bool:
    """Tell whether ``value`` is a token: a method, a field name, the name of a coding."""
    return bool(value) and not value.translate(None, TOKEN_BYTES)


def is_field_value(value: bytes) -> bool:
    """Tell whether ``value`` may stand in a field: no control bytes but tab, no space or tab at either end."""
    return not value.translate(None, VALUE_BYTES) and value.strip(b" \t") == value


def lower_name(name: bytes) -> bytes | None:
    """Return the field name in lower case, or None if it is no token."""
    lower = _seen.get(name)
    if lower is None and is_token(name):
        lower = name.lower()
        if len(_seen) < _SEEN_MAX and len(name) <= _SEEN_LENGTH_MAX:
            _seen[name] = lower
    return lower
