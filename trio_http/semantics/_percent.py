"""Percent-encoding, RFC 3986 section 2.1: what may stand as it is in each part of a URL, and what is written as %XX.

Encoding never touches a valid ``%XX``, so that it may be applied to text that is encoded already: nothing is ever
encoded twice. Decoding reads UTF-8; what is none becomes U+FFFD.
"""

from __future__ import annotations

import re

__all__ = ["decode_percent", "encode_all", "encode_fragment", "encode_path", "encode_query", "encode_userinfo"]

# insides of character classes
UNRESERVED = r"A-Za-z0-9._~\-"
SUB_DELIMS = "!$&'()*+,;="
PATH_CHARACTERS = UNRESERVED + SUB_DELIMS + ":@/"
QUERY_CHARACTERS = PATH_CHARACTERS + "?"


def _others(allowed: str) -> re.Pattern[str]:
    """Match a stretch of characters that must be encoded, or one percent sign that begins no %XX."""
    return re.compile(rf"[^{allowed}%]+|%(?![0-9A-Fa-f]{{2}})")


_NOT_PATH = _others(PATH_CHARACTERS)
_NOT_QUERY = _others(QUERY_CHARACTERS)
_NOT_USERINFO = _others(UNRESERVED + SUB_DELIMS + ":")
_NOT_UNRESERVED = re.compile(rf"[^{UNRESERVED}]+")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")


def _encode_match(match: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8")])


def encode_path(text: str) -> str:
    """Encode what must not stand in a path; ``/`` may.

    Raises:
        UnicodeEncodeError: The text holds half of a surrogate pair. (All functions here.)
    """
    return _NOT_PATH.sub(_encode_match, text)


def encode_query(text: str) -> str:
    """Encode what must not stand in a query."""
    return _NOT_QUERY.sub(_encode_match, text)


encode_fragment = encode_query  # the same grammar


def encode_userinfo(text: str) -> str:
    """Encode what must not stand in the userinfo of an authority; ``:`` may."""
    return _NOT_USERINFO.sub(_encode_match, text)


def encode_all(text: str) -> str:
    """Encode everything but letters, digits and ``-._~``, percent signs too: for text that is not encoded yet."""
    return _NOT_UNRESERVED.sub(_encode_match, text)


def decode_percent(text: str) -> str:
    """Decode every ``%XX``; other percent signs stay as they are."""
    if "%" not in text:
        return text
    return _ENCODED.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode("utf-8", "surrogatepass")).decode(
        "utf-8", "replace"
    )
