"""Socket options: what ``setsockopt`` was told, and what follows from it; what a socket is, it answers by itself."""

from __future__ import annotations

import socket as stdlib
import struct
from typing import TYPE_CHECKING, Final, final

from ._tcp import End

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["SocketOptions", "as_asked"]

_LINGER: Final = struct.Struct("ii")
_REUSEPORT: Final = getattr(stdlib, "SO_REUSEPORT", 15)


def as_asked(value: int | bytes, buflen: int | None) -> int | bytes:
    """Return a value as ``getsockopt`` does: as a number, or as at most ``buflen`` bytes."""
    if buflen is None:
        return int.from_bytes(value[:4].ljust(4, b"\0"), "little", signed=True) if isinstance(value, bytes) else value
    return (value.to_bytes(4, "little", signed=True) if isinstance(value, int) else value)[:buflen]


@final
class SocketOptions:
    """The options of one socket that were set; an option that was not is 0 unless somebody knows better."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[tuple[int, int], int | bytes] = {}

    def get(self, level: int, optname: int, default: int = 0) -> int | bytes:
        """Return what was set, or the default."""
        return self._values.get((level, optname), default)

    def set(self, level: int, optname: int, value: int | Buffer | None, optlen: int | None) -> None:
        """Keep a value: a number, bytes, or ``optlen`` zero bytes.

        Raises:
            TypeError: a value and a length were given, or neither.
        """
        if value is None:
            if optlen is None:
                raise TypeError("setsockopt: give a value, or None and optlen")
            kept: int | bytes = bytes(optlen)
        elif optlen is not None:
            raise TypeError(f"setsockopt: optlen={optlen!r} is for value=None; the value has a length of its own")
        else:
            kept = int(value) if isinstance(value, int) else bytes(value)
        if level == stdlib.SOL_SOCKET and optname in (stdlib.SO_SNDBUF, stdlib.SO_RCVBUF) and isinstance(kept, int):
            kept *= 2  # Linux's own accounting
        self._values[level, optname] = kept

    def size_buffers(self, end: End) -> None:
        """Give an end the buffers that were asked for; a listener's hold for what it accepts."""
        size = self.get(stdlib.SOL_SOCKET, stdlib.SO_SNDBUF, end.send_buffer)
        if isinstance(size, int):
            end.send_buffer = size
        size = self.get(stdlib.SOL_SOCKET, stdlib.SO_RCVBUF, end.receive_buffer)
        if isinstance(size, int):
            end.receive_buffer = size

    @property
    def only_ipv6(self) -> bool:
        """Whether IPV6_V6ONLY is set."""
        return bool(self.get(stdlib.IPPROTO_IPV6, stdlib.IPV6_V6ONLY))

    @property
    def shares_port(self) -> bool:
        """Whether SO_REUSEPORT is set."""
        return bool(self.get(stdlib.SOL_SOCKET, _REUSEPORT))

    @property
    def reuses_address(self) -> bool:
        """Whether SO_REUSEADDR is set."""
        return bool(self.get(stdlib.SOL_SOCKET, stdlib.SO_REUSEADDR))

    @property
    def resets_on_close(self) -> bool:
        """Whether SO_LINGER says to wait 0 seconds for what was sent to arrive."""
        linger = self.get(stdlib.SOL_SOCKET, stdlib.SO_LINGER)
        return isinstance(linger, bytes) and len(linger) == _LINGER.size and _LINGER.unpack(linger) == (1, 0)
