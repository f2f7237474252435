"""URLs: RFC 3986, and RFC 9110 section 4.2 for those of HTTP.

A :class:`URL` is kept encoded, as it goes on the wire, and decoded where somebody asks. It is strict where a mistake
would be dangerous (the authority: who is asked, with whose password) and forgiving where there is one obvious meaning
(a space or a letter beyond ASCII in path, query or fragment is percent-encoded).

What is normalised, and nothing else: scheme and host in lower case, IPv6 addresses in their short form, the port of
the scheme left out, an empty path of an http URL made ``/``. Dot segments go only in :meth:`URL.join`; existing
``%XX`` are never changed (signatures may cover them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import EllipsisType
from typing import final

from ._authority import decode_host, join_host_port, parse_host, refuse
from ._percent import (
    PATH_CHARACTERS,
    QUERY_CHARACTERS,
    decode_percent,
    encode_all,
    encode_fragment,
    encode_path,
    encode_query,
)
from ._query import Query, QueryInput, QueryValue, encode_form
from ._reference import DEFAULT_PORTS, checked, parse_reference, remove_dot_segments

__all__ = ["URL", "url_concat"]

# Nearly all URLs: nothing in them needs a second look. The rest goes through the parts below, one by one.
_PLAIN = re.compile(
    rf"(https?|wss?)://([a-z0-9.-]+)(?::([0-9]{{1,5}}))?(/[{PATH_CHARACTERS}]*)?"
    rf"(?:\?([{QUERY_CHARACTERS}]*))?(?:#([{QUERY_CHARACTERS}]*))?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")

# URLs parsed before: programs ask for few different ones again and again. Emptied when full; none with a password.
_CACHE_MAX = 256
_CACHE_LENGTH_MAX = 256
_cache: dict[str, URL] = {}


@final
class URL:
    """A URL or a relative reference; immutable, hashable, equal to another with the same text (or to that text).

    Args:
        text: The URL. In path, query and fragment, characters that must not be there are percent-encoded.

    Raises:
        InvalidURL: It has control characters, a malformed host or port, no host where its scheme needs one (http,
            https, ws, wss), or something that could be taken for two different authorities. The text says where.
        TypeError: ``text`` is neither str nor URL.

    Example:
        >>> url = URL("http://user:secret@Example.com:80/a b?q=1#top")
        >>> str(url), url.target
        ('http://user:secret@example.com/a%20b?q=1#top', b'/a%20b?q=1')
        >>> url
        URL('http://user:[redacted]@example.com/a%20b?q=1#top')
    """

    __slots__ = (
        "_authority",
        "_fragment",
        "_host",
        "_origin",
        "_path",
        "_port",
        "_query",
        "_query_view",
        "_scheme",
        "_target",
        "_text",
        "_userinfo",
    )

    # As in the text, encoded; None where a part and its delimiter are not there.
    _scheme: str  # "" in a relative reference
    _userinfo: str | None
    _host: str | None  # without brackets; with "%zone"
    _port: int | None  # None also for the scheme's own
    _path: str
    _query: str | None
    _fragment: str | None
    # Made when first asked for.
    _text: str | None
    _authority: str | None
    _origin: str | None
    _target: bytes | None
    _query_view: Query | None

    def __new__(cls, text: str | URL) -> URL:
        if isinstance(text, URL):
            return text
        cached = _cache.get(text)
        if cached is not None:
            return cached
        match = _PLAIN.fullmatch(text) if text.__class__ is str else None
        if match is None:
            return _make(*parse_reference(text), text=text)
        scheme, host, port, path, query, fragment = match.groups()
        if port is None:
            number = None
        else:
            number = int(port)
            if number > 65535:
                parse_reference(text)  # says what is wrong
            if number == DEFAULT_PORTS[scheme]:
                number = None
        self = object.__new__(cls)
        self._scheme = scheme
        self._userinfo = None
        self._host = host
        self._port = number
        self._path = path or "/"
        self._query = query
        self._fragment = fragment
        self._text = text if path and port is None else None
        self._authority = self._origin = self._target = self._query_view = None
        if len(text) <= _CACHE_LENGTH_MAX:
            if len(_cache) >= _CACHE_MAX:
                _cache.clear()
            _cache[text] = self
        return self

    def __reduce__(self) -> tuple[type[URL], tuple[str]]:
        return URL, (str(self),)

    # ------------------------------------------------------------ parts

    @property
    def scheme(self) -> str:
        """The scheme in lower case; ``""`` in a relative reference."""
        return self._scheme

    @property
    def username(self) -> str | None:
        """The user name, decoded; None if there is no userinfo."""
        return None if self._userinfo is None else decode_percent(self._userinfo.partition(":")[0])

    @property
    def password(self) -> str | None:
        """The password, decoded; None if there is none."""
        if self._userinfo is None or ":" not in self._userinfo:
            return None
        return decode_percent(self._userinfo.partition(":")[2])

    @property
    def host(self) -> str:
        """The host for people: as :attr:`raw_host`, with internationalised names decoded if a decoder is set."""
        return decode_host(self._host or "")

    @property
    def raw_host(self) -> str:
        """The host for machines: ASCII, lower case, IPv6 without brackets, with ``%zone``; ``""`` if there is none."""
        return self._host or ""

    @property
    def port(self) -> int | None:
        """The port, given or the scheme's own; None if neither is known."""
        return self._port if self._port is not None else DEFAULT_PORTS.get(self._scheme)

    @property
    def explicit_port(self) -> int | None:
        """The port if it is not the scheme's own."""
        return self._port

    @property
    def path(self) -> str:
        """The path, decoded. A decoded ``%2F`` looks like any ``/``: where that matters use :attr:`raw_path`."""
        return decode_percent(self._path)

    @property
    def raw_path(self) -> str:
        """The path as it goes on the wire."""
        return self._path

    @property
    def query(self) -> Query:
        """The query as names and values."""
        view = self._query_view
        if view is None:
            view = self._query_view = Query(self._query or "")
        return view

    @property
    def query_string(self) -> str:
        """The query as it goes on the wire, without ``?``."""
        return self._query or ""

    @property
    def fragment(self) -> str:
        """The fragment, decoded."""
        return decode_percent(self._fragment or "")

    @property
    def is_absolute(self) -> bool:
        """Whether there is a scheme; otherwise it is a reference relative to some other URL."""
        return self._scheme != ""

    # ------------------------------------------------------------ wholes

    @property
    def authority(self) -> str:
        """What a ``Host`` field holds: host and port, with brackets, without userinfo, default port and zone.

        RFC 9110 section 7.2, RFC 6874 section 4.
        """
        authority = self._authority
        if authority is None:
            host = self._host or ""
            if ":" in host:
                host = host.partition("%")[0]
            authority = self._authority = join_host_port(host, self._port)
        return authority

    @property
    def origin(self) -> str:
        """Scheme, host and port: what connections, credentials and cookies belong to, ``"https://example.com:8443"``.

        RFC 6454 section 6.2. ``""`` for a URL without a host.
        """
        origin = self._origin
        if origin is None:
            origin = f"{self._scheme}://{join_host_port(self._host, self._port)}" if self._host else ""
            self._origin = origin
        return origin

    @property
    def target(self) -> bytes:
        """The path and query as a request line has them: the origin-form of RFC 9112 section 3.2.1."""
        target = self._target
        if target is None:
            path = self._path or "/"
            target = self._target = (path if self._query is None else f"{path}?{self._query}").encode()
        return target

    def __str__(self) -> str:
        text = self._text
        if text is None:
            text = self._text = self._unsplit(self._userinfo)
        return text

    @property
    def redacted(self) -> str:
        """The text with a password made unreadable: for logs and errors."""
        if self.password is None:
            return str(self)
        assert self._userinfo is not None
        return self._unsplit(self._userinfo.partition(":")[0] + ":[redacted]")

    def __repr__(self) -> str:
        return f"URL({self.redacted!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, URL):
            return self is other or str(self) == str(other)
        if isinstance(other, str):
            return str(self) == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def _unsplit(self, userinfo: str | None) -> str:
        text = f"{self._scheme}:" if self._scheme else ""
        if self._host is not None:
            host = self._host.replace("%", "%25") if ":" in self._host else self._host
            text += f"//{userinfo}@" if userinfo is not None else "//"
            text += join_host_port(host, self._port)
        text += self._path
        if self._query is not None:
            text += f"?{self._query}"
        if self._fragment is not None:
            text += f"#{self._fragment}"
        return text

    # ------------------------------------------------------------ others made from it

    def replace(
        self,
        *,
        scheme: str | EllipsisType = ...,
        username: str | EllipsisType | None = ...,
        password: str | EllipsisType | None = ...,
        host: str | EllipsisType = ...,
        port: int | EllipsisType | None = ...,
        path: str | EllipsisType = ...,
        query: QueryInput | EllipsisType | None = ...,
        fragment: str | EllipsisType | None = ...,
    ) -> URL:
        """Return the URL with some parts changed; None takes a part out.

        Args:
            scheme: Without ``:``. A port that is the new scheme's own is left out.
            username: Not encoded: any ``%`` in it means itself. None takes the password out, too.
            password: Not encoded.
            host: A name, an IPv4 address, or an IPv6 address with or without brackets.
            port: 0 to 65535.
            path: What must not be in a path is encoded (``?`` and ``#``, too), existing ``%XX`` stay.
            query: As text what may be in a query stays; see :class:`Query` for the other forms.
            fragment: As ``path``.

        Raises:
            InvalidURL: The result would be none.
        """
        new_scheme = self._scheme if scheme is ... else scheme.lower()
        if scheme is not ... and scheme and _SCHEME.fullmatch(scheme) is None:
            refuse(scheme, 0, "a scheme is a letter followed by letters, digits, '+', '.' and '-'")
        userinfo = self._userinfo
        if username is not ... or password is not ...:
            name = self.username if username is ... else username
            secret = self.password if password is ... else password
            if username is None or (name is None and secret is None):
                userinfo = None
            else:
                userinfo = encode_all(name or "") + ("" if secret is None else ":" + encode_all(secret))
        new_host = self._host
        if host is not ...:
            new_host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        if new_host and (host is not ... or (scheme is not ... and ":" not in new_host)):
            new_host = parse_host(new_host, 0, len(new_host), generic=new_scheme not in DEFAULT_PORTS)
        new_port = self._port
        if port is not ...:
            if port is not None and not 0 <= port <= 65535:
                refuse(str(port), 0, "a port is a number from 0 to 65535")
            new_port = port
        new_query = self._query
        if query is not ...:
            new_query = query if query is None else _encode_query_of(query)
        return _make(
            new_scheme,
            userinfo,
            new_host,
            new_port,
            self._path if path is ... else encode_path(checked(path).replace("?", "%3F").replace("#", "%23")),
            new_query,
            self._fragment if fragment is ... else None if fragment is None else encode_fragment(checked(fragment)),
        )

    def with_query(self, query: QueryInput | None) -> URL:
        """Return the URL with another query, or without one."""
        return self.replace(query=query)

    def join(self, reference: str | URL) -> URL:
        """Return what a reference found at this URL points to: RFC 3986 section 5.2.

        ``http:g`` at an http URL is read as ``g``, as browsers do and the RFC allows for old documents.

        Raises:
            InvalidURL: The reference is none, or the result would be none.
        """
        scheme, userinfo, host, port, path, query, fragment = parse_reference(str(reference), base_scheme=self._scheme)
        if scheme == self._scheme and host is None and scheme in DEFAULT_PORTS:
            scheme = ""
        if scheme or host is not None:
            return _make(scheme or self._scheme, userinfo, host, port, remove_dot_segments(path), query, fragment)
        if not path:
            path = self._path
            query = self._query if query is None else query
        else:
            if not path.startswith("/"):
                directory = self._path[: self._path.rfind("/") + 1]
                path = (directory or "/" if self._host is not None else directory) + path
            path = remove_dot_segments(path)
        return _make(self._scheme, self._userinfo, self._host, self._port, path, query, fragment)


def _make(
    scheme: str,
    userinfo: str | None,
    host: str | None,
    port: int | None,
    path: str,
    query: str | None,
    fragment: str | None,
    *,
    text: str | None = None,
) -> URL:
    """Put parts together, each valid by itself, and check what they must be to each other."""
    if scheme in DEFAULT_PORTS:
        if not host:
            refuse(text or f"{scheme}:{path}", len(scheme) + 1, f"an {scheme} URL has '//' and a host here")
        if port == DEFAULT_PORTS[scheme]:
            port = None
        path = path or "/"
    if host is None:
        if userinfo is not None or port is not None:
            refuse(path, 0, "userinfo and port need a host")
        if path.startswith("//"):
            path = "/." + path  # or its beginning would be read as a host: RFC 3986 section 5.3 and erratum 4547
        elif not scheme and ":" in path.partition("/")[0]:
            path = "./" + path  # or its beginning would be read as a scheme: RFC 3986 section 4.2
    elif path and not path.startswith("/"):
        path = "/" + path
    self = object.__new__(URL)
    self._scheme = scheme
    self._userinfo = userinfo
    self._host = host
    self._port = port
    self._path = path
    self._query = query
    self._fragment = fragment
    self._text = self._authority = self._origin = self._target = self._query_view = None
    return self


def _encode_query_of(query: QueryInput) -> str:
    return encode_query(checked(query).replace("#", "%23")) if isinstance(query, str) else str(Query(query))


def url_concat(
    url: str | URL,
    args: Mapping[str, QueryValue | Sequence[QueryValue]] | Iterable[tuple[str, QueryValue]] | None,
) -> str:
    """Return the URL with ``args`` appended to its query, encoded as a form; what it had stays as it is.

    Args:
        url: A URL or a relative reference; a str is not checked.
        args: A mapping (values may be lists) or pairs; None for nothing.

    Raises:
        TypeError: ``args`` is neither.

    Example:
        >>> url_concat("http://example.com/foo?a=b#top", {"c": "d e"})
        'http://example.com/foo?a=b&c=d+e#top'
    """
    added = "" if args is None else encode_form(args)
    text = str(url)
    if not added:
        return text
    rest, mark, fragment = text.partition("#")
    before, _, query = rest.partition("?")
    glue = "&" if query and not query.endswith("&") else ""
    return f"{before}?{query}{glue}{added}{mark}{fragment}"
