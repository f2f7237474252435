"""What users may say of a client and of a single request; one place for the names, defaults and meanings."""

from __future__ import annotations

import difflib
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Literal, TypedDict, final

import trio

from .._config import ClientLimits, ClientTimeouts, chosen
from .._errors import InvalidURL
from .._version import __version__
from ..messages import ContentLike, Handler, Request, Response, check_handler
from ..semantics import URL, CookieJar, Headers, HeadersInput, QueryInput, QueryValue
from ..transport import NetworkOptions, Proxy, Resolver, SocketOption, TLSOptions
from ._auth import AuthInput
from ._multipart import FilesInput
from ._retry import Retry, retry_of
from ._trace import ClientInstrument

__all__ = [
    "FIXED",
    "ClientMiddleware",
    "ClientOptions",
    "HeaderHook",
    "RequestHook",
    "RequestOptions",
    "ResponseHook",
    "Settings",
]

FormInput = Mapping[str, QueryValue | Sequence[QueryValue]] | Sequence[tuple[str, QueryValue]]


RequestHook = Callable[[Request], Awaitable[None] | None]
ResponseHook = Callable[[Response], Awaitable[None] | None]
HeaderHook = Callable[[int, Headers], Awaitable[None] | None]
"""Told of a head that comes before the final one: ``(status, headers)``."""
ClientMiddleware = Callable[[Request, Handler], Awaitable[Response]]
"""``async def middleware(request, call)`` returns ``await call(request)``, or whatever response it likes."""


class RequestOptions(TypedDict, total=False):
    """The keywords of every request; what is not given comes from the client.

    Attributes:
        params: Query parameters to add to the URL's.
        headers: Fields; they replace the client's of the same name.
        content: The body: bytes, str, an async iterable of bytes (a memory channel too), or ``async def
            producer(send)``, which alone of the streamed ones can be sent again after a redirect or an error.
        json: An object to send as JSON.
        data: A form, sent as ``application/x-www-form-urlencoded``.
        cookies: Cookies for this request, besides the client's jar.
        auth: How to prove who we are; None for not at all.
        retry: When to try again: a :class:`Retry`, a number of attempts, or None for never.
        hedge: Seconds without an answer after which an idempotent request is sent once more, on another connection;
            the first answer counts. One in ten requests at most, beyond a reserve. None for never.
        decompress: Undo gzip, deflate, br and zstd.
        files: Files of a form, sent as ``multipart/form-data`` after the fields of ``data``: by name a content (bytes,
            text, a path, a file opened by trio, an async iterable) or ``(file name, content, content type)``.
        referer: The Referer field.
        timeout: Seconds for the whole request, or :class:`ClientTimeouts`; None for no limit on the whole.
        follow_redirects: Follow them (RFC 9110 section 15.4).
        max_redirects: How many.
        raise_for_status: Raise a StatusError for 4xx and 5xx.
        expect_continue: Ask the server before sending the body, and wait for its word so many seconds; True for one.
        progress: Called with ``(bytes sent, bytes in all or None)`` after each piece of the body.
        on_informational: Called, or awaited, with ``(status, headers)`` of each 1xx response.
        max_body: The most bytes of a body that is read whole; None for no cap.
        if_modified_since: Ask for the content only if it is newer: a datetime, or seconds since 1970.
        if_none_match: Ask for the content only if its entity tag is another.
        allow_nonstandard_methods: Take any token as a method.
    """

    params: QueryInput | None
    headers: HeadersInput | None
    content: ContentLike
    json: object
    data: FormInput | None
    files: FilesInput | None
    cookies: Mapping[str, str] | None
    auth: AuthInput | None
    retry: Retry | int | None
    hedge: float | None
    decompress: bool
    referer: str | None
    timeout: float | ClientTimeouts | None
    follow_redirects: bool
    max_redirects: int
    raise_for_status: bool
    expect_continue: bool | float
    progress: Callable[[int, int | None], object] | None
    on_informational: HeaderHook | None
    max_body: int | None
    if_modified_since: datetime | float | None
    if_none_match: str | None
    allow_nonstandard_methods: bool


class ClientOptions(TypedDict, total=False):
    """The keywords of a client; see :class:`Settings`."""

    base_url: str | URL | None
    headers: HeadersInput | None
    params: QueryInput | None
    timeout: float | ClientTimeouts | None
    limits: ClientLimits
    follow_redirects: bool
    max_redirects: int | None
    raise_for_status: bool
    expect_continue: bool | float
    user_agent: str
    referer: str | None
    allow_nonstandard_methods: bool
    cookies: CookieJar | Mapping[str, str] | Literal[False] | None
    auth: AuthInput | None
    retry: Retry | int | None
    hedge: float | None
    decompress: bool
    middleware: Sequence[ClientMiddleware]
    on_request: Sequence[RequestHook]
    on_response: Sequence[ResponseHook]
    instruments: Sequence[ClientInstrument]
    app: Handler | None
    mounts: Mapping[str, Handler]
    ssl_context: ssl.SSLContext | None
    verify: bool
    check_hostname: bool
    ca_certs: str | None
    client_cert: str | tuple[str, ...] | None
    fingerprint: str | None
    server_hostname: str | None
    local_address: str | None
    interface: str | None
    family: int
    allow_ipv6: bool
    socket_options: Sequence[SocketOption]
    happy_eyeballs_delay: float
    resolver: Resolver | None
    hosts: Mapping[str, str]
    dns_ttl: float | None
    prepare: Callable[[trio.socket.SocketType], object] | None
    uds: str | None
    proxy: str | Proxy | None
    trust_env: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a client behaves.

    Attributes:
        base_url: What relative URLs are appended to: ``http://h/api`` and ``/user`` give ``http://h/api/user``.
        headers: Fields of every request.
        params: Query parameters of every request.
        timeout: Seconds for each request in all, or :class:`ClientTimeouts`.
        limits: How much to use, and to take.
        follow_redirects: Follow redirects.
        max_redirects: At most so many; None for ``limits.redirects``.
        raise_for_status: Raise a StatusError for 4xx and 5xx.
        expect_continue: Ask servers before sending bodies; True or seconds to wait.
        user_agent: The User-Agent field.
        referer: The Referer field.
        allow_nonstandard_methods: Take any token as a method, not only those that are registered.
        cookies: A jar to use, or cookies to send everywhere; by default a new jar keeps what servers set. False to keep
            none.
        auth: How to prove who we are: ``(user, password)``, a :class:`BasicAuth`, :class:`DigestAuth`,
            :class:`AnyAuth`, :class:`BearerAuth`, :class:`NetrcAuth`, an async function that adds fields, or how to
            tell the user and password of URLs: ``"basic"`` (as without this), ``"digest"`` or ``"any"``.
        retry: When to try again: a :class:`Retry`, a number of attempts, or None for never.
        hedge: Seconds without an answer after which an idempotent request is sent once more, on another connection;
            the first answer counts. One in ten requests at most, beyond a reserve. None for never.
        decompress: Ask for gzip, deflate, br and zstd as available here, and undo them.
        middleware: ``async def f(request, call)``, the first one outermost; around everything, once a request.
        on_request: Called, or awaited, with the request before each attempt.
        on_response: Called, or awaited, with each response's head, redirects and retries included.
        instruments: Told of each phase of each attempt as it happens; see :class:`ClientInstrument`.
        app: A handler in this process that gets all requests.
        mounts: Handlers in this process by origin, such as ``{"http://api.test": handler}``.
        ssl_context, verify, check_hostname, ca_certs, client_cert, fingerprint, server_hostname: See
            :class:`~trio_http.transport.TLSOptions`.
        local_address, interface, family, socket_options, happy_eyeballs_delay, resolver, hosts, dns_ttl, prepare: See
            :class:`~trio_http.transport.NetworkOptions`.
        allow_ipv6: False to connect over IPv4 only.
        proxy: A proxy for everything, as ``"http://user:password@host:3128"`` (also ``https``, ``socks5``, ``socks5h``)
            or a :class:`~trio_http.transport.Proxy`.
        trust_env: Let HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY of the environment count.
        uds: The path of a unix socket to connect to, whatever the URL's host.
    """

    base_url: str | URL | None = None
    headers: HeadersInput | None = None
    params: QueryInput | None = None
    timeout: float | ClientTimeouts | None = None
    limits: ClientLimits = field(default_factory=ClientLimits)
    follow_redirects: bool = True
    max_redirects: int | None = None
    raise_for_status: bool = False
    expect_continue: bool | float = False
    user_agent: str = f"trio_http/{__version__}"
    referer: str | None = None
    allow_nonstandard_methods: bool = False
    cookies: CookieJar | Mapping[str, str] | Literal[False] | None = None
    auth: AuthInput | None = None
    retry: Retry | int | None = None
    hedge: float | None = None
    decompress: bool = True
    middleware: Sequence[ClientMiddleware] = ()
    on_request: Sequence[RequestHook] = ()
    on_response: Sequence[ResponseHook] = ()
    instruments: Sequence[ClientInstrument] = ()
    app: Handler | None = None
    mounts: Mapping[str, Handler] = field(default_factory=dict)
    ssl_context: ssl.SSLContext | None = None
    verify: bool = True
    check_hostname: bool = True
    ca_certs: str | None = None
    client_cert: str | tuple[str, ...] | None = None
    fingerprint: str | None = None
    server_hostname: str | None = None
    local_address: str | None = None
    interface: str | None = None
    family: int = socket.AF_UNSPEC
    allow_ipv6: bool = True
    socket_options: Sequence[SocketOption] = ()
    happy_eyeballs_delay: float = 0.25
    resolver: Resolver | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    dns_ttl: float | None = 10.0
    prepare: Callable[[trio.socket.SocketType], object] | None = None
    uds: str | None = None
    proxy: str | Proxy | None = None
    trust_env: bool = True

    def __post_init__(self) -> None:
        for name in ("verify", "check_hostname"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(
                    f"{name}= is True or False, not {type(getattr(self, name)).__name__}: a file of certificates to "
                    "trust goes as ca_certs=, a context as ssl_context="
                )
        for name in ("local_address", "fingerprint"):
            value, check = getattr(self, name), _CHECKS[name]
            if value is not None and not check(value):
                raise ValueError(f"{name}={value!r} makes no sense: give {_WANTED[name]}")
        for name in ("hedge", "dns_ttl"):
            if getattr(self, name) is not None:
                check_seconds(name, getattr(self, name))
        check_count("max_redirects", self.max_redirects)
        for name, app in (("app", self.app), *((f"mounts[{origin!r}]", app) for origin, app in self.mounts.items())):
            if app is not None:
                check_handler(app, f"{name}=")
        for origin in self.mounts:
            if URL(origin).scheme not in {"http", "https"}:
                raise InvalidURL(f"mounts={{{origin!r}: ...}}: an origin is wanted, such as 'http://{origin}'")
        retry_of(self.retry)
        chosen(ClientLimits, self.limits, "limits")
        for name in ("middleware", "on_request", "on_response", "instruments"):
            if not isinstance(getattr(self, name), Sequence):
                raise TypeError(f"{name}={getattr(self, name)!r}: expected a list of them")
        context: object = self.ssl_context
        if context is not None and not isinstance(context, ssl.SSLContext):
            raise TypeError(
                f"ssl_context={context!r}: expected an ssl.SSLContext; files go as ca_certs= or client_cert="
            )

    @property
    def tls(self) -> TLSOptions:
        """How servers are verified."""
        return TLSOptions(**{each.name: getattr(self, each.name) for each in fields(TLSOptions)})

    @property
    def network(self) -> NetworkOptions:
        """How connections are made."""
        options = NetworkOptions(**{each.name: getattr(self, each.name) for each in fields(NetworkOptions)})
        return options if self.allow_ipv6 else replace(options, family=socket.AF_INET)

    @property
    def timeouts(self) -> ClientTimeouts:
        """The deadlines."""
        if isinstance(self.timeout, ClientTimeouts):
            return self.timeout
        return _DEFAULT if self.timeout is None else _DEFAULT.replace(total=self.timeout)


def check_seconds(name: str, value: object) -> float:
    """Return a number of seconds.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{name}={value!r} makes no sense: give seconds as a number of at least 0, or None")
    return float(value)


def check_count(name: str, value: int | None) -> int | None:
    """Return a count.

    Raises:
        ValueError: It is none.
    """
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{name}={value!r} makes no sense: give a whole number of at least 0, or None for no limit")
    return value


def _is_address(value: object) -> bool:
    try:
        ipaddress.ip_address(str(value).partition("%")[0])
    except ValueError:
        return False
    return True


_CHECKS: dict[str, Callable[[object], bool]] = {
    "local_address": _is_address,
    "fingerprint": lambda value: re.fullmatch(r"[0-9a-fA-F]{64}", str(value).replace(":", "")) is not None,
}
_WANTED = {
    "local_address": "an IP address of this machine",
    "fingerprint": "the SHA-256 of the certificate: 64 hexadecimal digits, colons allowed",
}

_DEFAULT = ClientTimeouts()

FIXED = frozenset(
    {
        "allow_ipv6",
        "app",
        "instruments",
        "limits",
        "mounts",
        "proxy",
        "trust_env",
        "uds",
        *(each.name for each in fields(TLSOptions)),
        *(each.name for each in fields(NetworkOptions)),
    }
)
"""What belongs to the connections, and so to all clients that share them."""

_ELSEWHERE = {  # what other libraries call it, where no likeness of letters tells
    "body": "it is content=, for bytes, text and streams; json= for objects",
    "allow_redirects": "it is follow_redirects=",
    "stream": "say `async with client.stream(method, url) as response`",
}
REQUEST_OPTIONS = frozenset(RequestOptions.__optional_keys__)
_CLIENT_OPTIONS = frozenset(ClientOptions.__optional_keys__)


def check_client_options(options: Iterable[str]) -> None:
    """Raise a TypeError for the first word that is no option of a client."""
    for name in options:
        if name not in _CLIENT_OPTIONS:
            near = difflib.get_close_matches(name, _CLIENT_OPTIONS, 1)
            hint = f"did you mean {near[0]}=?" if near else "see trio_http.client.Settings for all of them"
            raise TypeError(f"Client() has no option {name}=; {hint}")


def unknown_request_option(options: Iterable[str]) -> TypeError:
    """Return the error for words of which one at least is no option of a request."""
    name = next(name for name in options if name not in REQUEST_OPTIONS)
    if name in _CLIENT_OPTIONS:
        return TypeError(f"{name}= is no option of a single request but of a client: say Client({name}=...)")
    near = difflib.get_close_matches(name, REQUEST_OPTIONS, 1)
    hint = f"did you mean {near[0]}=?" if near else "see trio_http.client.RequestOptions for all of them"
    hint = _ELSEWHERE.get(name, hint)
    return TypeError(f"a request has no option {name}=; {hint}")
