"""Lists, parameters and quoted strings: the grammar that the values of most fields share, RFC 9110 section 5.6.

Reading is lenient where there is one meaning (white space, empty elements) and takes linear time for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._grammar import FORBIDDEN_IN_VALUE
from ._percent import decode_percent

__all__ = [
    "decode_extended",
    "encode_extended",
    "format_parameters",
    "parse_parameters",
    "quote_value",
    "split_list",
    "unquote_value",
]

# Up to the next separator that is in no quoted string. Atomic groups: nothing is ever tried twice.
_OPEN = r'"(?>[^"\\]+|\\.)*'
_QUOTED = _OPEN + r'(?:"|\\?\Z)'
_ELEMENTS = {separator: re.compile(rf'(?>[^{separator}"]+|{_QUOTED})+', re.DOTALL) for separator in (",", ";")}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED_STRING = re.compile(_OPEN + '"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NOT_ATTRIBUTE = re.compile(r"[^!#$&+.^_`|~0-9A-Za-z-]")
_FORBIDDEN = re.compile(f"[{re.escape(FORBIDDEN_IN_VALUE.decode('latin-1'))}]")


def split_list(text: str, separator: str = ",") -> list[str]:
    """Return the elements of a list, white space removed, empty ones left out.

    Args:
        text: The value of a field.
        separator: ``","`` or ``";"``; inside a quoted string it separates nothing.
    """
    elements = _ELEMENTS[separator].findall(text) if '"' in text else text.split(separator)
    return [stripped for element in elements if (stripped := element.strip(" \t"))]


def parse_parameters(text: str) -> list[tuple[str, str]]:
    """Return ``a=b; c="d"`` as pairs, names in lower case, values without their quotes.

    A parameter without ``=`` has an empty value; one whose name is no token is left out.
    """
    parameters: list[tuple[str, str]] = []
    for element in split_list(text, ";"):
        name, _, value = element.partition("=")
        name = name.rstrip(" \t")
        if _TOKEN.fullmatch(name):
            parameters.append((name.lower(), unquote_value(value.lstrip(" \t"))))
    return parameters


def format_parameters(parameters: Iterable[tuple[str, str]]) -> str:
    """Return pairs as ``; a=b; c="d e"``, with the leading separator; the values quoted where they must be.

    Raises:
        ValueError: A name is no token, or a value holds a control character or one beyond latin-1.
    """
    text = ""
    for name, value in parameters:
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"{name!a} is no parameter name: expected letters, digits or any of !#$%&'*+-.^_`|~")
        text += f"; {name}={quote_value(value)}"
    return text


def unquote_value(text: str) -> str:
    """Return what a quoted string means; other text, unclosed quotes among it, as it is."""
    if text.startswith('"') and _QUOTED_STRING.fullmatch(text):
        text = text[1:-1]
        return _ESCAPE.sub(r"\1", text) if "\\" in text else text
    return text


def quote_value(text: str, *, always: bool = False) -> str:
    """Return a token as it is, and anything else as a quoted string.

    Args:
        text: What is to be said.
        always: Quote a token, too.

    Raises:
        ValueError: It holds a control character (but tab), or one beyond latin-1.
    """
    if not always and _TOKEN.fullmatch(text):
        return text
    wrong = _FORBIDDEN.search(text)
    if wrong is not None:
        raise ValueError(f"{wrong[0]!a} at position {wrong.start()} must not be in a quoted string; remove it")
    if not text.isascii():
        try:
            text.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ValueError(f"{text[error.start]!a} at position {error.start} is not latin-1") from None
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def decode_extended(text: str) -> str | None:
    """Return what an extended value such as ``UTF-8'en'%e2%82%ac`` means (RFC 8187), or None if it is none."""
    charset, quote, rest = text.partition("'")
    _, second, encoded = rest.partition("'")
    if not quote or not second or charset.lower() not in {"utf-8", "iso-8859-1"}:
        return None
    if charset.lower() == "utf-8":
        return decode_percent(encoded)
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), encoded)


def encode_extended(text: str) -> str:
    """Return any text as an extended value in UTF-8 (RFC 8187)."""
    return "UTF-8''" + _NOT_ATTRIBUTE.sub(
        lambda match: "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")]), text
    )
