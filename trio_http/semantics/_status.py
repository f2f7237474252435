"""Status codes, their phrases and their classes: RFC 9110 section 15 and the IANA registry."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Self, final

__all__ = ["Status", "phrases", "reason_bytes"]


@final
class Status(IntEnum):
    """A status code; an int with a phrase.

    Where names differ between the world's tables, the second name of a code is an alias of the first. 444, 499 and
    599 are never on the wire: they stand in logs, for a connection closed without an answer, a client that has left,
    and a network timeout.

    Example:
        >>> Status.NOT_FOUND == 404, Status(404).phrase, Status.NOT_FOUND.is_client_error
        (True, 'Not Found', True)
    """

    phrase: str
    """The reason phrase of the registry, such as ``"Not Found"``."""

    def __new__(cls, code: int, phrase: str = "") -> Self:
        self = int.__new__(cls, code)
        self._value_ = code
        self.phrase = phrase
        return self

    CONTINUE = 100, "Continue"
    SWITCHING_PROTOCOLS = 101, "Switching Protocols"
    PROCESSING = 102, "Processing"
    EARLY_HINTS = 103, "Early Hints"

    OK = 200, "OK"
    CREATED = 201, "Created"
    ACCEPTED = 202, "Accepted"
    NON_AUTHORITATIVE_INFORMATION = 203, "Non-Authoritative Information"
    NO_CONTENT = 204, "No Content"
    RESET_CONTENT = 205, "Reset Content"
    PARTIAL_CONTENT = 206, "Partial Content"
    MULTI_STATUS = 207, "Multi-Status"
    ALREADY_REPORTED = 208, "Already Reported"
    IM_USED = 226, "IM Used"

    MULTIPLE_CHOICES = 300, "Multiple Choices"
    MOVED_PERMANENTLY = 301, "Moved Permanently"
    FOUND = 302, "Found"
    SEE_OTHER = 303, "See Other"
    NOT_MODIFIED = 304, "Not Modified"
    USE_PROXY = 305, "Use Proxy"
    TEMPORARY_REDIRECT = 307, "Temporary Redirect"
    PERMANENT_REDIRECT = 308, "Permanent Redirect"

    BAD_REQUEST = 400, "Bad Request"
    UNAUTHORIZED = 401, "Unauthorized"
    PAYMENT_REQUIRED = 402, "Payment Required"
    FORBIDDEN = 403, "Forbidden"
    NOT_FOUND = 404, "Not Found"
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed"
    NOT_ACCEPTABLE = 406, "Not Acceptable"
    PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required"
    REQUEST_TIMEOUT = 408, "Request Timeout"
    CONFLICT = 409, "Conflict"
    GONE = 410, "Gone"
    LENGTH_REQUIRED = 411, "Length Required"
    PRECONDITION_FAILED = 412, "Precondition Failed"
    PAYLOAD_TOO_LARGE = 413, "Content Too Large"
    CONTENT_TOO_LARGE = 413
    REQUEST_ENTITY_TOO_LARGE = 413
    REQUEST_URI_TOO_LONG = 414, "URI Too Long"
    URI_TOO_LONG = 414
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type"
    REQUESTED_RANGE_NOT_SATISFIABLE = 416, "Range Not Satisfiable"
    RANGE_NOT_SATISFIABLE = 416
    EXPECTATION_FAILED = 417, "Expectation Failed"
    TEAPOT = 418, "I'm a Teapot"
    IM_A_TEAPOT = 418
    MISDIRECTED_REQUEST = 421, "Misdirected Request"
    UNPROCESSABLE_ENTITY = 422, "Unprocessable Content"
    UNPROCESSABLE_CONTENT = 422
    LOCKED = 423, "Locked"
    FAILED_DEPENDENCY = 424, "Failed Dependency"
    TOO_EARLY = 425, "Too Early"
    UPGRADE_REQUIRED = 426, "Upgrade Required"
    PRECONDITION_REQUIRED = 428, "Precondition Required"
    TOO_MANY_REQUESTS = 429, "Too Many Requests"
    REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large"
    CONNECTION_CLOSED_WITHOUT_RESPONSE = 444, "Connection Closed Without Response"
    UNAVAILABLE_FOR_LEGAL_REASONS = 451, "Unavailable For Legal Reasons"
    CLIENT_CLOSED_REQUEST = 499, "Client Closed Request"

    INTERNAL_SERVER_ERROR = 500, "Internal Server Error"
    NOT_IMPLEMENTED = 501, "Not Implemented"
    BAD_GATEWAY = 502, "Bad Gateway"
    SERVICE_UNAVAILABLE = 503, "Service Unavailable"
    GATEWAY_TIMEOUT = 504, "Gateway Timeout"
    HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported"
    VARIANT_ALSO_NEGOTIATES = 506, "Variant Also Negotiates"
    INSUFFICIENT_STORAGE = 507, "Insufficient Storage"
    LOOP_DETECTED = 508, "Loop Detected"
    NOT_EXTENDED = 510, "Not Extended"
    NETWORK_AUTHENTICATION_REQUIRED = 511, "Network Authentication Required"
    NETWORK_CONNECT_TIMEOUT_ERROR = 599, "Network Connect Timeout Error"

    @property
    def is_informational(self) -> bool:
        """Whether this is an interim response, 1xx."""
        return 100 <= self <= 199

    @property
    def is_success(self) -> bool:
        """Whether the request was received, understood and accepted, 2xx."""
        return 200 <= self <= 299

    @property
    def is_redirection(self) -> bool:
        """Whether the client has more to do, 3xx (304 among them)."""
        return 300 <= self <= 399

    @property
    def is_redirect(self) -> bool:
        """Whether a client follows it to its ``Location``: 301, 302, 303, 307 or 308."""
        return self in {301, 302, 303, 307, 308}

    @property
    def is_client_error(self) -> bool:
        """Whether the request is to blame, 4xx."""
        return 400 <= self <= 499

    @property
    def is_server_error(self) -> bool:
        """Whether the server is to blame, 5xx."""
        return 500 <= self <= 599

    @property
    def is_error(self) -> bool:
        """Whether the request has failed, 4xx or 5xx."""
        return 400 <= self <= 599


phrases: Final[dict[int, str]] = {status.value: status.phrase for status in Status}
"""The phrase of every code known here."""

_reasons = {code: phrase.encode() for code, phrase in phrases.items()}


def reason_bytes(code: int) -> bytes:
    """Return the phrase of a code as it stands in a status line, ``b""`` for a code not known here."""
    return _reasons.get(code, b"")
