"""Which content type belongs to the name of a file."""

from __future__ import annotations

import mimetypes

__all__ = ["content_type_of"]

# The system's tables differ from machine to machine: these do not.
_TYPES = mimetypes.MimeTypes()
for _extension, _kind in {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}.items():
    _TYPES.add_type(_kind, _extension)
_PACKED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/brotli",
}


def content_type_of(name: str) -> str:
    """Return the content type that belongs to the name of a file; ``application/octet-stream`` where none is known."""
    kind, packed = _TYPES.guess_type(name, strict=True)
    if packed is not None:
        return _PACKED.get(packed, "application/octet-stream")  # not what is in there: the file is sent as it is
    if kind is None:
        return "application/octet-stream"
    return kind + "; charset=utf-8" if kind.startswith("text/") else kind
