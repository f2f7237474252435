"""What a message needs from the connection that carries it: one request and its answer, seen from below.

Implemented by the server's connection, by in-process clients and by adapters; messages never know which.
:class:`BareExchange` has an answer to everything for those who have nothing special to say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, final

import trio

from ..semantics import Headers
from ._body import BodySource

__all__ = ["Address", "BareExchange", "CancelReason", "Exchange", "NoExchange", "Serving", "TLSInfo", "Via"]

T = TypeVar("T")

Address = tuple[str, int] | str | None
CancelReason = Literal["client_gone", "timeout", "shutdown"]


class Via(NamedTuple):
    """Whom a request comes from and what it asked for, behind the proxies that are trusted."""

    ip: str
    """The address of the client, ``""`` where it has none."""
    scheme: str
    """``"http"`` or ``"https"``."""
    host: str
    """Host and port that were asked for, ``""`` where none was named."""


@final
@dataclass(frozen=True, slots=True)
class TLSInfo:
    """What the TLS handshake of a connection came to.

    Attributes:
        version: Such as ``"TLSv1.3"``.
        cipher: The name of the cipher suite.
        alpn: The protocol agreed on, None where none was.
        server_name: The name that the client asked for (SNI); None where it named none, or on a client.
        peer_certificate: The certificate of the other side as ``ssl.SSLSocket.getpeercert()`` describes it; empty
            where none was shown or asked for.
        peer_certificate_der: The same as bytes.
    """

    version: str
    cipher: str
    alpn: str | None
    peer_certificate: Mapping[str, Any]
    peer_certificate_der: bytes | None
    server_name: str | None = None


class Serving(Protocol):
    """The server behind a request, as handlers see it."""

    @property
    def shutting_down(self) -> trio.Event:
        """Set when the server begins to shut down: long answers should come to their end."""
        ...

    @property
    def draining(self) -> bool:
        """True from the lame-duck time before that on: load balancers should be told to look elsewhere."""
        ...


class Exchange(Protocol):
    """The host of one request and its answer."""

    @property
    def peer(self) -> Address:
        """The other side: (address, port), the path of a unix socket, or None where there is no address."""
        ...

    @property
    def local(self) -> Address:
        """Our side, in the same form."""
        ...

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        ...

    @property
    def tls(self) -> TLSInfo | None:
        """What TLS came to, None without it."""
        ...

    @property
    def server(self) -> Serving | None:
        """The server, None where there is none."""
        ...

    @property
    def state(self) -> Mapping[str, Any]:
        """What the lifespan of the server provides."""
        ...

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the handler has been cancelled by us; None as long as it has not."""
        ...

    def via(self, headers: Headers) -> Via:
        """Tell whom a request with these fields comes from, believing those proxies that are trusted."""
        ...

    def open_body(self) -> BodySource:
        """Return the source of the request's body; called at most once, when somebody first wants it."""
        ...

    def limit_body(self, limit: int | None) -> None:
        """Allow so many bytes of body for this request, instead of what the server allows."""
        ...

    def set_read_timeout(self, seconds: float | None) -> None:
        """Let this request's body stand still for so long, instead of what the server allows."""
        ...

    def set_cancel_on_disconnect(self, cancel: bool) -> None:
        """Say whether this handler is cancelled when its client leaves."""
        ...

    async def inform(self, status: int, headers: Headers) -> None:
        """Send an informational (1xx) response before the final one."""
        ...

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter a context that ends when the answer has been sent, or cannot be."""
        ...

    def background(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run a function after, and beyond, this exchange."""
        ...

    def shielded(self, seconds: float) -> AbstractContextManager[None]:
        """Protect a part of the handler from being cancelled, for so long at most."""
        ...


class BareExchange:
    """An exchange with nothing behind it; a base for those that have a little more."""

    __slots__ = ()
    peer: Address = None
    local: Address = None
    scheme: str = "http"
    tls: TLSInfo | None = None
    server: Serving | None = None
    state: Mapping[str, Any] = {}
    cancel_reason: CancelReason | None = None

    def via(self, headers: Headers) -> Via:
        """Tell the facts of the connection: nobody is trusted."""
        peer = self.peer
        return Via(peer[0] if isinstance(peer, tuple) else "", self.scheme, headers.get("host") or "")

    def open_body(self) -> BodySource:
        """There is none: such a request carries its content itself."""
        raise RuntimeError("a request without a connection has no body to receive")

    def limit_body(self, limit: int | None) -> None:
        """Do nothing: nobody is there to be kept in bounds."""

    def set_read_timeout(self, seconds: float | None) -> None:
        """Do nothing: there is nobody to wait for."""

    def set_cancel_on_disconnect(self, cancel: bool) -> None:
        """Do nothing: nobody can leave."""

    async def inform(self, status: int, headers: Headers) -> None:
        """There is nobody to inform."""
        raise RuntimeError(f"an informational response {status} needs a connection; this request has none")

    async def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """There is nobody who could leave it."""
        raise RuntimeError("request.enter() needs somebody who sends the answer; this request has no connection")

    def background(self, fn: Callable[..., Awaitable[object]], *args: object) -> None:
        """There is no nursery."""
        raise RuntimeError("request.background() needs a server; this request has none")

    def shielded(self, seconds: float) -> AbstractContextManager[None]:
        """Protect from everything for so long; nobody is here to lift the shield then, so the block ends with an error.

        Raises:
            trio.TooSlowError: When leaving the block, which was cancelled because its time was over.
        """
        return _Shielded(seconds)


@final
class NoExchange(BareExchange):
    """The exchange of a request that came over no connection: built by hand, in tests and for clients.

    Args:
        peer: Where it pretends to come from.
    """

    __slots__ = ("peer",)

    def __init__(self, peer: Address = None) -> None:
        self.peer: Address = peer


@final
class _Shielded:
    __slots__ = ("_scope", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._scope = trio.CancelScope(shield=True)

    def __enter__(self) -> None:
        self._scope.deadline = trio.current_time() + self._seconds
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        handled = self._scope.__exit__(kind, error, traceback)
        if self._scope.cancelled_caught:
            raise trio.TooSlowError(
                f"request.shielded({self._seconds:g}): the block took longer and was cancelled; without a server a "
                "shield cannot be lifted, so give it the time that the block needs"
            )
        return bool(handled)
