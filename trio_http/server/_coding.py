"""Answers in the content coding that their client likes best."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterable, AsyncIterator
from typing import Self, final

from ..messages import Content, Producer, Request, Response, SendChunk
from ..semantics import ContentEncoder, Headers, available_codings, choose_coding

__all__ = ["compressed"]

_WORTH_IT = 256  # bytes; below that a coding makes answers longer rather than shorter; nginx: 20, Apache mod_brotli: 0
# the best first, among those that the client likes equally
_PREFERENCE = ("zstd", "br", "gzip", "deflate")


def compressed(request: Request, response: Response) -> Response:
    """Return a response in the coding that its client likes best, if it accepts one and the body is worth it.

    The response given stays as it is, because a handler may return one object again and again.

    A strong entity tag becomes a weak one, because other bytes have it now (RFC 9110 section 8.8.1), and ``Vary``
    tells caches what the choice depended on.
    """
    headers = response.headers
    if response.status in (204, 206, 304) or "content-encoding" in headers or "content-range" in headers:
        return response
    if "no-transform" in (headers.get("cache-control") or ""):
        return response
    response = copy.copy(response)
    response.headers = headers = headers.copy()
    _vary(headers)
    data = response.in_memory
    if data is not None and len(data) < _WORTH_IT:
        return response
    available = available_codings()
    offers = [*(coding for coding in _PREFERENCE if coding in available), "identity"]
    coding = choose_coding(request.headers.get("accept-encoding"), offers)
    if coding is None or coding == "identity":
        return response
    encoder = ContentEncoder(coding)
    if data is not None:
        response.replace_body(encoder.encode(data) + encoder.finish())
    else:
        content = response.outgoing
        response.replace_body(_pushing(content, encoder) if content.is_push else _Encoded(content, encoder))
    headers["content-encoding"] = coding
    headers.pop("content-length", None)
    tag = headers.get("etag")
    if tag is not None and not tag.startswith("W/"):
        headers["etag"] = "W/" + tag
    return response


def _vary(headers: Headers) -> None:
    vary = headers.get("vary")
    if vary is None:
        headers["vary"] = "Accept-Encoding"
    elif vary.strip() != "*" and "accept-encoding" not in vary.lower():
        headers["vary"] = f"{vary}, Accept-Encoding"


def _pushing(content: Content, encoder: ContentEncoder) -> Producer:
    async def produce(send: SendChunk) -> None:
        async def send_encoded(chunk: bytes) -> None:
            # flushed, because who pushes piece by piece wants each of them to arrive
            await send(encoder.encode(chunk) + encoder.flush())

        await content.send_to(send_encoded)
        await send(encoder.finish())

    return produce


@final
class _Encoded(AsyncIterable[bytes]):
    """A body that is pulled, encoded on the way."""

    def __init__(self, content: Content, encoder: ContentEncoder) -> None:
        self._content = content
        self._encoder = encoder
        self._iterator: AsyncIterator[bytes] | None = None
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        if self._iterator is None:
            self._iterator = self._content.take_iterator()
        try:
            piece = await anext(self._iterator)
        except StopAsyncIteration:
            self._over = True
            return self._encoder.finish()
        return self._encoder.encode(piece) + self._encoder.flush()

    async def aclose(self) -> None:
        """Close what the user gave."""
        await self._content.aclose_taken()
