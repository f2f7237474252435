"""What a connection needs of its server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import trio

from .. import h1
from .._config import ServerLimits, ServerTimeouts
from ..messages import Handler, Request
from ..transport import Sweeper
from ..wire import HTTP1Stream, Timing
from ._admission import Admission
from ._hooks import Hooks
from ._instruments import Instrument, ServerStats
from ._monitor import Monitor
from ._proxy_headers import ProxyHeaders

if TYPE_CHECKING:
    from ._connection import ServerConnection

__all__ = ["Host"]


class Host(Protocol):
    """The server, as its connections see it."""

    plain: bool
    """True if a request needs nothing but its handler: no hooks, observers, limit of concurrency or time."""
    draining: bool
    """True once the server is shutting down: answers say ``Connection: close``."""
    keep_alive: bool
    """False if each answer ends its connection."""
    cancel_on_disconnect: bool
    """Whether handlers are cancelled when their client leaves."""
    half_close: bool
    """True if an end sent by a client only means that no more requests come."""
    decompress_request: bool
    """Whether content codings of request bodies are undone."""
    read_size: int
    """Bytes asked for at once."""
    scheme: str | None
    """What requests are told instead of the truth."""
    state: Mapping[str, Any]
    """What the lifespan provides."""

    @property
    def handler(self) -> Handler:
        """What answers."""
        ...

    @property
    def hooks(self) -> Hooks:
        """What else is called."""
        ...

    @property
    def instruments(self) -> list[Instrument]:
        """Who watches."""
        ...

    @property
    def proxy_headers(self) -> ProxyHeaders | None:
        """Which proxies are believed."""
        ...

    @property
    def timeouts(self) -> ServerTimeouts:
        """How long to wait for peers."""
        ...

    @property
    def limits(self) -> ServerLimits:
        """What to take from peers."""
        ...

    @property
    def h1_limits(self) -> h1.Limits:
        """Those of them that the core enforces."""
        ...

    @property
    def timing(self) -> Timing:
        """The timeouts as the wire takes them."""
        ...

    @property
    def sweeper(self) -> Sweeper:
        """Who watches the deadlines."""
        ...

    @property
    def admission(self) -> Admission:
        """The places for requests."""
        ...

    @property
    def monitor(self) -> Monitor:
        """Who sees to it that clients are watched."""
        ...

    @property
    def stats(self) -> ServerStats:
        """The counters."""
        ...

    @property
    def shutting_down(self) -> trio.Event:
        """Set when the server begins to shut down."""
        ...

    def closing(self, wire: HTTP1Stream) -> bool:
        """Tell whether a connection ends with the answer to its current request."""
        ...

    def fixed_lines(self) -> bytes:
        """The fields of every answer, each with its CRLF: Date and Server."""
        ...

    def fixed_items(self) -> Sequence[tuple[bytes, bytes, bytes]]:
        """The same as triples."""
        ...

    def came(self, connection: ServerConnection) -> None:
        """Know a connection that begins."""
        ...

    def left(self, connection: ServerConnection) -> None:
        """Know it no more: it has ended, and its transport is closed."""
        ...

    def take_over(self, connection: ServerConnection) -> bool:
        """Serve a connection that moves in a task of its own; False where there is no nursery for it."""
        ...

    def start_background(
        self, fn: Callable[..., Awaitable[object]], args: tuple[object, ...], request: Request | None
    ) -> None:
        """Run a function beside the connections."""
        ...
