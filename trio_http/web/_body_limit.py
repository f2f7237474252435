"""How large a body a route takes: refused at once where its length is declared, else while it is read."""

from __future__ import annotations

from .._errors import StatusError
from ..messages import NoExchange, Request

__all__ = ["limit_body"]


def limit_body(request: Request, limit: int) -> None:
    """Take no more than ``limit`` bytes as the body of a request, and as many even where the server takes less.

    A body of unknown length is cut off by the connection while it is read; the answer is 413 as well.

    Raises:
        StatusError: 413, its declared length is larger; nothing of it has been read.
    """
    text = request.headers.get_bytes(b"content-length")
    length: int | None = None
    if text is not None and text.isdigit():  # the core has checked it on the wire; by hand anything may stand here
        length = int(text[:19])
    elif isinstance(request.exchange, NoExchange):
        length = request.content.length
    if length is not None and length > limit:
        raise StatusError(413, f"the body has {length} bytes; at most {limit} are allowed here")
    request.limit_body(limit)
