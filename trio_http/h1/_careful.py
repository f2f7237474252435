"""From the bytes of a head to its parts: the careful way, which knows every quirk and names every fault.

It is called for the few heads that the fast way does not recognise, so it is written for exactness: it either
returns the parts or raises the error that says what is wrong. Errors name fields and single bytes, never values:
those may be credentials.
"""

from __future__ import annotations

import re

from .._errors import LocalProtocolError, RemoteProtocolError
from .._grammar import TARGET_BYTES, TOKEN_BYTES, VALUE_BYTES, is_host, is_token
from ._head import Found, Triples, survey
from ._headers import check_framing
from ._profile import Profile

__all__ = ["check_limits", "find_end", "read_request_head", "read_response_head", "read_trailers"]

# the end of a head, where lines may end with LF alone
_BLANK_LINE = re.compile(rb"\n\r?\n")
_VERSION = re.compile(rb"HTTP/([0-9]\.[0-9])")
_REQUEST_LINE = re.compile(rb"([^ ]*) ([^ ]*) ([^ ]*)")
_STATUS_LINE = re.compile(rb"([^ ]*) ([0-9]{3})( [\x00-\xff]*)?")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")
_HTTP = re.compile(rb"https?:", re.IGNORECASE)
_HTTP_AUTHORITY = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)

# what no profile takes in a value: NUL and the whitespace that ends lines somewhere
_NEVER_IN_VALUE = bytes(byte for byte in range(256) if byte not in b"\x00\n\v\f\r")

# RFC 9110 section 6.5.1: fields that must be known before the content are not allowed after it. Beside framing and
# routing these are the ones that change how the content is taken, or who may have it.
FORBIDDEN_IN_TRAILERS = frozenset(
    b"authorization connection content-encoding content-length content-range content-type cookie expect host "
    b"keep-alive max-forwards proxy-authenticate proxy-authorization proxy-connection range set-cookie te trailer "
    b"transfer-encoding upgrade www-authenticate".split()
)


def find_end(data: bytes | bytearray, begin: int, scanned: int, profile: Profile) -> int:
    """Find where the head or trailer section that starts at ``begin`` ends.

    Args:
        data: What has been received.
        begin: Where the section starts.
        scanned: How far it has been searched before.
        profile: Tells whether lines may end with LF alone.

    Returns:
        The index behind the blank line, or -1 if it has not arrived.
    """
    if "bare_lf" in profile.quirks:
        match = _BLANK_LINE.search(data, max(begin, scanned - 2))
        return match.end() if match else -1
    end = data.find(b"\r\n\r\n", max(begin, scanned - 3))
    return end + 4 if end >= 0 else -1


def check_limits(section: bytes, profile: Profile, *, of: str) -> None:
    """Refuse what passes a limit, or ends a line with LF alone where that is not allowed.

    Of several faults the one that comes first in the stream is told, so that the outcome is the same however the
    bytes were cut; and they go before all others, which are looked for only when the section is complete.

    Args:
        section: The section from its beginning, as far as it has arrived, at most to the end of its blank line.
        profile: The limits.
        of: ``"request"``, ``"response"`` or ``"trailers"``.
    """
    trailers = of == "trailers"
    what = "trailer section" if trailers else f"{of} head"
    size_limit = profile.trailers if trailers else profile.head
    count_limit = profile.trailer_count if trailers else profile.header_count
    faults: list[tuple[float, str, int]] = []
    if len(section) > size_limit:
        faults.append((size_limit, f"{what} is longer than {size_limit} bytes, the limit", 431))
    if of == "request":
        line = section.partition(b"\n")[0]
        begin = line.find(b" ") + 1
        target = line[begin:].partition(b" ")[0].rstrip(b"\r") if begin else b""
        if len(target) > profile.target:
            faults.append(
                (begin + profile.target, f"request target is longer than {profile.target} bytes, the limit", 414)
            )
    allowed = count_limit + (not trailers)
    if section.count(b"\n") > allowed:
        begin = 0
        for _ in range(int(allowed)):
            begin = section.index(b"\n", begin) + 1
        end = section.index(b"\n", begin)
        if section[begin:end].rstrip(b"\r"):
            faults.append((end, f"{what} has more than {count_limit} field lines, the limit", 431))
    if "bare_lf" not in profile.quirks and section.count(b"\n") != section.count(b"\r\n"):
        at = re.search(rb"(?<!\r)\n", section)
        assert at is not None
        number = section.count(b"\n", 0, at.start()) + 1
        faults.append(
            (at.start(), f"line {number} of the {what} ends with LF alone; expected CR LF (RFC 9112 section 2.2)", 400)
        )
    if faults:
        _, text, hint = min(faults)
        raise RemoteProtocolError(text, hint)


def _lines(section: bytes, profile: Profile) -> list[bytes]:
    if "bare_lf" in profile.quirks:
        lines = [line.removesuffix(b"\r") for line in section.split(b"\n")]
    else:
        lines = section.split(b"\r\n")
    return lines[:-2]


def _unfolded(lines: list[bytes], what: str, profile: Profile) -> list[bytes]:
    """Join continuation lines (RFC 9112 section 5.2), where they are taken at all."""
    fields: list[list[bytes]] = []
    for number, line in enumerate(lines, 1):
        if not line.startswith((b" ", b"\t")):
            fields.append([line])
        elif "obs_fold" not in profile.quirks:
            raise RemoteProtocolError(
                f"field line {number} of the {what} begins with whitespace: obsolete line folding is refused "
                "(RFC 9112 section 5.2)"
            )
        elif not fields:
            raise RemoteProtocolError(f"the {what} begins with a continuation line; expected a field or a blank line")
        else:
            fields[-1].append(line.lstrip(b" \t"))
    return [b" ".join(pieces) for pieces in fields]


def _shown(name: bytes) -> str:
    return ascii(name[:64])[1:] + ("..." if len(name) > 64 else "")


def _fields(lines: list[bytes], what: str, profile: Profile) -> Triples:
    triples: Triples = []
    for number, line in enumerate(_unfolded(lines, what, profile), 1):
        name, colon, value = line.partition(b":")
        if not colon:
            raise RemoteProtocolError(
                f"field line {number} of the {what}, {len(line)} bytes long, has no colon; expected `name: value`"
            )
        if name.endswith((b" ", b"\t")) and "space_before_colon" in profile.quirks:
            name = name.rstrip(b" \t")
        if not is_token(name):
            if not name:
                raise RemoteProtocolError(f"field line {number} of the {what} has an empty name")
            if name.endswith((b" ", b"\t")) and is_token(name.rstrip(b" \t")):
                raise RemoteProtocolError(
                    f"whitespace between the field name {_shown(name.rstrip())} and its colon (RFC 9112 section 5.1)"
                )
            byte = name.translate(None, TOKEN_BYTES)[0]
            raise RemoteProtocolError(
                f"field name {_shown(name)} in line {number} of the {what} holds the byte 0x{byte:02x}; "
                "expected a token (RFC 9110 section 5.6.2)"
            )
        value = value.strip(b" \t")
        bad = _forbidden(value, profile)
        if bad is not None:
            raise RemoteProtocolError(
                f"value of field {_shown(name)} of the {what} holds the byte 0x{bad:02x}; "
                "no control byte but tab may stand there (RFC 9110 section 5.5)"
            )
        triples.append((name, name.lower(), value))
    return triples


def _forbidden(value: bytes, profile: Profile) -> int | None:
    allowed = _NEVER_IN_VALUE if "control_bytes" in profile.quirks else VALUE_BYTES
    left = value.translate(None, allowed)
    return left[0] if left else None


def _framed(triples: Triples, version: bytes, profile: Profile) -> tuple[Triples, Found]:
    """Judge Content-Length and Transfer-Encoding (RFC 9112 section 6)."""
    quirks = profile.quirks
    lengths = [value for _, lower, value in triples if lower == b"content-length"]
    codings = [value for _, lower, value in triples if lower == b"transfer-encoding"]
    if lengths and "repeated_length" not in quirks and (len(lengths) > 1 or b"," in lengths[0]):
        raise RemoteProtocolError("more than one Content-Length value; expected one (RFC 9112 section 6.3)")
    try:
        triples = check_framing(triples)
    except LocalProtocolError as error:
        raise RemoteProtocolError(str(error), error.error_status_hint) from None
    if codings and lengths and "length_and_chunked" not in quirks:
        raise RemoteProtocolError("both Content-Length and Transfer-Encoding; expected one (RFC 9112 section 6.1)")
    if codings and version < b"1.1" and "http10_chunked" not in quirks:
        raise RemoteProtocolError(
            f"Transfer-Encoding in an HTTP/{version.decode()} message, which has none (RFC 9112 section 6.1)"
        )
    return triples, survey(triples)


def _version(value: bytes, profile: Profile, what: str) -> bytes:
    match = _VERSION.fullmatch(value)
    if match is None:
        raise RemoteProtocolError(f"illegal {what}: version {_shown(value)}; expected HTTP/1.1")
    version: bytes = match[1]
    if profile.strict and not version.startswith(b"1"):
        raise RemoteProtocolError(f"HTTP/{version.decode()} is not supported; expected HTTP/1.1", 505)
    return version


def read_request_head(head: bytes, profile: Profile) -> tuple[bytes, bytes, bytes, Triples, Found]:
    """Take the head of a request apart.

    Args:
        head: The head with its blank line.
        profile: What is taken.

    Returns:
        Method, target, version, fields, and what matters of them.

    Raises:
        RemoteProtocolError: The head is not valid, or passes a limit.
    """
    check_limits(head, profile, of="request")
    lines = _lines(head, profile)
    line = lines[0]
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(
            f"illegal request line: {line.count(b' ')} spaces in {len(line)} bytes; "
            "expected method, target and version with one space between"
        )
    method, target = match[1], match[2]
    if not is_token(method):
        raise RemoteProtocolError(f"illegal request line: method {_shown(method)} is not a token")
    bad = target.translate(None, TARGET_BYTES)
    if bad or not target:
        raise RemoteProtocolError(
            f"illegal request line: target holds the byte 0x{bad[0]:02x}; expected visible ASCII"
            if bad
            else "illegal request line: the target is empty"
        )
    version = _version(match[3], profile, "request line")
    triples, found = _framed(_fields(lines[1:], "request head", profile), version, profile)
    hosts = [value for _, lower, value in triples if lower == b"host"]
    if len(hosts) > 1:
        raise RemoteProtocolError(f"{len(hosts)} Host fields; a request has one (RFC 9112 section 3.2)")
    if not hosts and (version == b"1.1" or (profile.strict and version > b"1.1")):
        raise RemoteProtocolError("missing Host field; HTTP/1.1 demands one (RFC 9112 section 3.2)")
    if profile.strict:
        if hosts and not is_host(hosts[0]):
            raise RemoteProtocolError("Host field is not valid; expected host or host:port (RFC 9110 section 7.2)")
        _check_target(method, target)
    return method, target, version, triples, found


def _check_target(method: bytes, target: bytes) -> None:
    """RFC 9112 section 3.2: which form of target goes with which method."""
    if method == b"CONNECT":
        if not is_host(target, need_port=True):
            raise RemoteProtocolError("target of CONNECT is not host:port (RFC 9112 section 3.2.3)")
    elif target == b"*":
        if method != b"OPTIONS":
            raise RemoteProtocolError(f"target * with method {_shown(method)}; it goes with OPTIONS only")
    elif not target.startswith(b"/"):
        if not _SCHEME.match(target):
            raise RemoteProtocolError("target is neither a path nor an absolute URI (RFC 9112 section 3.2)")
        if is_host(target, need_port=True):
            raise RemoteProtocolError("target is host:port, which goes with CONNECT only (RFC 9112 section 3.2.3)")
        if _HTTP.match(target):
            authority = _HTTP_AUTHORITY.match(target)
            if authority is None or authority[1].startswith(b":") or not authority[1] or not is_host(authority[1]):
                raise RemoteProtocolError("absolute target has no valid host (RFC 9110 section 4.2.1)")


def read_response_head(head: bytes, profile: Profile) -> tuple[bytes, int, bytes, Triples, Found]:
    """Take the head of a response apart.

    Args:
        head: The head with its blank line.
        profile: What is taken.

    Returns:
        Version, status code, reason, fields, and what matters of them.

    Raises:
        RemoteProtocolError: The head is not valid, or passes a limit.
    """
    check_limits(head, profile, of="response")
    lines = _lines(head, profile)
    line = lines[0]
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(
            f"illegal status line of {len(line)} bytes that begins with {_shown(line[:16])}; "
            "expected version, status code from 100 to 999 and reason"
        )
    version = _version(match[1], profile, "status line")
    if match[3] is None and "missing_reason" not in profile.quirks:
        raise RemoteProtocolError("illegal status line: no space after the status code (RFC 9112 section 4)")
    reason = (match[3] or b" ")[1:]
    bad = _forbidden(reason, profile)
    if bad is not None:
        raise RemoteProtocolError(f"illegal status line: the reason holds the byte 0x{bad:02x}")
    triples, found = _framed(_fields(lines[1:], "response head", profile), version, profile)
    if int(match[2]) < 100:
        raise RemoteProtocolError(f"illegal status code {match[2].decode()}; expected 100 to 999")
    return version, int(match[2]), reason, triples, found


def read_trailers(section: bytes, profile: Profile) -> Triples:
    """Take a trailer section apart; it ends with its blank line.

    Raises:
        RemoteProtocolError: The section is not valid, or passes a limit.
    """
    check_limits(section, profile, of="trailers")
    triples = _fields(_lines(section, profile), "trailer section", profile)
    if "trailer_fields" not in profile.quirks:
        for raw, lower, _ in triples:
            if lower in FORBIDDEN_IN_TRAILERS:
                raise RemoteProtocolError(
                    f"field {_shown(raw)} in the trailer section; it may not stand there (RFC 9110 section 6.5.1)"
                )
    try:
        return check_framing(triples)
    except LocalProtocolError as error:
        raise RemoteProtocolError(str(error), error.error_status_hint) from None
