"""The ``Link`` field: RFC 8288."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ._parameters import decode_extended, format_parameters, parse_parameters

__all__ = ["Link", "format_links", "parse_links"]

# One link up to the comma behind it: a target in angle brackets, then anything, with commas in quotes only. Or what
# is no link, up to the next comma. No match begins with a separator and no target holds "<", or a long run of either
# would cost its square.
_ELEMENT = re.compile(r'<([^<>]*)>((?>[^,"]+|"(?>[^"\\]+|\\.)*(?:"|\\?\Z))*)|[^ \t,][^,]*', re.DOTALL)
_NOT_TARGET = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x7e]")


class Link(NamedTuple):
    """One link: where it points, and what it is to this resource."""

    target: str
    """A URL, or a reference relative to that of the message."""
    parameters: dict[str, str]
    """Names in lower case; of a repeated one the first; ``title*`` decoded, and then also the ``title``."""

    @property
    def rels(self) -> tuple[str, ...]:
        """The relation types, in lower case, such as ``("next",)``."""
        return tuple(self.parameters.get("rel", "").lower().split())


def parse_links(value: str | None) -> list[Link]:
    """Return the links of a field, in order; what is none is passed over."""
    links: list[Link] = []
    for match in _ELEMENT.finditer(value or ""):
        if match[1] is None:
            continue
        parameters: dict[str, str] = {}
        for name, parameter in parse_parameters(match[2]):
            parameters.setdefault(name, parameter)
        title = decode_extended(parameters["title*"]) if "title*" in parameters else None
        if title is not None:
            parameters["title"] = parameters["title*"] = title
        links.append(Link(match[1].strip(" \t"), parameters))
    return links


def format_links(links: Iterable[Link]) -> str:
    """Return the value of a field with these links.

    Raises:
        ValueError: A target holds a space, quote, angle bracket, control character or one beyond ASCII; or a
            parameter cannot be written.
    """
    parts: list[str] = []
    for link in links:
        wrong = _NOT_TARGET.search(link.target)
        if wrong is not None:
            raise ValueError(f"{wrong[0]!a} must not be in the target of a link; percent-encode it")
        parts.append(f"<{link.target}>{format_parameters(link.parameters.items())}")
    return ", ".join(parts)
