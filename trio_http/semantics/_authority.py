"""The authority of a URL: userinfo, host and port, RFC 3986 section 3.2. Who is asked, hence no leniency.

All functions read a stretch of a longer text, so that an error can say where in that text it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from typing import Never, TypeAlias

from .._errors import InvalidURL
from ._percent import SUB_DELIMS, UNRESERVED, encode_userinfo

__all__ = [
    "decode_host",
    "join_host_port",
    "parse_authority",
    "parse_host",
    "refuse",
    "set_idna_codec",
    "split_host_port",
]

IDNAEncoder: TypeAlias = Callable[[str], str | bytes]
IDNADecoder: TypeAlias = Callable[[str], str]

_NOT_HOST = re.compile(rf"[^{UNRESERVED}{SUB_DELIMS}]")
_NOT_GENERIC_HOST = re.compile(rf"[^{UNRESERVED}{SUB_DELIMS}%]|%(?![0-9A-Fa-f]{{2}})")
_ZONE = re.compile(rf"[{UNRESERVED}]+")
_NOT_DIGIT = re.compile(r"[^0-9]")
_SHOWN_MAX = 200

_codec: list[tuple[IDNAEncoder | None, IDNADecoder | None]] = [(None, None)]


def set_idna_codec(
    encode: IDNAEncoder | None, decode: IDNADecoder | None = None
) -> tuple[IDNAEncoder | None, IDNADecoder | None]:
    """Set how host names beyond ASCII are turned into ASCII and back, for the whole process.

    Until it is called such a host is refused: nothing here imports a third party, and the codec of the standard
    library speaks the IDNA of 2003, by which some names mean another host.

    Args:
        encode: Takes a host name in lower case, returns its ASCII form, raises ValueError if there is none
            (``idna.encode`` is one). None refuses such hosts again.
        decode: Takes an ASCII host name, returns its readable form or raises ValueError (``idna.decode``); only for
            :attr:`URL.host`.

    Returns:
        The encoder and decoder before.
    """
    before = _codec[0]
    _codec[0] = (encode, decode)
    return before


def decode_host(host: str) -> str:
    """Return the host as people read it; unchanged if no decoder is set, or it makes nothing of it."""
    decode = _codec[0][1]
    if decode is None or "xn--" not in host:
        return host
    try:
        return decode(host)
    except ValueError:
        return host  # not everything with "xn--" in it is an encoded name


def parse_authority(text: str, start: int, end: int, *, generic: bool) -> tuple[str | None, str, int | None]:
    """Read ``userinfo@host:port``.

    Args:
        text: A text with an authority in it.
        start: Where in it the authority begins.
        end: And where it ends.
        generic: Whether the host may be empty or percent-encoded, as in schemes other than HTTP's.

    Returns:
        Userinfo (encoded) or None, host (without brackets), port or None.

    Raises:
        InvalidURL: It is malformed, or could be read in two ways.
    """
    backslash = text.find("\\", start, end)
    if backslash >= 0:
        refuse(text, backslash, "there is a backslash before the path; browsers would read it as '/'")
    at = text.rfind("@", start, end)
    userinfo = None
    if at >= 0:
        first = text.find("@", start, end)
        if first != at:
            refuse(text, first, "there is a second '@' before the host; write %40 for one that belongs to the userinfo")
        userinfo = encode_userinfo(text[start:at])
        start = at + 1
    if text.startswith("[", start, end):
        closing = text.find("]", start, end)
        if closing < 0:
            refuse(text, start, "the '[' of the IPv6 address has no ']'")
        if closing + 1 < end and text[closing + 1] != ":":
            refuse(text, closing + 1, "only ':' and a port may follow the ']' of an IPv6 address")
        host_end = closing + 1
    else:
        host_end = text.find(":", start, end)
        if host_end < 0:
            host_end = end
        elif text.find(":", host_end + 1, end) >= 0:
            refuse(text, host_end, "there are two ':' in host and port; write an IPv6 address in brackets")
    host = parse_host(text, start, host_end, generic=generic)
    return userinfo, host, _parse_port(text, host_end + 1, end) if host_end < end else None


def parse_host(text: str, start: int, end: int, *, generic: bool) -> str:
    """Read a host: a name, an IPv4 address, or an IPv6 address in brackets; return it without them, in lower case.

    Raises:
        InvalidURL: It is no host, or not ASCII while no encoder is set.
    """
    host = text[start:end]
    if host.startswith("["):
        return _parse_ipv6(text, start, end)
    if not host and not generic:
        refuse(text, start, "there is no host")
    if not host.isascii():
        host = _encode_host(text, start, host)
    wrong = (_NOT_GENERIC_HOST if generic else _NOT_HOST).search(host)
    if wrong is not None:
        refuse(text, start + wrong.start(), f"{wrong[0]!a} must not be in a host")
    return host.lower()


def split_host_port(netloc: str) -> tuple[str, int | None]:
    """Split ``"host:port"``; an IPv6 address stands in brackets if there is a port, and comes back without them.

    Returns:
        Host, and port or None.

    Raises:
        InvalidURL: There is no host, or the port is no number from 0 to 65535.

    Example:
        >>> split_host_port("[::1]:8080"), split_host_port("example.com")
        (('::1', 8080), ('example.com', None))
    """
    if netloc.count(":") > 1 and "[" not in netloc:
        netloc = f"[{netloc}]"
    userinfo, host, port = parse_authority(netloc, 0, len(netloc), generic=False)
    if userinfo is not None:
        refuse(netloc, netloc.index("@"), "'@' must not be in a host and port")
    return host, port


def join_host_port(host: str, port: int | None) -> str:
    """Return ``"host:port"``, with brackets around an IPv6 address; the opposite of :func:`split_host_port`."""
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


def refuse(text: str, index: int, what: str) -> Never:
    """Raise InvalidURL about position ``index`` of ``text``, showing no userinfo.

    Everything between ``//`` (or the beginning) and the last ``@`` might be a password with odd characters in it.
    """
    at = text.rfind("@")
    if at >= 0:
        slashes = text.find("//", 0, at)
        text = text[: slashes + 2 if slashes >= 0 else 0] + "[redacted]" + text[at:]
    if len(text) > _SHOWN_MAX:
        text = text[:_SHOWN_MAX] + "..."
    raise InvalidURL(f"{text!a} is no valid URL: {what} (position {index})")


def _parse_port(text: str, start: int, end: int) -> int | None:
    wrong = _NOT_DIGIT.search(text, start, end)
    if wrong is not None:
        # the character is not shown: what looks like a port may be a password whose '@' is missing
        refuse(text, wrong.start(), "a port has digits only")
    digits = text[start:end].lstrip("0")
    if len(digits) > 5 or int(digits or "0") > 65535:
        refuse(text, start, "a port is a number from 0 to 65535")
    return int(digits or "0") if start < end else None


def _parse_ipv6(text: str, start: int, end: int) -> str:
    address, percent, zone = text[start + 1 : end - 1].partition("%")
    if percent:
        zone = zone.removeprefix("25")  # RFC 6874 writes %25, people write %
        if _ZONE.fullmatch(zone) is None:
            refuse(text, start + 1 + len(address), "the zone of an IPv6 address has letters, digits and ._~- only")
    try:
        address = IPv6Address(address).compressed
    except AddressValueError as error:
        refuse(text, start + 1, f"there is no IPv6 address in the brackets: {error}")
    return f"{address}%{zone}" if percent else address


def _encode_host(text: str, start: int, host: str) -> str:
    encode = _codec[0][0]
    if encode is None:
        refuse(text, start, "the host is not ASCII, and no IDNA encoder is set (set_idna_codec)")
    try:
        encoded = encode(host.lower())
    except ValueError as error:
        refuse(text, start, f"the host has no ASCII form: {error}")
    return encoded if isinstance(encoded, str) else encoded.decode("ascii")
