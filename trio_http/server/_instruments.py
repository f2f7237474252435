"""Seeing what a server does: the protocol that observers follow, and what they are told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, final

from ..messages import Address, Request, Response, TLSInfo

__all__ = ["Connection", "Disconnect", "Instrument", "Reply", "ServerStats", "tell"]

log = logging.getLogger("trio_http.server")


class Connection(Protocol):
    """A connection of a server, as hooks and observers see it."""

    request: Request | None
    """The request being handled; None between two."""
    opened_at: float
    """When it was accepted, on trio's clock."""

    @property
    def peer(self) -> Address:
        """The other side."""
        ...

    @property
    def local(self) -> Address:
        """Our side."""
        ...

    @property
    def scheme(self) -> str:
        """``"https"`` over TLS, else ``"http"``."""
        ...

    @property
    def tls(self) -> TLSInfo | None:
        """What TLS came to, None without it."""
        ...

    @property
    def requests(self) -> int:
        """How many requests have come so far."""
        ...

    @property
    def bytes_sent(self) -> int:
        """Bytes given to the transport."""
        ...

    @property
    def socket(self) -> object:
        """The socket below, for socket options and credentials; None if there is none."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Disconnect:
    """How a connection ended.

    Attributes:
        peer: Who it was with.
        reason: ``"closed"`` (in good order), ``"idle"``, ``"head"`` (no complete request in time), ``"error"`` (the
            peer broke HTTP or the connection broke), ``"write_timeout"``, ``"client_gone"``, ``"timeout"``,
            ``"shutdown"`` or ``"cancelled"``.
        requests: How many requests it carried.
        seconds: How long it was open.
        bytes_sent: Bytes given to the transport.
    """

    peer: Address
    reason: str
    requests: int
    seconds: float
    bytes_sent: int


@final
@dataclass(frozen=True, slots=True)
class Reply:
    """How the answer to a request went.

    Attributes:
        status: The status code sent; 499 if the client had left before one was.
        bytes_sent: Bytes of the answer given to the transport, its head included.
        seconds: From the request's head to the end of the answer.
        complete: False if it was cut short.
        bytes_received: Bytes of the request's body that had come, read or thrown away; content codings not undone.
    """

    status: int
    bytes_sent: int
    seconds: float
    complete: bool
    bytes_received: int = 0


class Instrument(Protocol):
    """An observer of a server: inherit from this, and define what you want to see.

    All methods are synchronous and are called in the task concerned. One that raises is logged, and its instrument is
    called no more, as trio does with its own. A server without one pays nothing for it.
    """

    def connection_opened(self, connection: Connection) -> None:
        """A connection has been accepted, TLS done."""

    def connection_closed(self, connection: Connection, disconnect: Disconnect) -> None:
        """A connection has been closed."""

    def request_received(self, request: Request) -> None:
        """The head of a request has come; its handler is called next."""

    def request_answered(self, request: Request, response: Response | None, reply: Reply) -> None:
        """The exchange is over; ``response`` is None if there never was one."""

    def handler_failed(self, request: Request, error: Exception) -> None:
        """A handler raised."""


def tell(instruments: list[Instrument], report: Callable[[Instrument], None]) -> None:
    """Call a method of each observer; one that fails is taken out, and touches nothing else."""
    for instrument in instruments.copy():
        try:
            report(instrument)
        except Exception:
            log.exception("%r failed; it is called no more", instrument)
            instruments.remove(instrument)


@final
@dataclass(slots=True)
class ServerStats:
    """Counters of a server since it began.

    Attributes:
        connections: Connections accepted.
        requests: Requests whose handling has begun.
        errors: Handlers and hooks that failed.
        refused: Requests that were not HTTP, or passed a limit.
        clients_gone: Handlers cancelled because their client had left.
        turned_away: Requests answered 503 because too many were being handled and waited.
    """

    connections: int = field(default=0)
    requests: int = field(default=0)
    errors: int = field(default=0)
    refused: int = field(default=0)
    clients_gone: int = field(default=0)
    turned_away: int = field(default=0)
