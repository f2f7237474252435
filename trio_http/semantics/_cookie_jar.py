"""A client's cookies: which to keep, and which to send where; RFC 6265 section 5, and rfc6265bis where that is newer.

Cookies belong to a host, or to a domain and all hosts below it; they never leave it. What the jar knows of domains:

1. An IP address and a name without a dot (``com``, ``localhost``) are no domains to share cookies in: a ``Domain``
   attribute that names one is accepted from that very host only, and then means that host alone.
2. The same holds for the public suffixes (``co.uk``) that the user names; there is no list inside, because such lists
   age. Without one, hosts below ``co.uk`` may set cookies for each other, as in every client without a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

from .._clock import wall
from ._cookies import SameSite, SetCookie, parse_set_cookie
from ._headers import Headers
from ._url import URL

__all__ = ["CookieJar", "StoredCookie"]

AGE_MAX = 400 * 24 * 3600  # rfc6265bis section 5.5: nothing lives longer than 400 days
SECURE_SCHEMES = {"https", "wss"}
_NUMERIC = re.compile(r"[0-9.]+")


@final
class StoredCookie:
    """A cookie in a jar; not to be changed."""

    __slots__ = (
        "created",
        "domain",
        "expires",
        "host_only",
        "http_only",
        "name",
        "partitioned",
        "path",
        "same_site",
        "secure",
        "used",
        "value",
    )

    name: str
    value: str
    domain: str
    """The host or domain, in lower case, IDNA-encoded."""
    path: str
    host_only: bool
    """Whether it goes to that host alone, and not to those below it."""
    secure: bool
    http_only: bool
    same_site: SameSite | None
    partitioned: bool
    expires: float | None
    """When it ends, in seconds since 1970; None for the end of the session."""
    created: int
    """A number that grows with every new cookie of its jar."""
    used: int
    """A number that grows with every use."""

    def __repr__(self) -> str:
        """Show no value."""
        return f"<StoredCookie {self.name}=[redacted] for {'' if self.host_only else '.'}{self.domain}{self.path}>"


# What a saved jar has of each cookie, and of which type that is
_FIELDS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "value": (str,),
    "domain": (str,),
    "path": (str,),
    "host_only": (bool,),
    "secure": (bool,),
    "http_only": (bool,),
    "same_site": (str, type(None)),
    "partitioned": (bool,),
    "expires": (int, float, type(None)),
}


@final
class CookieJar:
    """Keeps the cookies that servers set, and says which go with a request.

    ``SameSite`` and ``HttpOnly`` are kept but not applied: a program has no sites and no scripts.

    Args:
        public_suffixes: Domains in which unrelated parties have names, such as ``"co.uk"``; in the form of the public
            suffix list, with its ``*.ck`` and ``!www.ck``.
        max_per_domain: How many cookies one domain may have (RFC 6265 asks for 50, Chrome allows 180).
        max_total: How many there may be in all (RFC 6265 asks for 3,000). Beyond a limit expired ones go first, then
            those that were not used for longest.
        max_header: How many characters are sent with a request (curl: 8,190); cookies that do not fit stay behind.

    Example:
        >>> jar = CookieJar()
        >>> jar.store(URL("https://example.com/a/b"), "id=1; Secure; Path=/")
        True
        >>> jar.header_for(URL("https://example.com/"))
        'id=1'
    """

    __slots__ = ("_counter", "_domains", "_max_header", "_max_per_domain", "_max_total", "_size", "_suffixes")

    def __init__(
        self,
        *,
        public_suffixes: Iterable[str] = (),
        max_per_domain: int = 180,
        max_total: int = 3000,
        max_header: int = 8190,
    ) -> None:
        self._suffixes = frozenset(suffix.lower() for suffix in public_suffixes)
        self._max_per_domain = max_per_domain
        self._max_total = max_total
        self._max_header = max_header
        # domain -> (path, name, host_only) -> cookie
        self._domains: dict[str, dict[tuple[str, str, bool], StoredCookie]] = {}
        self._size = 0
        self._counter = 0

    # ------------------------------------------------------------ what the client does

    def store_all(self, url: URL, headers: Headers) -> None:
        """Keep the cookies that a response to a request for ``url`` sets."""
        for value in headers.get_list("set-cookie"):
            self.store(url, value)

    def store(self, url: URL, cookie: str | SetCookie) -> bool:
        """Keep one cookie, or forget it if it says so; rfc6265bis section 5.7.

        Args:
            url: The URL of the request that was answered.
            cookie: The value of a ``Set-Cookie`` field, or what :func:`parse_set_cookie` made of it.

        Returns:
            False if the server has no right to set it, or it cannot be read.
        """
        parsed = parse_set_cookie(cookie) if isinstance(cookie, str) else cookie
        host = url.raw_host
        if parsed is None or not host:
            return False
        domain, host_only = host, True
        if parsed.domain is not None and parsed.domain != host:
            if not _domain_matches(host, parsed.domain) or self._is_public(parsed.domain):
                return False
            domain, host_only = parsed.domain, False
        elif parsed.domain is not None:
            host_only = _is_address(host) or self._is_public(host)
        is_secure = url.scheme in SECURE_SCHEMES
        if parsed.secure and not is_secure:
            return False
        path = parsed.path if parsed.path is not None else _default_path(url.raw_path)
        prefixed = (parsed.name or parsed.value).lower()  # a nameless cookie is sent as its value: no way around
        if prefixed.startswith("__secure-") and (not parsed.secure or not parsed.name):
            return False
        if prefixed.startswith("__host-") and (
            not parsed.secure or not host_only or parsed.domain is not None or parsed.path != "/" or not parsed.name
        ):
            return False
        if not parsed.secure and not is_secure and self._hides_secure(parsed.name, host, domain, path):
            return False
        now = wall()
        expires = parsed.expires
        if parsed.max_age is not None:
            expires = now + parsed.max_age if parsed.max_age > 0 else now
        if expires is not None and expires <= now:
            self._remove(domain, (path, parsed.name, host_only))
            return True
        new = StoredCookie()
        new.name, new.value = parsed.name, parsed.value
        new.domain, new.path, new.host_only = domain, path, host_only
        new.secure, new.http_only = parsed.secure, parsed.http_only
        new.same_site, new.partitioned = parsed.same_site, parsed.partitioned
        new.expires = None if expires is None else min(expires, now + AGE_MAX)
        self._put(new)
        return True

    def header_for(self, url: URL) -> str | None:
        """Return the value of the ``Cookie`` field for a request for ``url``; None if no cookie belongs to it."""
        if not self._size:
            return None
        parts: list[str] = []
        room = self._max_header
        for cookie in self.cookies_for(url):
            text = f"{cookie.name}={cookie.value}" if cookie.name else cookie.value
            if len(text) <= room:
                parts.append(text)
                room -= len(text) + 2
                self._counter += 1
                cookie.used = self._counter
        return "; ".join(parts) or None

    def cookies_for(self, url: URL) -> list[StoredCookie]:
        """Return the cookies that belong to a request for ``url``: longer paths first, then older ones."""
        found: list[StoredCookie] = []
        host = domain = url.raw_host
        path = url.raw_path or "/"
        is_secure = url.scheme in SECURE_SCHEMES
        now: float | None = None
        while domain and self._size:
            for cookie in list(self._domains.get(domain, {}).values()):
                if (
                    (domain == host or not cookie.host_only)
                    and (is_secure or not cookie.secure)
                    and _path_matches(path, cookie.path)
                ):
                    now = wall() if now is None else now
                    if cookie.expires is not None and cookie.expires <= now:
                        self._remove(domain, (cookie.path, cookie.name, cookie.host_only))
                    else:
                        found.append(cookie)
            domain = "" if _is_address(domain) else domain.partition(".")[2]
        found.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        return found

    # ------------------------------------------------------------ what users do

    def set(
        self, name: str, value: str, *, domain: str, path: str = "/", secure: bool = False, subdomains: bool = False
    ) -> None:
        """Put in a cookie of one's own, for the length of the session.

        Args:
            name: The name.
            value: The value.
            domain: The host it is for.
            path: Where it is sent to: this path and all below it.
            secure: Send it by https only.
            subdomains: Send it to all hosts below that one, too.

        Raises:
            LocalProtocolError: Name, value or path cannot be sent.
            InvalidURL: ``domain`` is no host.
        """
        checked = SetCookie(name, value, path=path, secure=secure)
        host = URL("https://h/").replace(host=domain).raw_host
        new = StoredCookie()
        new.name, new.value = checked.name, checked.value
        new.domain, new.path, new.host_only = host, path, not subdomains or _is_address(host)
        new.secure, new.http_only = secure, False
        new.same_site, new.partitioned, new.expires = None, False, None
        self._put(new)

    def get(self, name: str, *, domain: str | None = None, path: str | None = None) -> str | None:
        """Return the value of the newest cookie of that name, of any domain and path unless they are given."""
        found = [
            cookie
            for cookie in self
            if cookie.name == name and domain in {None, cookie.domain} and path in {None, cookie.path}
        ]
        return max(found, key=lambda cookie: cookie.created).value if found else None

    def clear(self, *, domain: str | None = None, name: str | None = None) -> None:
        """Forget all cookies; or those of that domain, or of that name."""
        for cookie in list(self):
            if domain in {None, cookie.domain} and name in {None, cookie.name}:
                self._remove(cookie.domain, (cookie.path, cookie.name, cookie.host_only))

    def clear_session(self) -> None:
        """Forget the cookies that end with the session."""
        for cookie in list(self):
            if cookie.expires is None:
                self._remove(cookie.domain, (cookie.path, cookie.name, cookie.host_only))

    def __iter__(self) -> Iterator[StoredCookie]:
        """Go over all cookies that have not expired."""
        now = wall()
        for cookies in list(self._domains.values()):
            for cookie in list(cookies.values()):
                if cookie.expires is None or cookie.expires > now:
                    yield cookie

    def __len__(self) -> int:
        """Return how many cookies have not expired."""
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """An empty jar is a jar."""
        return True

    def __repr__(self) -> str:
        return f"<CookieJar with {len(self)} cookies for {len(self._domains)} domains>"

    # ------------------------------------------------------------ to be kept

    def save(self, *, session: bool = True) -> str:
        """Return all cookies as JSON text, secrets included, for :meth:`load`.

        Args:
            session: Whether to include cookies that end with the session.

        Example:
            ``await trio.Path("cookies.json").write_text(jar.save())``
        """
        cookies = sorted(self, key=lambda cookie: cookie.created)
        saved = [
            {name: getattr(cookie, name) for name in _FIELDS}
            for cookie in cookies
            if session or cookie.expires is not None
        ]
        return json.dumps({"version": 1, "cookies": saved}, indent=1)

    def load(self, text: str) -> None:
        """Add the cookies that :meth:`save` wrote; those that have expired are left out.

        Raises:
            ValueError: The text is no saved jar; then nothing has been added.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("version") != 1 or not isinstance(data.get("cookies"), list):
            raise ValueError("this is no saved cookie jar of version 1")
        loaded = [_load_cookie(item) for item in data["cookies"]]
        now = wall()
        for cookie in loaded:
            if cookie.expires is None or cookie.expires > now:
                self._put(cookie)

    # ------------------------------------------------------------ inside

    def _is_public(self, domain: str) -> bool:
        """Whether unrelated parties have names below that domain."""
        if "." not in domain:
            return True
        if f"!{domain}" in self._suffixes:
            return False
        return domain in self._suffixes or f"*.{domain.partition('.')[2]}" in self._suffixes

    def _hides_secure(self, name: str, host: str, domain: str, path: str) -> bool:
        """Whether an insecure server would put a cookie over a secure one: rfc6265bis section 5.7 step 16."""
        return any(
            cookie.secure
            and cookie.name == name
            and (_domain_matches(domain, cookie.domain) or _domain_matches(cookie.domain, domain))
            and _path_matches(path, cookie.path)
            for cookie in self
        )

    def _put(self, cookie: StoredCookie) -> None:
        cookies = self._domains.setdefault(cookie.domain, {})
        key = (cookie.path, cookie.name, cookie.host_only)
        before = cookies.get(key)
        self._counter += 1
        cookie.used = self._counter
        cookie.created = self._counter if before is None else before.created
        cookies[key] = cookie
        if before is None:
            self._size += 1
            if len(cookies) > self._max_per_domain:
                self._evict(cookies.values(), self._max_per_domain)
            if self._size > self._max_total:
                self._evict([one for some in self._domains.values() for one in some.values()], self._max_total)

    def _evict(self, cookies: Iterable[StoredCookie], keep: int) -> None:
        """Bring a full set a tenth below its limit, so that not every further cookie pays for a sort."""
        now = wall()
        ranked = sorted(
            cookies,
            key=lambda cookie: (cookie.expires is None or cookie.expires > now, cookie.used),
        )
        for cookie in ranked[: len(ranked) - keep + keep // 10]:
            self._remove(cookie.domain, (cookie.path, cookie.name, cookie.host_only))

    def _remove(self, domain: str, key: tuple[str, str, bool]) -> None:
        cookies = self._domains.get(domain)
        if cookies is not None and cookies.pop(key, None) is not None:
            self._size -= 1
            if not cookies:
                del self._domains[domain]


def _is_address(host: str) -> bool:
    return ":" in host or _NUMERIC.fullmatch(host) is not None


def _domain_matches(host: str, domain: str) -> bool:
    """RFC 6265 section 5.1.3."""
    return host == domain or (host.endswith(f".{domain}") and not _is_address(host))


def _path_matches(path: str, prefix: str) -> bool:
    """RFC 6265 section 5.1.4."""
    return path == prefix or (path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix)] == "/"))


def _default_path(path: str) -> str:
    """RFC 6265 section 5.1.4: the directory of the request."""
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def _load_cookie(item: Any) -> StoredCookie:
    cookie = StoredCookie()
    for name, kinds in _FIELDS.items():
        if not isinstance(item, Mapping) or name not in item or type(item[name]) not in kinds:
            raise ValueError(f"a saved cookie has no proper {name!r}")
        setattr(cookie, name, item[name])
    # what it holds goes on the wire: the same reader decides as for a cookie from a server
    again = parse_set_cookie(f"{cookie.name}={cookie.value}; path={cookie.path}")
    if again is None or (again.name, again.value, again.path) != (cookie.name, cookie.value, cookie.path):
        raise ValueError("a saved cookie has a name, value or path that cannot be sent")
    return cookie
