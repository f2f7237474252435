"""HTTP/1.1 on a transport: heads, bodies and framing with the deadline of each wait."""

from ._connection import HTTP1Connection, MessageHead
from ._decoding import DecodedBody, unsupported
from ._http1 import HTTP1Stream
from ._incoming import IncomingBody
from ._outgoing import plain_answer, request_head, send_response, stream_content
from ._sending import Unsent
from ._timing import Timing
from ._upgraded import UpgradedStream

__all__ = [
    "DecodedBody",
    "HTTP1Connection",
    "HTTP1Stream",
    "IncomingBody",
    "MessageHead",
    "Timing",
    "Unsent",
    "UpgradedStream",
    "plain_answer",
    "request_head",
    "send_response",
    "stream_content",
    "unsupported",
]
