"""From the bytes of a head to its parts: the fast way, for heads without any oddity.

How it works: one ``translate`` over the whole head deletes every byte that may not stand in a field. If that takes
away exactly a CR and an LF for each line end, there is no control byte, no bare CR and no bare LF, and the rest needs
no further look at single bytes. Names go through a dictionary of known spellings, which checks and lower-cases them
in one look-up. Whatever is unusual makes these functions return None, and :mod:`._careful` reads the head again,
slowly, to find what the profile makes of it: these functions never judge, they only recognise the plain case.
"""

from __future__ import annotations

from .._grammar import FORBIDDEN_IN_VALUE, SEEN_NAMES, lower_name

__all__ = ["FRAMING", "METHODS", "STATUS_CODES", "Found", "Triples", "has_token", "read_fields", "survey"]

Triples = list[tuple[bytes, bytes, bytes]]
# the fields that decide about the connection, by lower-case name; repeated ones joined with a comma
Found = dict[bytes, bytes]

# what the core itself must know of a head
FRAMING = frozenset({b"connection", b"content-length", b"expect", b"host", b"transfer-encoding", b"upgrade"})
# of these, the ones that may be repeated: they are lists
_LISTS = frozenset({b"connection", b"expect", b"upgrade"})

METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"})
STATUS_CODES = {b"%d" % code: code for code in range(100, 1000)}


# Lines that come again and again, each with the field it makes, so that most fields of most heads cost one look-up.
# Only fields of these names are kept: none of them holds a secret, and none is one of FRAMING, which need a look
# each time. A line is kept when it comes twice in a row under its name: values that never repeat (counters, times) cost
# one comparison and push nothing out. Bounded in number and size; when it is full it begins anew, so nobody can fill it
# up for ever.
_REPEATING = frozenset(
    b"accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-headers "
    b"access-control-allow-methods access-control-allow-origin access-control-max-age alt-svc cache-control "
    b"content-encoding content-language content-type date dnt keep-alive permissions-policy pragma priority "
    b"referrer-policy sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site "
    b"sec-fetch-user server strict-transport-security te trailer upgrade-insecure-requests user-agent vary via "
    b"x-content-type-options x-frame-options x-powered-by x-requested-with x-xss-protection".split()
)
_LINES_MAX = 1024
_LINE_LENGTH_MAX = 160
# One line about the connection is known from the start and says nothing: keeping it is what HTTP/1.1 does anyway, and
# only HTTP/1.1 heads are read here. Most browsers and clients send it.
_SAYS_NOTHING = {
    b"%b: keep-alive" % name: (name, b"connection", b"keep-alive") for name in (b"Connection", b"connection")
}
_lines: dict[bytes, tuple[bytes, bytes, bytes]] = dict(_SAYS_NOTHING)
_last: dict[bytes, bytes] = dict.fromkeys(_REPEATING, b"")  # the last unknown line of each name


def read_fields(head: bytes) -> tuple[bytes, Triples, Found] | None:
    """Take a head apart whose lines are all plain.

    Args:
        head: The head without the CRLF of its last line and without the blank line.

    Returns:
        The start line, the fields, and what is found of :data:`FRAMING`; None if something is unusual.
    """
    lines = head.split(b"\r\n")
    if len(head) - len(head.translate(None, FORBIDDEN_IN_VALUE)) != 2 * len(lines) - 2:
        return None
    known_line = _lines.get
    known_name = SEEN_NAMES.get
    triples: Triples = []
    append = triples.append
    found: Found = {}
    start = lines[0]
    del lines[0]
    try:
        # The hottest loop of the package: 0.07 us for a line that was seen before, 0.3 for another. `strip()` without
        # argument is the fast one, and of all whitespace only space and tab have got past the check above.
        for line in lines:
            triple = known_line(line)
            if triple is not None:
                append(triple)
                continue
            name, value = line.split(b":", 1)
            lower = known_name(name)
            if lower is None:
                lower = lower_name(name)
                if lower is None:
                    return None
            value = value.strip()
            triple = (name, lower, value)
            append(triple)
            if lower in FRAMING:
                if lower in found:
                    if lower not in _LISTS:
                        return None
                    found[lower] += b"," + value
                else:
                    found[lower] = value
            elif lower in _last and len(line) <= _LINE_LENGTH_MAX:
                if _last[lower] != line:
                    _last[lower] = line
                else:
                    if len(_lines) >= _LINES_MAX:
                        _lines.clear()
                        _lines.update(_SAYS_NOTHING)
                    _lines[line] = triple
    except ValueError:  # a line without a colon
        return None
    return start, triples, found


def survey(triples: Triples) -> Found:
    """Pick the :data:`FRAMING` fields out; of one that is no list the first counts."""
    found: Found = {}
    for _, lower, value in triples:
        if lower in FRAMING:
            if lower not in found:
                found[lower] = value
            elif lower in _LISTS:
                found[lower] += b"," + value
    return found


def has_token(value: bytes, token: bytes) -> bool:
    """Tell whether ``token``, in lower case, is an element of the comma-separated list."""
    if value == token:
        return True
    value = value.lower()
    return token in value and token in [element.strip() for element in value.split(b",")]
