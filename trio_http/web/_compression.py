"""Middleware: answers compressed as the peer likes them, RFC 9110 section 12.5.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import trio

from ..messages import Content, Handler, Middleware, Request, Response, SendChunk
from ..semantics import ContentEncoder, MediaType, available_codings, choose_coding
from ._vary import vary

__all__ = ["compression"]

_SLICE = 64 * 1024  # bytes compressed before others get a turn: about 2 ms
_PREFERRED = ("zstd", "br", "gzip")  # the first is as small as the last and several times as quick


def compression(*, min_size: int = 1024, level: int | None = None, codings: Sequence[str] | None = None) -> Middleware:
    """Compress answers that are text or the like, if the peer accepts it.

    Left alone are answers that have a ``Content-Encoding`` or a ``Content-Range``, that say ``no-transform``, event
    streams, and what is compressed by nature. A strong ETag becomes a weak one. Do not use it where an answer holds a
    secret next to what the peer has sent (the BREACH attack).

    Args:
        min_size: Smaller ones are left alone, if their size is known.
        level: As :class:`ContentEncoder` takes it.
        codings: Which to offer, the preferred first; zstd and br (if their libraries are there) and gzip unless given.

    Raises:
        ValueError: A coding is not available here.
    """
    there = available_codings()
    offers = [coding for coding in _PREFERRED if coding in there] if codings is None else list(codings)
    unknown = [coding for coding in offers if coding not in there]
    if unknown:
        raise ValueError(f"no content coding {unknown[0]!r} here: expected some of {', '.join(there)}")

    def middleware(handler: Handler) -> Handler:
        async def compressed(request: Request) -> Response:
            response = await handler(request)
            if not _fits(response):
                return response
            vary(response, "accept-encoding")
            content = response.outgoing
            if content.data is not None and len(content.data) < min_size:
                return response
            coding = choose_coding(request.headers.get("accept-encoding"), [*offers, "identity"])
            if coding is None or coding == "identity":
                return response
            headers = response.headers
            headers["content-encoding"] = coding
            headers.pop("content-length", None)
            etag = headers.get("etag")
            if etag is not None and not etag.startswith("W/"):
                headers["etag"] = "W/" + etag
            encoder = ContentEncoder(coding, level=level)
            body = _Compressed(content, encoder) if content.data is None else await _whole(content.data, encoder)
            return Response(
                body,
                status=response.status,
                headers=headers,
                reason=response.reason,
                trailers=response.trailers_to_send,
            )

        return compressed

    return middleware


def _fits(response: Response) -> bool:
    headers = response.headers
    if response.status in {204, 206, 304} or "content-encoding" in headers or "content-range" in headers:
        return False
    if "no-transform" in (headers.get("cache-control") or "").lower():
        return False
    try:
        kind = MediaType.parse(headers.get("content-type") or "")
    except ValueError:
        return False
    if kind.essence == "text/event-stream":
        return False
    return kind.is_text or kind.essence in {"image/svg+xml", "application/wasm", "application/vnd.ms-fontobject"}


async def _whole(data: bytes, encoder: ContentEncoder) -> bytes:
    pieces = []
    for start in range(0, len(data), _SLICE):
        pieces.append(encoder.encode(data[start : start + _SLICE]))
        await trio.lowlevel.checkpoint()
    pieces.append(encoder.finish())
    return b"".join(pieces)


@final
class _Compressed:
    """A producer that compresses what another body gives, each piece at once: a stream stays one."""

    __slots__ = ("_content", "_encoder")

    def __init__(self, content: Content, encoder: ContentEncoder) -> None:
        self._content = content
        self._encoder = encoder

    async def __call__(self, send: SendChunk) -> None:
        encoder = self._encoder

        async def take(piece: bytes) -> None:
            for start in range(0, len(piece), _SLICE):
                data = encoder.encode(piece[start : start + _SLICE])
                if start + _SLICE >= len(piece):
                    data += encoder.flush()
                if data:
                    await send(data)
                else:
                    await trio.lowlevel.checkpoint()

        await self._content.send_to(take)
        await send(encoder.finish())

    async def aclose(self) -> None:
        await self._content.aclose()
