"""How large a body a route takes: refused at once where its length is declared, else while it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .._errors import BodyTooLarge, StatusError
from ..messages import Address, BodySource, CancelReason, Exchange, NoExchange, Request

if TYPE_CHECKING:
    from ..semantics import Headers

__all__ = ["limit_body"]


@final
class _TooLarge(BodyTooLarge, StatusError):
    """A body that turned out to be larger than its route takes; the peer's fault, so it is an answer as well."""

    def __init__(self, limit: int) -> None:
        StatusError.__init__(self, 413, f"the body is larger than the {limit} bytes allowed here")
        self.limit = limit


@final
class _LimitedSource:
    """A body source that stops at the limit."""

    __slots__ = ("_limit", "_received", "_source")

    def __init__(self, source: BodySource, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._received = 0

    @property
    def length(self) -> int | None:
        return self._source.length

    @property
    def trailers(self) -> Headers | None:
        return self._source.trailers

    async def receive_chunk(self) -> bytes:
        data = await self._source.receive_chunk()
        self._received += len(data)
        if self._received > self._limit:
            raise _TooLarge(self._limit)
        return data

    async def aclose(self) -> None:
        await self._source.aclose()


@final
class _LimitedExchange:
    """The exchange of a request, but for its body."""

    __slots__ = ("_exchange", "_limit")

    def __init__(self, exchange: Exchange, limit: int) -> None:
        self._exchange = exchange
        self._limit = limit

    @property
    def peer(self) -> Address:
        return self._exchange.peer

    @property
    def local(self) -> Address:
        return self._exchange.local

    @property
    def scheme(self) -> str:
        return self._exchange.scheme

    @property
    def cancel_reason(self) -> CancelReason | None:
        return self._exchange.cancel_reason

    def open_body(self) -> BodySource:
        return _LimitedSource(self._exchange.open_body(), self._limit)

    async def inform(self, status: int, headers: Headers) -> None:
        await self._exchange.inform(status, headers)

    def __getattr__(self, name: str) -> object:
        return getattr(self._exchange, name)  # what hosts offer beyond the protocol


def limit_body(request: Request, limit: int) -> None:
    """Take no more than ``limit`` bytes as the body of a request.

    Raises:
        StatusError: 413, its declared length is larger; nothing of it has been read.
    """
    text = request.headers.get_bytes(b"content-length")
    if text is not None:
        # the core has checked it on the wire; by hand anything may stand here
        if text.isdigit() and int(text[:19]) > limit:
            raise StatusError(413, f"the body has {text.decode()[:30]} bytes; at most {limit} are allowed here")
        return
    if isinstance(request.exchange, NoExchange):
        length = request.content.length
        if length is not None and length > limit:
            raise StatusError(413, f"the body has {length} bytes; at most {limit} are allowed here")
    else:
        request.exchange = _LimitedExchange(request.exchange, limit)
