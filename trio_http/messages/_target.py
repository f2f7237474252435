"""Request targets: the path in each of their forms, and its percent-decoding."""

from __future__ import annotations

__all__ = ["path_of_absolute", "unquote_path"]


def unquote_path(raw: str) -> str:
    """Percent-decode a path; a ``%`` that is no escape stays as it is."""
    head, *rest = raw.encode("latin-1").split(b"%")
    out = [head]
    for piece in rest:
        byte = _HEX.get(piece[:2])
        if byte is None:
            out += (b"%", piece)
        else:
            out += (byte, piece[2:])
    return b"".join(out).decode("utf-8", "replace")


_HEX = {
    f"{a}{b}".encode(): bytes([int(f"{a}{b}", 16)]) for a in "0123456789abcdefABCDEF" for b in "0123456789abcdefABCDEF"
}


def path_of_absolute(target: bytes) -> bytes:
    """Return path and query of an absolute-form target (RFC 9112 section 3.2.2); ``b""`` for the other forms."""
    scheme, colon, rest = target.partition(b"://")
    if not colon or not scheme.isalnum():
        return b""
    slash = rest.find(b"/")
    query = rest.find(b"?")
    if slash < 0 or 0 <= query < slash:
        return b"/" + rest[query:] if query >= 0 else b"/"
    return rest[slash:]
