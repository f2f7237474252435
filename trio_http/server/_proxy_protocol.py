"""The PROXY protocol, versions 1 and 2: a load balancer says first whom a connection comes from.

Its own text (haproxy.org, "The PROXY protocol", section 2) forbids guessing: where it is expected, every connection has
to begin with it, and where it is not, none may. So it is only for listeners that nobody but the balancer can reach.
"""

from __future__ import annotations

import ipaddress
import struct

from .._errors import RemoteProtocolError
from ..messages import Address
from ..transport import Transport

__all__ = ["receive_source"]

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # of version 2; no HTTP request and no TLS handshake begins like this
_LINE_MAX = 107  # bytes of version 1, its CRLF included (section 2.1)
_REST_MAX = 4096  # bytes of addresses and further facts in version 2; its length field could say 65535
_INET, _INET6, _UNIX = 0x10, 0x20, 0x30


async def receive_source(transport: Transport) -> Address:
    """Read the header of a connection, and not a byte more.

    Returns:
        Whom the connection comes from; None where the balancer speaks for itself or does not know.

    Raises:
        RemoteProtocolError: The connection does not begin with such a header.
        ReadError: The connection broke.

    Cancellation:
        The connection can only be closed.
    """
    begin = await _exactly(transport, len(_SIGNATURE))
    if begin == _SIGNATURE:
        return await _version_2(transport)
    if begin.startswith(b"PROXY "):
        return await _version_1(transport, begin)
    raise RemoteProtocolError(
        "the connection does not begin with a header of the PROXY protocol (Server.proxy_protocol is on); "
        "send one, or switch it off"
    )


async def _exactly(transport: Transport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = transport.receive_nowait(count - len(data))
        if piece is None:
            piece = await transport.receive(count - len(data))
        if not piece:
            raise RemoteProtocolError(f"the connection ended after {len(data)} of {count} bytes of its PROXY header")
        data += piece
    return data


async def _version_1(transport: Transport, begin: bytes) -> Address:
    line = begin
    while not line.endswith(b"\r\n"):
        if len(line) >= _LINE_MAX:
            raise RemoteProtocolError(f"the PROXY line is longer than {_LINE_MAX} bytes")
        # byte by byte, because the request that follows must stay where it is
        line += await _exactly(transport, 1)
    words = line[:-2].split(b" ")
    if words[1] == b"UNKNOWN":
        return None  # whatever follows has to be ignored
    try:
        kind, source, _, port, _ = (word.decode("ascii") for word in words[1:])
        address = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}[kind](source)
    except (ValueError, KeyError):
        raise RemoteProtocolError(f"the PROXY line {line[:_LINE_MAX]!r} is malformed") from None
    if not port.isdigit() or not (0 <= int(port) <= 65535) or (len(port) > 1 and port[0] == "0"):
        raise RemoteProtocolError(f"the PROXY line {line[:_LINE_MAX]!r} is malformed: {port!r} is no port")
    return str(address), int(port)


async def _version_2(transport: Transport) -> Address:
    version_command, kind, length = struct.unpack("!BBH", await _exactly(transport, 4))
    if version_command >> 4 != 2 or version_command & 0x0F > 1:
        raise RemoteProtocolError(
            f"the PROXY header has version and command 0x{version_command:02x}; 0x20 or 0x21 is known"
        )
    if length > _REST_MAX:
        raise RemoteProtocolError(f"the PROXY header is {length} bytes long; at most {_REST_MAX} are taken")
    rest = await _exactly(transport, length)
    family = kind & 0xF0
    if version_command & 0x0F == 0 or kind == 0:
        return None  # LOCAL: the balancer itself, such as a check of health; or a kind that it does not know
    try:
        if family == _INET:
            source, _, port, _ = struct.unpack_from("!4s4sHH", rest)
            return str(ipaddress.IPv4Address(source)), port
        if family == _INET6:
            source, _, port, _ = struct.unpack_from("!16s16sHH", rest)
            return str(ipaddress.IPv6Address(source)), port
        if family == _UNIX:
            (path,) = struct.unpack_from("108s", rest)
            return path.rstrip(b"\x00").decode(errors="replace") or None
    except struct.error:
        raise RemoteProtocolError(f"the PROXY header has {length} bytes, too few for its addresses") from None
    raise RemoteProtocolError(f"the PROXY header has the unknown family and protocol 0x{kind:02x}")
