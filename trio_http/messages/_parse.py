"""A request out of its bytes, without a connection: for recordings, tests and tools."""

from __future__ import annotations

from .. import h1
from .._errors import RemoteProtocolError
from ..semantics import Headers
from ._request import Request

__all__ = ["parse_request"]


def parse_request(raw: bytes) -> Request:
    """Return the request that ``raw`` holds as it would stand on the wire, body and all.

    Raises:
        RemoteProtocolError: It is no valid request, is not complete, or something follows it.
    """
    core = h1.Connection(h1.SERVER, strict=True)
    core.receive_data(raw)
    core.receive_data(b"")
    head = core.receive_head()
    if not isinstance(head, h1.Request):
        raise RemoteProtocolError("these bytes hold no request; expected a request line, fields and an empty line")
    pieces: list[bytes] = []
    while core.their_state is h1.SEND_BODY:
        event = core.next_event()
        if isinstance(event, h1.Data):
            pieces.append(event.data)
    if core.trailing_data[0]:
        raise RemoteProtocolError(f"{len(core.trailing_data[0])} bytes follow the request; expected its end")
    return Request(
        head.method.decode("ascii"),
        head.target,
        headers=Headers.from_items(head.headers.triples),
        content=b"".join(pieces),
        http_version="HTTP/" + head.http_version.decode("ascii"),
    )
