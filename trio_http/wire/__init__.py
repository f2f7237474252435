"""HTTP/1.1 on a transport: heads, bodies and framing with the deadline of each wait."""

from ._connection import HTTP1Connection, MessageHead
from ._decoding import DecodedBody
from ._http1 import HTTP1Stream
from ._incoming import IncomingBody
from ._outgoing import (
    NO_BODY,
    begin_response,
    plain_answer,
    request_head,
    response_head,
    send_content,
    send_response,
    stream_content,
)
from ._sending import JOIN_MAX, Unsent
from ._timing import Timing
from ._upgraded import UpgradedStream

__all__ = [
    "JOIN_MAX",
    "NO_BODY",
    "DecodedBody",
    "HTTP1Connection",
    "HTTP1Stream",
    "IncomingBody",
    "MessageHead",
    "Timing",
    "Unsent",
    "UpgradedStream",
    "begin_response",
    "plain_answer",
    "request_head",
    "response_head",
    "send_content",
    "send_response",
    "stream_content",
]
