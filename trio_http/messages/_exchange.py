"""What a message needs from the connection that carries it: one request and its answer, seen from below.

Implemented by the server's connection, by in-process clients and by adapters; messages never know which.
"""

from __future__ import annotations

from typing import Literal, Protocol

from ..semantics import Headers
from ._body import BodySource

__all__ = ["Address", "CancelReason", "Exchange", "NoExchange"]

Address = tuple[str, int] | str | None
CancelReason = Literal["client_gone", "timeout", "shutdown"]


class Exchange(Protocol):
    """The host of one request and its answer."""

    @property
    def peer(self) -> Address:
        """The other side: (address, port), the path of a unix socket, or None where there is no address."""

    @property
    def local(self) -> Address:
        """Our side, in the same form."""

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the handler has been cancelled by us; None as long as it has not."""

    def open_body(self) -> BodySource:
        """Return the source of the request's body; called at most once, when somebody first wants it."""

    async def inform(self, status: int, headers: Headers) -> None:
        """Send an informational (1xx) response before the final one."""


class NoExchange:
    """The exchange of a request that came over no connection: built by hand, in tests and for clients."""

    __slots__ = ()
    peer: Address = None
    local: Address = None
    scheme = "http"
    cancel_reason: CancelReason | None = None

    def open_body(self) -> BodySource:
        """There is none: such a request carries its content itself."""
        raise RuntimeError("a request without a connection has no body to receive")

    async def inform(self, status: int, headers: Headers) -> None:
        """There is nobody to inform."""
        raise RuntimeError(f"an informational response {status} needs a connection; this request has none")
