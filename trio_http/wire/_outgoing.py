"""Outgoing messages: from what handlers and users made to what the core sends. Framing is chosen here and only here."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from .. import h1
from .._errors import LocalProtocolError
from ..messages import Content, Response, SendChunk
from ..semantics import Headers, reason_bytes
from ._http1 import HTTP1Stream
from ._sending import JOIN_MAX
from ._sending_files import part_sender, send_head_of_file

__all__ = [
    "NO_BODY",
    "begin_response",
    "plain_answer",
    "request_head",
    "response_head",
    "send_content",
    "send_response",
    "stream_content",
]

Item = tuple[bytes, bytes, bytes]

# Fields about one connection (RFC 9110 section 7.6.1): a handler that passes on another server's answer has them in
# its headers, but they were about that server's connection. Framing is ours to choose.
_HOP = frozenset((b"connection", b"transfer-encoding", b"keep-alive", b"proxy-connection"))
# and in requests: to switch is agreed on between two ends of one connection (in a 426 the field is advice)
_HOP_ASKED = _HOP | {b"upgrade"}
_CLOSE: Item = (b"Connection", b"connection", b"close")
_CHUNKED: Item = (b"Transfer-Encoding", b"transfer-encoding", b"chunked")
NO_BODY = (204, 304)


def plain_answer(stream: HTTP1Stream, response: Response, fixed_lines: bytes) -> bytes | None:
    """Return the commonest kind of answer as bytes to be sent, or None: then it is a case for :func:`send_response`.

    Args:
        stream: The connection, whose core waits for a response and may be kept open after it.
        response: What the handler returned.
        fixed_lines: The fields of every answer, each with its CRLF.
    """
    # Hot: once per exchange, 1.5 us. A small body that is there, no fields about framing or the connection.
    data = response.in_memory
    if data is None or response.reason is not None or len(data) > JOIN_MAX or response.trailers_to_send is not None:
        return None
    status = response.status
    return stream.core.send_plain_answer(status, reason_bytes(status), response.headers.items_list, fixed_lines, data)


async def send_response(
    stream: HTTP1Stream, response: Response, *, fixed: Sequence[Item], close: bool, head_only: bool
) -> None:
    """Send a final response on a server's connection.

    Args:
        stream: The connection, whose core waits for a response.
        response: What the handler returned. Its body is closed by us on every path.
        fixed: Fields to be added unless there are such: Date, Server.
        close: Say that the connection ends after this.
        head_only: The request was HEAD.

    Raises:
        LocalProtocolError: The response breaks HTTP, such as a body that does not fit its Content-Length.
        WriteTimeout, WriteError: The peer takes no bytes, or is gone.
    """
    items = _all_items(response, fixed, close=close)
    content = response.outgoing
    data = content.data
    no_body = head_only or response.status in NO_BODY
    trailers = response.trailers_to_send
    if trailers is not None and (
        no_body or (not trailers and data is not None) or (stream.core.their_http_version or b"") < b"1.1"
    ):
        trailers = None  # only chunks carry them (RFC 9110 section 6.5): here they are left out, as on any such hop
    if trailers is not None:
        items = _with_trailers(items, trailers, counted=data is None)
    head = response_head(response, items)
    if data is not None and trailers is None:
        await stream.send_message(head, b"" if response.status in NO_BODY else data)
    elif data is not None and trailers is not None:
        pieces = [stream.core.send(head)]
        for event in (h1.Data(data=data), h1.EndOfMessage(headers=h1.Headers(trailers.items_list))):
            pieces += stream.core.send_with_data_passthrough(event) or ()
        await stream.send_pieces(pieces)
    else:
        try:
            if content.has_file_parts and not no_body:
                await send_head_of_file(stream, stream.core.send(head))
            else:
                await stream.send_pieces((stream.core.send(head),))
        except BaseException:
            await content.aclose()
            raise
        if no_body:
            await content.aclose()
            await stream.send_event(h1.EndOfMessage())
        else:
            await stream_content(stream, content, trailers)


async def begin_response(
    stream: HTTP1Stream, response: Response, first: bytes, *, fixed: Sequence[Item], close: bool
) -> None:
    """Send the head of a response, and the first bytes of its body with it; the rest is sent by events.

    Args:
        stream: The connection, whose core waits for a response.
        response: Status and fields; its body is not looked at.
        first: The beginning of the body; ``b""`` where none has to come, or may come.
        fixed: Fields to be added unless there are such: Date, Server.
        close: Say that the connection ends after this.

    Raises:
        LocalProtocolError: The response breaks HTTP.
        WriteTimeout, WriteError: The peer takes no bytes, or is gone.
    """
    pieces: list[bytes | memoryview] = []
    pieces += (stream.core.send(response_head(response, _all_items(response, fixed, close=close))),)
    if first:
        pieces += stream.core.send_with_data_passthrough(h1.Data(data=first)) or ()
    await stream.send_pieces(pieces)


def _all_items(response: Response, fixed: Sequence[Item], *, close: bool) -> list[Item]:
    items = response.headers.items_list
    for item in items:
        if item[1] in _HOP:
            items, closing = _without_hop_fields(items, _HOP)
            close = close or closing
            break
    names = {item[1] for item in items}
    items = [*items, *(item for item in fixed if item[1] not in names)]
    if close:
        items = [*items, _CLOSE]
    return items


def response_head(response: Response, items: list[Item]) -> h1.Response:
    """Make the head of a response, with all its fields given.

    Raises:
        LocalProtocolError: Its reason phrase cannot be sent.
    """
    reason = reason_bytes(response.status) if response.reason is None else _checked_reason(response.reason)
    return h1.Response.trusted(response.status, h1.Headers(items), reason)


def _with_trailers(items: list[Item], trailers: Headers, *, counted: bool) -> list[Item]:
    """Announce trailers (RFC 9110 section 6.6.2), and have the body sent in chunks, which alone carry them."""
    if not counted:
        items = [*(item for item in items if item[1] != b"content-length"), _CHUNKED]
    if trailers and not any(item[1] == b"trailer" for item in items):  # those of a stream may be known at its end only
        names = dict.fromkeys(raw for raw, _, _ in trailers.items_list)
        items = [*items, (b"Trailer", b"trailer", b", ".join(names))]
    return items


def _checked_reason(reason: str) -> bytes:
    # users may set it at any time, so it is checked here
    if not reason.isprintable() or not reason.isascii():
        raise LocalProtocolError(f"the reason phrase {reason!a} cannot be sent: it is one line of printable ASCII")
    return reason.encode("ascii")


async def stream_content(stream: HTTP1Stream, content: Content, trailers: Headers | None) -> None:
    """Send a body piece by piece, and its end.

    Raises:
        LocalProtocolError: It is longer or shorter than its declared length.
        WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.
        Exception: Whatever the user's iterator or producer raises.
    """
    await send_content(stream, content)
    end = h1.EndOfMessage() if trailers is None else h1.EndOfMessage(headers=h1.Headers(trailers.items_list))
    # no checkpoint as in send_event(): every piece has been one, and waiting for the next request is
    pieces = stream.core.send_with_data_passthrough(end)
    if pieces:
        await stream.send_pieces(pieces)


async def send_content(stream: HTTP1Stream, content: Content) -> None:
    """Send a part of a body, piece by piece; parts of files as such where that can be.

    Raises:
        As :func:`stream_content`.
    """
    await content.send_to(_chunk_sender(stream), part_sender(stream))


def _chunk_sender(stream: HTTP1Stream) -> SendChunk:
    async def send(chunk: bytes) -> None:
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise TypeError(f"a piece of a body is bytes, not {type(chunk).__name__}: {chunk!r:.60}")
        if chunk:
            await stream.send_event(h1.Data(data=chunk))
        else:
            await trio.lowlevel.checkpoint()  # an empty chunk would be the end on the wire

    return send


def request_head(
    method: str, target: bytes, items: list[Item], content: Content, *, streamed: bool, upgrade: bytes | None = None
) -> h1.Request:
    """Make the head of a request, with the framing of its body.

    Args:
        method: The method, known to be a token.
        target: The target as it goes into the request line.
        items: All fields, Host among them, known to be valid; those about a connection are left out, but for
            ``Connection: close``.
        content: The body to come.
        streamed: The body will be sent piece by piece, so the head must say how it ends.
        upgrade: The protocol to switch to (RFC 9110 section 7.8).
    """
    for item in items:
        if item[1] in _HOP_ASKED:
            items, closing = _without_hop_fields(items, _HOP_ASKED)
            if closing:
                items.append(_CLOSE)
            break
    if upgrade is not None:
        items = [*items, (b"Connection", b"connection", b"upgrade"), (b"Upgrade", b"upgrade", upgrade)]
    if streamed and not any(item[1] == b"content-length" for item in items):
        items = [*items, _CHUNKED if content.length is None else _content_length(content.length)]
    return h1.Request.trusted(method.encode("ascii"), target, h1.Headers(items))


def _content_length(length: int) -> Item:
    return (b"Content-Length", b"content-length", b"%d" % length)


def _without_hop_fields(items: list[Item], hop: frozenset[bytes]) -> tuple[list[Item], bool]:
    """Return the items without those about a connection, and whether they asked to close it."""
    named = {token.strip().lower() for item in items if item[1] == b"connection" for token in item[2].split(b",")}
    named.discard(b"host")  # whoever sent these fields to a proxy does not choose where its request goes
    return [item for item in items if item[1] not in hop and item[1] not in named], b"close" in named
