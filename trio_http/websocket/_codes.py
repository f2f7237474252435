"""The numbers of RFC 6455: opcodes and close codes; which of them may travel, and how."""

from __future__ import annotations

from enum import IntEnum

from .._errors import LocalProtocolError

__all__ = ["WebSocketOpCode", "close_payload", "is_valid_close_code"]

_REASON_MAX = 123  # bytes; a control frame holds 125, two of them are the code
_NEVER_SENT = (1005, 1006, 1015)


class WebSocketOpCode(IntEnum):
    """What a frame is (RFC 6455 section 5.2); ``OPEN`` is no frame but the beginning of a connection."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10
    OPEN = 255


# RFC 6455 section 7.4.1 and the IANA registry; 1004 is reserved, 1005, 1006 and 1015 never travel.
_SENDABLE = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))


def is_valid_close_code(code: int) -> bool:
    """Tell whether a close frame may carry this code (RFC 6455 section 7.4)."""
    return code in _SENDABLE or 3000 <= code <= 4999


def close_payload(code: int | None, reason: str | None) -> bytes:
    """Return what a close frame carries; a reason that is too long is cut between characters.

    Raises:
        LocalProtocolError: The code may not be sent.
    """
    if code is None or code == 1005:
        return b""  # "no status code was present": that is what answers a close frame without one
    if code in _NEVER_SENT:
        code = 1000
    elif not is_valid_close_code(code):
        raise LocalProtocolError(f"the close code {code} may not be sent: use 1000, 1001, 1011 or 3000 to 4999")
    text = (reason or "").encode("utf-8", "replace")
    if len(text) > _REASON_MAX:
        text = text[:_REASON_MAX].decode("utf-8", "ignore").encode()
    return code.to_bytes(2, "big") + text
