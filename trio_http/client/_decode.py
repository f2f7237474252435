"""Undoing the content codings of responses, whole or as they come (RFC 9110 section 8.4)."""

from __future__ import annotations

from .._config import ClientLimits
from .._errors import BodyTooLarge, DecodingError
from ..messages import Response
from ..semantics import ContentDecoder, Headers, parse_content_encoding
from ._call import Call

__all__ = ["decode_whole", "decoder_for"]


def decoder_for(headers: Headers, limits: ClientLimits, max_output: int | None) -> ContentDecoder | None:
    """Return what undoes the codings of a body, and take them, and its length, out of the headers.

    The headers then fit what is read: they can be passed on with it.
    """
    codings = parse_content_encoding(headers.get("content-encoding"))
    if not codings:
        return None
    decoder = ContentDecoder(codings, max_output=max_output, max_ratio=limits.ratio)
    del headers["content-encoding"]
    headers.pop("content-length", None)
    return decoder


def decode_whole(response: Response, decoder: ContentDecoder, data: bytes, call: Call) -> None:
    try:
        decoder.feed(data)
        decoder.finish()
        response.replace_content(b"".join(iter(decoder.read, b"")))
    except DecodingError as error:
        raise DecodingError(f"{call}: {error}") from error
    except BodyTooLarge as error:
        raise BodyTooLarge(f"{call}: {error}", limit=error.limit) from error
