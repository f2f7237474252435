"""Sending parts of files as such: on a plain socket the kernel does it, and no byte passes through this process.

How it works
------------
* The core frames a part like any other piece of a body, by its length; what it gives back holds the part in the place
  of its bytes.
* It is sent in steps. Before each the part's owner sees to it that the bytes are in memory, because ``sendfile`` would
  wait for the disk and everybody with it. A step that the peer does not take at once waits under the deadline and
  rate of everything that is sent; waiting for the disk is not the peer's fault and counts for nothing.
"""

from __future__ import annotations

from typing import Any, Final, cast

import trio

from .. import h1
from ..messages import FilePart, SendPart
from ..transport import FileNotSendable, SocketTransport
from ._sending import SendingLine

__all__ = ["part_sender", "send_head_of_file"]

STEP: Final = 1024 * 1024  # bytes between two turns of other tasks: 0.1 to 0.3 ms, as for so many bytes in memory


def part_sender(line: SendingLine) -> SendPart | None:
    """Return what sends a part of a file on this connection, or None if it takes bytes only.

    It raises as :meth:`SendingLine.send_event` does, and OSError if the file cannot be read or has become shorter; the
    connection is broken then, because its peer has been promised more.
    """
    transport = line.transport
    if not isinstance(transport, SocketTransport):
        return None

    async def send_part(part: FilePart) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if not len(part):
            return
        # the core measures the part and passes it through: it does not look into what it frames
        pieces = line.core.send_with_data_passthrough(h1.Data(data=cast("Any", part)))
        for piece in pieces or ():
            if cast("object", piece) is part:
                await _send(line, transport, part)
            else:
                await line.send_pieces((piece,))

    return send_part


async def send_head_of_file(line: SendingLine, head: bytes) -> None:
    """Send a head that a part of a file follows at once, so that both begin in one packet.

    Raises:
        WriteTimeout, TotalTimeout, WriteError: The peer takes no bytes, or is gone.

    Cancellation:
        The connection is broken, unless nothing had been sent.
    """
    transport = line.transport
    sent = transport.send_more_nowait(head) if isinstance(transport, SocketTransport) else 0
    line.sent += sent
    if sent < len(head):
        line.broken = sent > 0
        await line.send_pieces((head[sent:],))
        line.broken = False


async def _send(line: SendingLine, transport: SocketTransport, part: FilePart) -> None:
    line.broken = True  # until all that has been announced is sent
    start = part.start
    count = 0

    async def when_writable() -> int:
        await transport.wait_writable()
        return transport.send_file_nowait(part.descriptor, start, count) or 0

    while start < part.stop:
        count = min(STEP, part.stop - start)
        if start > part.start:
            await trio.lowlevel.checkpoint()  # the others' turn
        await part.load(start, start + count)
        try:
            sent = transport.send_file_nowait(part.descriptor, start, count)
        except FileNotSendable:
            await _send_read(line, part, start)
            break
        if sent is None:
            sent = await line.send_in_time(when_writable)
        else:
            line.sent += sent
            line.writing.moved += sent
        start += sent
    line.broken = False


async def _send_read(line: SendingLine, part: FilePart, start: int) -> None:
    while start < part.stop:
        data = await part.read(start, part.stop)
        await line.send_pieces((data,))
        line.broken = True
        start += len(data)
