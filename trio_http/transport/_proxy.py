"""Ways through proxies: forwarded http requests, CONNECT tunnels, SOCKS 5; the proxy itself reached by TCP or TLS.

Each is a route: it opens connections and says who may share one. It sees no pool and no request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, final

import trio

from .. import h1
from .._errors import ConnectError, ProxyError, RemoteProtocolError
from ..semantics import (
    DigestCredentials,
    Headers,
    choose_digest_challenge,
    encode_basic_auth,
    parse_challenges,
)
from ._adopt import adopt
from ._connect import Network
from ._dial import Dial
from ._protocol import Transport, format_address
from ._route import Origin, Route
from ._socks import socks_connect
from ._tls import TLSOptions, start_tls

__all__ = ["Proxy", "route_through"]

_Ask = Callable[[trio.abc.Stream, Origin, "Proxy", Network], Awaitable[None]]
_HEAD = h1.Limits(head=64 * 1024, header_count=100)
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy.

    Attributes:
        host: Its host.
        port: Its port; None for the usual one of its scheme.
        scheme: How to speak to it: ``"http"``, ``"https"`` (over TLS), ``"socks5"`` (names are resolved here) or
            ``"socks5h"`` (names are resolved there).
        username: For authentication, of HTTP or of SOCKS.
        password: Likewise.
        auth: How they are told to an HTTP proxy: ``"basic"``, readable for whoever reads the connection, or
            ``"digest"`` (RFC 7616), asked for once for each nonce. With digest everything goes through tunnels,
            ``http://`` too, which some proxies allow for port 443 alone.
        headers: Further fields for it: of each CONNECT, and of each forwarded request.
        tls: How to verify an ``https`` proxy; None for as servers are.

    Raises:
        LocalProtocolError: User name, password or fields cannot be sent.
    """

    host: str
    port: int | None = None
    scheme: Literal["http", "https", "socks5", "socks5h"] = "http"
    username: str | None = None
    password: str | None = None
    auth: Literal["basic", "digest"] = "basic"
    headers: Mapping[str, str] | None = None
    tls: TLSOptions | None = None

    def __post_init__(self) -> None:
        if self.scheme not in _PORTS:
            raise ValueError(f"Proxy(scheme={self.scheme!r}): expected one of {', '.join(_PORTS)}")
        if self.auth not in {"basic", "digest"} or (
            self.auth == "digest" and (self._is_socks or self.username is None)
        ):
            raise ValueError(
                f"Proxy(auth={self.auth!r}): expected 'basic', or 'digest' for an HTTP proxy with a user name"
            )
        _ = self.fields  # a mistake in them is told here

    def __repr__(self) -> str:
        return f"<Proxy {self}>"

    def __str__(self) -> str:
        return f"{self.scheme}://{format_address(self.address)}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, _PORTS[self.scheme] if self.port is None else self.port

    @property
    def fields(self) -> tuple[tuple[bytes, bytes, bytes], ...]:
        """The fields that the proxy is to see."""
        fields = Headers()
        if self.username is not None and self.auth == "basic" and not self._is_socks:
            fields["Proxy-Authorization"] = encode_basic_auth(self.username, self.password or "")
        for name, value in (self.headers or {}).items():
            fields.add(name, value)  # checked here: they go on the wire as they are
        return tuple(fields.items_list)

    @property
    def always_tunnels(self) -> bool:
        """True if it never reads a request: a SOCKS proxy, and one that is told digests."""
        return self._is_socks or self.auth == "digest"

    @property
    def _is_socks(self) -> bool:
        return self.scheme in {"socks5", "socks5h"}


def route_through(proxy: Proxy, network: Network, tls: TLSOptions, *, tunnel: bool) -> Route:
    """Return the way to servers through a proxy.

    Args:
        proxy: The proxy.
        network: How to connect to it.
        tls: How to verify servers.
        tunnel: The proxy is to pass on bytes, not to read requests: for TLS, and for what leaves HTTP behind.
    """
    if proxy._is_socks:
        return TunnelRoute(proxy, network, tls, _ask_socks)
    if proxy.auth == "digest" and proxy.username is not None:
        return TunnelRoute(proxy, network, tls, _DigestAsk(proxy.username, proxy.password or ""))
    return TunnelRoute(proxy, network, tls, _ask_http) if tunnel else ForwardRoute(proxy, network, tls)


async def _reach(proxy: Proxy, network: Network, tls: TLSOptions, dial: Dial) -> trio.abc.Stream:
    """Connect to the proxy itself."""
    host, port = proxy.address
    try:
        stream = await dial.step("connect", f"connection to the proxy {proxy}", network.open_tcp, host, port, dial)
    except ConnectError as error:
        raise ProxyError(f"cannot connect to the proxy {proxy}: {error}") from error
    if proxy.scheme != "https":
        return stream
    how = replace(tls, fingerprint=None, server_hostname=None, client_cert=None) if proxy.tls is None else proxy.tls
    return await dial.step(
        "handshake", f"end of the TLS handshake with the proxy {proxy}", start_tls, stream, host, how
    )


@final
class ForwardRoute:
    """The proxy reads the requests and passes them on (RFC 9112 section 3.2.2); for plain http only."""

    __slots__ = ("_network", "_proxy", "_tls", "proxy_fields")

    absolute_form = True

    def __init__(self, proxy: Proxy, network: Network, tls: TLSOptions) -> None:
        self._proxy = proxy
        self._network = network
        self._tls = tls
        self.proxy_fields = proxy.fields

    def key(self, origin: Origin) -> Hashable:
        """Return the proxy: all origins share its connections."""
        return ("proxy", str(self._proxy))

    async def open(self, origin: Origin, dial: Dial) -> Transport:
        """Connect to the proxy."""
        return adopt(await _reach(self._proxy, self._network, self._tls, dial))


@final
class TunnelRoute:
    """The proxy passes on bytes, after the words that it wants to hear first.

    Args:
        proxy: The proxy.
        network: How to connect to it.
        tls: How to verify servers.
        ask: Says those words: over the stream, for the origin.
    """

    __slots__ = ("_ask", "_network", "_proxy", "_tls")

    absolute_form = False
    proxy_fields: tuple[tuple[bytes, bytes, bytes], ...] = ()

    def __init__(self, proxy: Proxy, network: Network, tls: TLSOptions, ask: _Ask) -> None:
        self._proxy = proxy
        self._network = network
        self._tls = tls
        self._ask = ask

    def key(self, origin: Origin) -> Hashable:
        """Return the proxy with the origin."""
        return (f"{origin} through {self._proxy}",)

    async def open(self, origin: Origin, dial: Dial) -> Transport:
        """Connect to the proxy, ask for the tunnel, and shake hands through it if it is to be TLS."""
        try:
            stream = await self._open_tunnel(origin, dial)
        except _AskAgain:
            stream = await self._open_tunnel(origin, dial)
        if not origin.is_tls:
            return adopt(stream)
        what = f"end of the TLS handshake with {format_address((origin.host, origin.port))}"
        return adopt(await dial.step("handshake", what, start_tls, stream, origin.host, self._tls))

    async def _open_tunnel(self, origin: Origin, dial: Dial) -> trio.abc.Stream:
        proxy = self._proxy
        stream = await _reach(proxy, self._network, self._tls, dial)
        try:
            await dial.step(
                "tunnel", f"tunnel through the proxy {proxy}", self._ask, stream, origin, proxy, self._network
            )
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream


class _AskAgain(ProxyError):
    """The proxy has said what it wants to hear: ask once more, over another connection."""


async def _ask_http(stream: trio.abc.Stream, origin: Origin, proxy: Proxy, network: Network) -> None:
    """Say CONNECT."""
    _check_answer(await _say_connect(stream, origin, proxy), origin, proxy)


@final
class _DigestAsk:
    """Says CONNECT with what a digest challenge wants to hear; of which the first one is asked for without.

    Args:
        username: The user name.
        password: The password.
    """

    __slots__ = ("_credentials", "_password", "_username")

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._credentials: DigestCredentials | None = None

    async def __call__(self, stream: trio.abc.Stream, origin: Origin, proxy: Proxy, network: Network) -> None:
        credentials = self._credentials
        fields = Headers()
        if credentials is not None:
            target = format_address((origin.host, origin.port))
            fields["Proxy-Authorization"] = credentials.authorize("CONNECT", target, b"")
        answer = await _say_connect(stream, origin, proxy, fields)
        if answer.status_code == 407:
            given = Headers.from_items(answer.headers.triples).get_list("proxy-authenticate")
            challenge = choose_digest_challenge(parse_challenges(given))
            if self._credentials is not credentials:
                raise _AskAgain(f"the proxy {proxy} wants another answer for each tunnel")  # somebody else was faster
            self._credentials = None
            if challenge is not None and (
                credentials is None or challenge.parameters.get("stale", "").lower() == "true"
            ):
                self._credentials = DigestCredentials(challenge, self._username, self._password)
                raise _AskAgain(f"the proxy {proxy} says again and again that its nonce is stale")
        _check_answer(answer, origin, proxy)


async def _say_connect(
    stream: trio.abc.Stream, origin: Origin, proxy: Proxy, more: Headers | None = None
) -> h1.Response:
    """Say CONNECT (RFC 9110 section 9.3.6), and return the answer; after 2xx the stream is the tunnel."""
    target = format_address((origin.host, origin.port)).encode("ascii")
    fields = [(b"Host", b"host", target), *proxy.fields, *(() if more is None else more.items_list)]
    core = h1.Connection(h1.CLIENT, strict=True, limits=_HEAD)
    request = h1.Request.trusted(b"CONNECT", target, h1.Headers(fields))
    try:
        await stream.send_all(core.send(request))
        while not isinstance(event := core.receive_head(), h1.Response | h1.ConnectionClosed):
            if event is h1.NEED_DATA:
                core.receive_data(bytes(await stream.receive_some(4096)))
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise ProxyError(f"the proxy {proxy} broke the connection: {error.__cause__ or error}") from error
    except RemoteProtocolError as error:
        raise ProxyError(f"the proxy {proxy} answered CONNECT with something else than HTTP: {error}") from error
    if not isinstance(event, h1.Response):
        raise ProxyError(f"the proxy {proxy} closed the connection without an answer to CONNECT")
    if 200 <= event.status_code < 300 and core.trailing_data[0]:
        raise ProxyError(f"the proxy {proxy} sent bytes of its own into the tunnel; it cannot be trusted")
    return event


def _check_answer(answer: h1.Response, origin: Origin, proxy: Proxy) -> None:
    """Raise a ProxyError unless the answer to CONNECT is a tunnel."""
    if not 200 <= answer.status_code < 300:
        reason = answer.reason.decode("latin-1")
        hint = ""
        if answer.status_code == 407 and proxy.username is None:
            hint = "; give it a user name and a password"
        elif answer.status_code == 407:
            hint = f" to {proxy.auth} authentication"
        where = format_address((origin.host, origin.port))
        raise ProxyError(f"the proxy {proxy} refused a tunnel to {where}: {answer.status_code} {reason}{hint}")


async def _ask_socks(stream: trio.abc.Stream, origin: Origin, proxy: Proxy, network: Network) -> None:
    """Say what SOCKS 5 wants to hear."""
    host, port = origin.host, origin.port
    if proxy.scheme == "socks5":  # names are resolved on our side, as the user's options say
        address = (await network.names.resolve(host, port))[0][3]
        host, port = str(address[0]), int(address[1])
    credentials = None if proxy.username is None else (proxy.username, proxy.password or "")
    await socks_connect(stream, host, port, proxy=str(proxy), credentials=credentials)
