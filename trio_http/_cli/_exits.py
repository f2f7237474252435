"""How the client commands end: what goes wrong, as one line that says what to do and an exit code."""

from __future__ import annotations

from typing import Final

from .._errors import (
    BodyError,
    ConnectionClosed,
    HandshakeRejected,
    HTTPError,
    HTTPTimeout,
    InvalidURL,
    LocalProtocolError,
    ProtocolError,
    StatusError,
    TLSError,
    TooManyRedirects,
    TransportError,
)
from ..messages import Response
from ._parser import UsageError

__all__ = [
    "BAD_ANSWER",
    "BROKEN_PIPE",
    "CANNOT_WRITE",
    "EXIT_CODES",
    "INTERRUPTED",
    "OK",
    "USAGE",
    "exit_for",
    "of_status",
    "only_error",
]

OK: Final = 0
USAGE: Final = 2
CLIENT_ERROR: Final = 4
SERVER_ERROR: Final = 5
NO_CONNECTION: Final = 6
TIMED_OUT: Final = 7
NO_TLS: Final = 8
BAD_ANSWER: Final = 9
REDIRECTS: Final = 10
CANNOT_WRITE: Final = 11
INTERRUPTED: Final = 130  # as shells say of SIGINT
BROKEN_PIPE: Final = 141  # and of SIGPIPE

EXIT_CODES: Final = """\
exit codes:
  0    the answer was 2xx or 3xx
  2    the command was not understood, or a file it names cannot be read
  4    the answer was 4xx
  5    the answer was 5xx
  6    there was no connection, or it broke
  7    it took too long
  8    TLS failed
  9    the server broke HTTP, the body was cut short, or the WebSocket was closed with an error
  10   too many redirects
  11   a file cannot be written, or what is there cannot be continued
  130  interrupted by Ctrl-C
  141  whoever read the output has gone
"""


def of_status(status: int) -> int:
    """Return the exit code for an answer."""
    if status < 400:
        return OK
    return CLIENT_ERROR if status < 500 else SERVER_ERROR


def exit_for(error: Exception) -> tuple[int, str]:
    """Return the exit code for an error, and the line to print.

    Raises:
        Exception: The error itself, if it is none that a user could have caused.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    response = getattr(error, "response", None)
    if isinstance(error, StatusError | HandshakeRejected) and isinstance(response, Response):
        return of_status(response.status) or BAD_ANSWER, text
    match error:
        case UsageError() | InvalidURL() | LocalProtocolError():
            return USAGE, text
        case HTTPTimeout():
            return TIMED_OUT, f"{text}. Give it longer with --timeout SECONDS"
        case TLSError():
            return NO_TLS, f"{text}. Trust a private authority with --cafile FILE; --no-verify asks for no proof at all"
        case TooManyRedirects():
            return REDIRECTS, f"{text}. See where it goes with --no-follow"
        case ConnectionClosed() | BodyError() | ProtocolError():
            return BAD_ANSWER, text
        case TransportError():
            return NO_CONNECTION, text
        case HTTPError():
            return BAD_ANSWER, text
        case OSError():
            return CANNOT_WRITE, text
    raise error


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error inside groups of one; the group itself if there are several."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
