"""JSON laid out for people, without changing what it says: numbers, escapes and repeated names stay as they are."""

from __future__ import annotations

import json
import re

__all__ = ["indent_json"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def indent_json(text: str, step: str = "  ") -> str | None:
    """Return JSON with a line for each value; None if it is none.

    Example:
        >>> print(indent_json('{"a":[1.50,{}],"a":null}'))
        {
          "a": [
            1.50,
            {}
          ],
          "a": null
        }
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    words = _TOKEN.findall(text)
    pieces: list[str] = []
    depth = 0
    for index, word in enumerate(words):
        if word in "{[":
            pieces.append(word)
            if index + 1 < len(words) and words[index + 1] not in "}]":
                depth += 1
                pieces.append("\n" + step * depth)
        elif word in "}]":
            if words[index - 1] not in "{[":
                depth -= 1
                pieces.append("\n" + step * depth)
            pieces.append(word)
        elif word == ",":
            pieces.append(",\n" + step * depth)
        elif word == ":":
            pieces.append(": ")
        else:
            pieces.append(word)
    return "".join(pieces)
