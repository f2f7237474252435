"""One request on its way: what to send, where to, and by when; made anew for each redirect."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Hashable
from typing import final

import trio

from .. import h1
from .._config import ClientLimits, ClientTimeouts
from ..messages import BareExchange, Content, Handler, Request
from ..semantics import URL, HeaderItem, Headers
from ..transport import Origin, Route
from ..wire import Timing

__all__ = ["Asking", "Call", "Destination", "Terms"]

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})  # RFC 9110 section 9.2.2


@final
class Destination:
    """Everything that follows from a URL and the client's options; kept, because the same URLs come again.

    Attributes:
        url: The URL.
        origin: Its origin.
        route: The way there.
        key: What connections for it are pooled by.
        host: The Host field.
        target: The target as it goes into the request line.
        fields: Further fields that the way there asks for.
        plain: Requests as they go on the wire, by method, that have nothing but the client's own fields.
        has_secret: True if the URL names a user, perhaps with a password.
        app: A handler in this process that answers instead.
    """

    __slots__ = ("app", "fields", "has_secret", "host", "key", "origin", "plain", "route", "target", "url")

    def __init__(self, url: URL, origin: Origin, route: Route, app: Handler | None = None) -> None:
        self.url = url
        self.app = app
        self.has_secret = url.username is not None
        self.plain: dict[str, bytes] = {}
        self.origin = origin
        self.route = route
        self.key: Hashable = route.key(origin)
        self.host: HeaderItem = (b"Host", b"host", url.authority.encode("ascii"))
        self.target = url.target
        self.fields = route.proxy_fields
        if route.absolute_form:
            self.target = f"{url.scheme}://{url.authority}".encode() + url.target


@final
class Terms:
    """Deadlines and limits, in the forms in which the floors below want them; shared by many requests."""

    __slots__ = ("h1_limits", "timeouts", "timing")

    def __init__(self, timeouts: ClientTimeouts, limits: ClientLimits) -> None:
        self.timeouts = timeouts
        self.timing = Timing("ClientTimeouts", read=timeouts.read, write=timeouts.write)
        self.h1_limits = h1.Limits(target=None, head=limits.head, header_count=limits.header_count)


@final
class Asking(BareExchange):
    """What a request that is being made knows of its time.

    Attributes:
        latest: The instant, on trio's clock, when the whole must be over.
        total: The seconds that it stands for, for texts; None for no limit.
    """

    __slots__ = ("latest", "total")

    def __init__(self, latest: float, total: float | None) -> None:
        self.latest = latest
        self.total = total


@final
class Call:
    """One request to one URL.

    Attributes:
        method: The method, a token.
        to: Where it goes.
        headers: All fields but Host.
        content: The body.
        terms: Deadlines and limits.
        latest: The instant, on trio's clock, when the whole must be over.
        total: The seconds that ``latest`` stands for, for texts; None for no limit.
        began: When the whole began.
        cookie: A Cookie field for this URL alone.
        expect: Seconds to wait for the server's "100 Continue" before the body is sent; None for not asking.
        progress: Told after each piece of the body ``(bytes sent, bytes in all or None)``.
        on_informational: Told of each informational response ``(status, headers)``; may be async.
        upgrade: The protocol to switch to; None for a plain request.
        tries: How many attempts instruments have been told of.
        is_plain: True if it has no body and nothing but the client's own fields, none of them about the connection.
    """

    __slots__ = (
        "began",
        "content",
        "cookie",
        "expect",
        "headers",
        "is_plain",
        "latest",
        "method",
        "on_informational",
        "progress",
        "terms",
        "to",
        "total",
        "tries",
        "upgrade",
    )

    def __init__(
        self,
        method: str,
        to: Destination,
        headers: Headers,
        content: Content,
        *,
        terms: Terms,
        began: float | None = None,
    ) -> None:
        self.method = method
        self.to = to
        self.headers = headers
        self.content = content
        self.terms = terms
        self.total = total = terms.timeouts.total
        self.began = trio.current_time() if began is None else began
        self.latest = math.inf if total is None else self.began + total
        self.cookie: str | None = None
        self.expect: float | None = None
        self.progress: Callable[[int, int | None], object] | None = None
        self.on_informational: Callable[[int, Headers], Awaitable[None] | None] | None = None
        self.upgrade: bytes | None = None
        self.is_plain = False
        self.tries = 0

    def __str__(self) -> str:
        return f"{self.method} {self.to.url.redacted}"

    @property
    def items(self) -> list[HeaderItem]:
        """All fields, Host first unless the user gave one."""
        items = self.headers.items_list
        to = self.to
        if self.cookie is not None:
            items = _with_cookie(items, self.cookie.encode("latin-1"))
        if self.expect is not None and not self.is_simple:
            items = [*items, (b"Expect", b"expect", b"100-continue")]
        for item in items:
            if item[1] == b"host":
                return [*items, *to.fields] if to.fields else items
        return [to.host, *items, *to.fields]

    @property
    def is_simple(self) -> bool:
        """True if the body is in memory and nobody wants to watch it go."""
        data = self.content.data
        return data is not None and (not data or (self.expect is None and self.progress is None))

    @property
    def may_be_repeated(self) -> bool:
        """True if sending it twice does no more than sending it once, as far as HTTP can tell."""
        return self.method in IDEMPOTENT or "idempotency-key" in self.headers

    def switch_to(self, protocol: bytes, to: Destination) -> None:
        """Ask to leave HTTP behind, on a way on which that is possible."""
        self.upgrade = protocol
        self.to = to

    def request(self) -> Request:
        """Return it as users see it."""
        request = Request.outgoing(self.method, self.to.url, self.headers, self.content)
        request.exchange = Asking(self.latest, self.total)
        return request

    def redirected(self, method: str, to: Destination, headers: Headers, content: Content) -> Call:
        """Return the next one in a chain; its deadlines go on."""
        call = Call(method, to, headers, content, terms=self.terms, began=self.began)
        call.latest = self.latest
        call.expect = self.expect
        call.upgrade = self.upgrade
        call.tries = self.tries
        call.progress = self.progress
        call.on_informational = self.on_informational
        return call


def _with_cookie(items: list[HeaderItem], cookie: bytes) -> list[HeaderItem]:
    """Add cookies; those that the user put into the headers himself go first (there is one such field: RFC 6265)."""
    own = [item[2] for item in items if item[1] == b"cookie"]
    kept = [item for item in items if item[1] != b"cookie"] if own else items
    return [*kept, (b"Cookie", b"cookie", b"; ".join([*own, cookie]))]
