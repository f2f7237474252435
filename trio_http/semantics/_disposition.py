"""The ``Content-Disposition`` field of responses: RFC 6266."""

from __future__ import annotations

from typing import NamedTuple

from ._parameters import decode_extended, encode_extended, parse_parameters, quote_value

__all__ = ["ContentDisposition", "format_content_disposition", "parse_content_disposition"]


class ContentDisposition(NamedTuple):
    """How content is to be shown, and under which name it may be stored."""

    kind: str
    """``"inline"``, ``"attachment"`` or another token, in lower case; ``""`` if there is none."""
    filename: str | None
    """The last part of the path that was sent, as no peer chooses our directories; None if there is none."""


def parse_content_disposition(value: str) -> ContentDisposition:
    """Read the value of the field; ``filename*`` goes before ``filename``."""
    kind, _, rest = value.partition(";")
    parameters = dict(reversed(parse_parameters(rest)))
    filename = decode_extended(parameters.get("filename*", "")) or parameters.get("filename", "")
    filename = filename.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return ContentDisposition(kind.strip(" \t").lower(), filename if filename not in {"", ".", ".."} else None)


def format_content_disposition(kind: str, filename: str | None = None) -> str:
    """Return the value of the field; a name beyond ASCII is given twice, for old readers and for all others.

    Args:
        kind: ``"inline"`` or ``"attachment"``.
        filename: The name to store the content under; control characters in it become ``_``.
    """
    if filename is None:
        return kind
    plain = "".join([character if " " <= character <= "~" else "_" for character in filename])
    text = f"{kind}; filename={quote_value(plain, always=True)}"
    if not filename.isascii() or "%" in filename:  # some readers decode %XX in the plain form, none in the other
        text += f"; filename*={encode_extended(filename if filename.isprintable() else plain)}"
    return text
