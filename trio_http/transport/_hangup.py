"""Asking the kernel whether a peer has sent its end, where unread bytes hide it from every read."""

from __future__ import annotations

import select
import socket
import struct

__all__ = ["has_hung_up"]

# what poll() tells of a connection whose peer has shut down sending, or is gone; Linux has it
_RDHUP = getattr(select, "POLLRDHUP", 0)
_GONE = select.POLLHUP | select.POLLERR

# the first byte of Linux's struct tcp_info
_CLOSE_WAIT, _CLOSED = 8, 7


def has_hung_up(sock: socket.socket, *, half_close: bool) -> bool:
    """Tell whether the peer is gone, or (without ``half_close``) has sent its end; False where nobody can know."""
    if sock.fileno() < 0:
        return True
    if _RDHUP:
        poll = select.poll()
        poll.register(sock, _RDHUP)
        found = poll.poll(0)
        flags = found[0][1] if found else 0
        return bool(flags & (_GONE if half_close else _GONE | _RDHUP))
    try:
        (state,) = struct.unpack("B", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))
    except (OSError, AttributeError):
        return False
    return state == _CLOSED or (state == _CLOSE_WAIT and not half_close)
