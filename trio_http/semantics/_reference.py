"""References taken apart into the components of a URL, and dot segments out of paths; RFC 3986.

Here is how a text is read; what the components of one URL must be to each other is in :mod:`._url`.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from ._authority import parse_authority, refuse
from ._percent import encode_fragment, encode_path, encode_query

__all__ = ["DEFAULT_PORTS", "checked", "parse_reference", "remove_dot_segments"]

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# RFC 3986 appendix B, with the scheme held to its grammar
_PARTS = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Parts: TypeAlias = tuple[str, str | None, str | None, int | None, str, str | None, str | None]
"""Scheme, userinfo, host, port, path, query and fragment; None where a part and its delimiter are not there."""


def parse_reference(text: str, *, base_scheme: str = "") -> Parts:
    """Cut a URL or a relative reference into its parts, each encoded.

    Args:
        text: The reference.
        base_scheme: The scheme of the URL it is relative to, whose rules about hosts it follows if it has none.

    Raises:
        InvalidURL: It is none, or could be read in two ways.
        TypeError: It is no str.
    """
    if not isinstance(text, str):
        raise TypeError(f"a URL must be a str, not {type(text).__name__}")
    checked(text)
    if text.endswith(" "):
        refuse(text, len(text) - 1, "it ends with a space; remove it")
    match = _PARTS.fullmatch(text)
    assert match is not None  # the expression matches every text
    scheme, authority, path, query, fragment = match.groups()
    userinfo = host = port = None
    if authority is not None:
        generic = (scheme or base_scheme).lower() not in DEFAULT_PORTS
        userinfo, host, port = parse_authority(text, match.start(2), match.end(2), generic=generic)
    elif scheme is None and ":" in path.partition("/")[0]:
        refuse(
            text, 0, "what stands before the first ':' is no scheme, such as http; write './' before a path with ':'"
        )
    return (
        (scheme or "").lower(),
        userinfo,
        host,
        port,
        encode_path(path),
        None if query is None else encode_query(query),
        None if fragment is None else encode_fragment(fragment),
    )


def checked(text: str) -> str:
    """Return the text.

    Raises:
        InvalidURL: It holds a control character, or half of a surrogate pair.
    """
    control = _CONTROL.search(text)
    if control is not None:
        refuse(text, control.start(), f"there is a control character, {control[0]!a}; remove it, or write it as %XX")
    return text


def remove_dot_segments(path: str) -> str:
    """Return the path without its ``.`` and ``..`` segments: RFC 3986 section 5.2.4, in one pass over them."""
    if "." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
            elif kept:
                kept[0] = ""  # nothing is above the first segment; what follows it begins with its slash
        elif segment != ".":
            kept.append(segment)
            continue
        if last and kept:
            kept.append("")
    return "/".join(kept)
