"""Cookies on the wire: the ``Cookie`` field read, the ``Set-Cookie`` field written and read; RFC 6265.

What servers write is held to the grammar; what is read is read as browsers read it (section 5 of the RFC, and of
draft-ietf-httpbis-rfc6265bis where that is newer: SameSite, prefixes, sizes, control characters).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, Self, TypeAlias, final

from .._errors import LocalProtocolError
from ._dates import MONTHS, format_http_date, seconds_since_1970

__all__ = ["Cookies", "SameSite", "SetCookie", "parse_cookie_date", "parse_set_cookie"]

SameSite: TypeAlias = Literal["Strict", "Lax", "None"]

SIZE_MAX = 4096  # of name and value; rfc6265bis section 5.6
ATTRIBUTE_SIZE_MAX = 1024  # longer ones are ignored; same section

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_VALUE = re.compile(r"[^\x20-\x3a\x3c-\x7e]")
_DOMAIN = re.compile(r"\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_AGE = re.compile(r"-?[0-9]+")

# The algorithm of section 5.1.1: tokens in any order, each by its look
_DATE_TOKEN = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_DATE_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DATE_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_DATE_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}


@final
class Cookies(Mapping[str, str]):
    """The cookies of a request; immutable.

    As a mapping it has the first value of each name, which is that of the most specific path; values are exactly what
    was set, quotes included. Parts without ``=`` are left out.

    Args:
        value: The value of the ``Cookie`` field, None where there is none.

    Example:
        >>> dict(Cookies("a=1; b=x=y; a=2"))
        {'a': '1', 'b': 'x=y'}
    """

    __slots__ = ("_pairs",)

    _pairs: tuple[tuple[str, str], ...]

    def __init__(self, value: str | None = None) -> None:
        pairs: list[tuple[str, str]] = []
        for part in (value or "").split(";"):
            name, equals, text = part.partition("=")
            if equals:
                pairs.append((name.strip(" \t"), text.strip(" \t")))
        self._pairs = tuple(pairs)

    def get_list(self, name: str) -> list[str]:
        """Return all values of that name, in order."""
        return [value for key, value in self._pairs if key == name]

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Yield every cookie as ``(name, value)``, in order."""
        return iter(self._pairs)

    def __getitem__(self, name: str) -> str:
        for key, value in self._pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([name for name, _ in self._pairs]))

    def __len__(self) -> int:
        return len({name for name, _ in self._pairs})

    def __repr__(self) -> str:
        """Show the names only."""
        return f"<Cookies {', '.join(self)}>"


@final
class SetCookie:
    """One ``Set-Cookie`` field; immutable. ``str()`` gives its value.

    Args:
        name: A token.
        value: Printable ASCII without ``;``, and no space at either end; encode other text (percent-encoding, base64).
        max_age: How long the cookie lives, in seconds; 0 or less removes it.
        expires: When it ends: a datetime (without a time zone it means UTC), or seconds since 1970. With neither it
            ends with the browser's session.
        path: Where it is sent to: this path and all below it; None for the directory of the request.
        domain: Send it to this domain and all below it; None for the answering host only.
        secure: Send it by https only.
        http_only: Hide it from scripts.
        same_site: Whether it goes with requests from other sites: never, only when the user follows a link, always.
        partitioned: Keep it apart for each site that embeds this one (CHIPS).

    Raises:
        LocalProtocolError: Something cannot be written, or browsers would refuse it: ``same_site="None"`` or
            ``partitioned`` without ``secure``, or a name that begins with ``__Secure-`` or ``__Host-`` and promises
            what the attributes do not keep.
    """

    __slots__ = (
        "_domain",
        "_expires",
        "_http_only",
        "_max_age",
        "_name",
        "_partitioned",
        "_path",
        "_same_site",
        "_secure",
        "_value",
    )

    _name: str
    _value: str
    _max_age: int | None
    _expires: float | None
    _path: str | None
    _domain: str | None
    _secure: bool
    _http_only: bool
    _same_site: SameSite | None
    _partitioned: bool

    def __init__(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        expires: datetime | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = False,
        same_site: SameSite | None = None,
        partitioned: bool = False,
    ) -> None:
        if _TOKEN.fullmatch(name) is None:
            raise LocalProtocolError(
                f"{name[:100]!a} is no cookie name: expected one or more letters, digits or any of !#$%&'*+-.^_`|~"
            )
        _check(name, "value", value)
        _check(name, "path", path or "/")
        if path is not None and not path.startswith("/"):
            raise LocalProtocolError(f"the path of cookie {name!r} must begin with '/', but is {path!a}")
        if domain is not None and _DOMAIN.fullmatch(domain) is None:
            raise LocalProtocolError(f"the domain of cookie {name!r} is no domain: {domain[:100]!a}")
        if len(name) + len(value) > SIZE_MAX:
            raise LocalProtocolError(
                f"cookie {name[:100]!r} has {len(name) + len(value)} bytes in name and value; browsers drop those with "
                f"more than {SIZE_MAX}"
            )
        if max_age is not None and type(max_age) is not int:
            raise LocalProtocolError(f"max_age of cookie {name!r} is {max_age!r}; expected whole seconds as an int")
        if same_site not in {None, "Strict", "Lax", "None"}:
            raise LocalProtocolError(f"same_site of cookie {name!r} is {same_site!a}; expected Strict, Lax or None")
        if not secure and (same_site == "None" or partitioned):
            raise LocalProtocolError(
                f"cookie {name!r} needs secure=True: without it browsers refuse SameSite=None and Partitioned"
            )
        lower = name.lower()
        if lower.startswith(("__secure-", "__host-")) and not secure:
            raise LocalProtocolError(f"cookie {name!r} needs secure=True: its name promises it")
        if lower.startswith("__host-") and (domain is not None or path != "/"):
            raise LocalProtocolError(f"cookie {name!r} needs path='/' and no domain: its name promises it")
        self._name = name
        self._value = value
        self._max_age = max_age
        self._expires = None if expires is None else _end_of(name, expires)
        self._path = path
        self._domain = domain.removeprefix(".").lower() if domain else None
        self._secure = secure
        self._http_only = http_only
        self._same_site = same_site
        self._partitioned = partitioned

    @classmethod
    def removal(cls, name: str, *, path: str | None = "/", domain: str | None = None, secure: bool = False) -> Self:
        """Return what makes a browser forget a cookie that was set with the same path and domain."""
        secure = secure or name.lower().startswith(("__secure-", "__host-"))
        return cls(name, "", max_age=0, expires=0, path=path, domain=domain, secure=secure)

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def value(self) -> str:
        """The value."""
        return self._value

    @property
    def max_age(self) -> int | None:
        """How long it lives, in seconds."""
        return self._max_age

    @property
    def expires(self) -> float | None:
        """When it ends, in seconds since 1970; :attr:`max_age` goes before."""
        return self._expires

    @property
    def path(self) -> str | None:
        """Where it is sent to."""
        return self._path

    @property
    def domain(self) -> str | None:
        """The domain in lower case, without a dot before it; None for the answering host only."""
        return self._domain

    @property
    def secure(self) -> bool:
        """Whether it is for https only."""
        return self._secure

    @property
    def http_only(self) -> bool:
        """Whether it is hidden from scripts."""
        return self._http_only

    @property
    def same_site(self) -> SameSite | None:
        """Whether it goes with requests from other sites."""
        return self._same_site

    @property
    def partitioned(self) -> bool:
        """Whether it is kept apart for each embedding site."""
        return self._partitioned

    def __str__(self) -> str:
        text = f"{self._name}={self._value}"
        if self._expires is not None:
            text += f"; Expires={format_http_date(self._expires)}"
        if self._max_age is not None:
            text += f"; Max-Age={self._max_age}"
        if self._domain is not None:
            text += f"; Domain={self._domain}"
        if self._path is not None:
            text += f"; Path={self._path}"
        if self._secure:
            text += "; Secure"
        if self._http_only:
            text += "; HttpOnly"
        if self._same_site is not None:
            text += f"; SameSite={self._same_site}"
        if self._partitioned:
            text += "; Partitioned"
        return text

    def __repr__(self) -> str:
        """Show no value."""
        attributes = str(self)[len(self._name) + 1 + len(self._value) :]
        return f"<SetCookie {self._name}=[redacted]{attributes}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SetCookie):
            return NotImplemented
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def _end_of(name: str, expires: datetime | float) -> float:
    try:
        end = seconds_since_1970(expires)
        format_http_date(end)
    except (TypeError, ValueError) as error:
        raise LocalProtocolError(f"expires of cookie {name!r} cannot be written: {error}") from None
    return end


def _check(name: str, part: str, text: str) -> None:
    wrong = _NOT_VALUE.search(text)
    if wrong is not None:
        raise LocalProtocolError(
            f"the {part} of cookie {name!r} holds {wrong[0]!a} at position {wrong.start()}: expected printable ASCII "
            "without ';'; encode it"
        )
    if text.strip(" ") != text:
        raise LocalProtocolError(
            f"the {part} of cookie {name!r} begins or ends with a space, which would get lost; encode it"
        )


def parse_set_cookie(value: str) -> SetCookie | None:
    """Read a ``Set-Cookie`` field as browsers do; None where they ignore it.

    Attributes that are unknown, malformed or longer than 1 KiB count as not given. No promise of a prefix is checked
    here: a jar does it.
    """
    if _CONTROL.search(value):
        return None
    pair, _, attributes = value.partition(";")
    name, equals, text = pair.partition("=")
    if not equals:
        name, text = "", name
    name, text = name.strip(" \t"), text.strip(" \t")
    if (not name and not text) or len(name) + len(text) > SIZE_MAX:
        return None
    cookie = object.__new__(SetCookie)
    cookie._name = name
    cookie._value = text
    cookie._max_age = cookie._expires = cookie._path = cookie._domain = cookie._same_site = None
    cookie._secure = cookie._http_only = cookie._partitioned = False
    for attribute in attributes.split(";"):
        key, _, text = attribute.partition("=")
        text = text.strip(" \t")
        if len(text) <= ATTRIBUTE_SIZE_MAX:
            _set_attribute(cookie, key.strip(" \t").lower(), text)
    return cookie


def _set_attribute(cookie: SetCookie, key: str, text: str) -> None:
    if key == "max-age":
        if _MAX_AGE.fullmatch(text):
            # more digits than that is for ever, and int() would cost their square
            cookie._max_age = int(text[:15])
    elif key == "expires":
        expires = parse_cookie_date(text)
        if expires is not None:
            cookie._expires = expires.timestamp()
    elif key == "path":
        cookie._path = text if text.startswith("/") else None
    elif key == "domain":
        cookie._domain = text.removeprefix(".").lower() or None
    elif key == "secure":
        cookie._secure = True
    elif key == "httponly":
        cookie._http_only = True
    elif key == "partitioned":
        cookie._partitioned = True
    elif key == "samesite":
        known: dict[str, SameSite] = {"strict": "Strict", "lax": "Lax", "none": "None"}
        cookie._same_site = known.get(text.lower())


def parse_cookie_date(text: str) -> datetime | None:
    """Return the date of an ``Expires`` attribute, read by the very lenient rules of RFC 6265 section 5.1.1."""
    clock = day = month = year = None
    for token in _DATE_TOKEN.findall(text):
        if clock is None and (match := _DATE_TIME.match(token)):
            clock = match
        elif day is None and (match := _DATE_DAY.match(token)):
            day = int(match[1])
        elif month is None and (number := _MONTHS.get(token[:3].lower())):
            month = number
        elif year is None and (match := _DATE_YEAR.match(token)):
            year = int(match[1])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return datetime(year, month, day, int(clock[1]), int(clock[2]), int(clock[3]), tzinfo=UTC)
    except ValueError:
        return None
