"""The ``Vary`` field: which fields of a request an answer depends on, RFC 9110 section 12.5.5."""

from __future__ import annotations

from ..messages import Response

__all__ = ["vary"]


def vary(response: Response, *names: str) -> None:
    """Say that an answer depends on these fields, given in lower case; what is said already is not said again."""
    said = {name.strip().lower() for name in (response.headers.get("vary") or "").split(",")}
    if "*" not in said:
        for name in names:
            if name not in said:
                response.headers.add("vary", name)
