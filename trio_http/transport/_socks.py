"""SOCKS 5: RFC 1928, with user name and password as in RFC 1929; the words before the connection is ours.

Written out here, because it is four short messages of fixed shape, and because every byte must be read exactly: what
follows the last one belongs to somebody else. docs/design.md says why no library does it.
"""

from __future__ import annotations

import ipaddress

import trio

from .._errors import ProxyError
from ._protocol import format_address

__all__ = ["socks_connect"]

_NO_AUTH = 0
_PASSWORD = 2
_REPLIES = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


async def socks_connect(
    stream: trio.abc.Stream, host: str, port: int, *, proxy: str, credentials: tuple[str, str] | None
) -> None:
    """Ask a SOCKS 5 proxy for a connection; afterwards the stream is that connection.

    Args:
        stream: Connected to the proxy.
        host: An address, or a name for the proxy to resolve.
        port: The port.
        proxy: What to call the proxy in texts.
        credentials: User name and password, or None.

    Raises:
        ProxyError: The proxy refused, or speaks something else.
    """
    methods = bytes([_NO_AUTH] if credentials is None else [_NO_AUTH, _PASSWORD])
    await _send(stream, bytes([5, len(methods)]) + methods, proxy)
    version, method = await _exactly(stream, 2, proxy)
    if version != 5:
        raise ProxyError(f"the proxy {proxy} does not speak SOCKS 5: it answered with version {version}")
    if method == _PASSWORD and credentials is not None:
        await _log_in(stream, credentials, proxy)
    elif method != _NO_AUTH:
        raise ProxyError(
            f"the SOCKS proxy {proxy} accepts no way of authentication that we have "
            + ("(give a user name and a password)" if credentials is None else "(it takes no passwords)")
        )
    await _send(stream, b"\x05\x01\x00" + _address(host, proxy) + port.to_bytes(2, "big"), proxy)
    version, reply = await _exactly(stream, 2, proxy)
    if version != 5:
        raise ProxyError(f"the proxy {proxy} does not speak SOCKS 5: it answered with version {version}")
    if reply:  # some proxies end a refusal here, or one byte later
        reason = _REPLIES.get(reply, f"reply {reply}")
        raise ProxyError(f"the SOCKS proxy {proxy} cannot connect to {format_address((host, port))}: {reason}")
    kind = (await _exactly(stream, 2, proxy))[1]
    if kind == 3:
        length = (await _exactly(stream, 1, proxy))[0]
    elif kind in {1, 4}:
        length = 4 if kind == 1 else 16
    else:
        raise ProxyError(f"the SOCKS proxy {proxy} answered with an address of the unknown kind {kind}")
    await _exactly(stream, length + 2, proxy)


async def _log_in(stream: trio.abc.Stream, credentials: tuple[str, str], proxy: str) -> None:
    user, password = (text.encode() for text in credentials)
    if not 1 <= len(user) <= 255 or not 1 <= len(password) <= 255:
        raise ProxyError(f"user name and password for the SOCKS proxy {proxy} must be 1 to 255 bytes long")
    await _send(stream, bytes([1, len(user)]) + user + bytes([len(password)]) + password, proxy)
    _, status = await _exactly(stream, 2, proxy)
    if status:
        raise ProxyError(f"the SOCKS proxy {proxy} refused the user name or the password")


def _address(host: str, proxy: str) -> bytes:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.encode("ascii")
        if len(name) > 255:
            raise ProxyError(f"the name {host[:60]}... is too long for the SOCKS proxy {proxy}") from None
        return bytes([3, len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


async def _send(stream: trio.abc.Stream, data: bytes, proxy: str) -> None:
    try:
        await stream.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise ProxyError(f"the SOCKS proxy {proxy} broke the connection: {error.__cause__ or error}") from error


async def _exactly(stream: trio.abc.Stream, count: int, proxy: str) -> bytes:
    data = b""
    while len(data) < count:
        try:
            more = await stream.receive_some(count - len(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ProxyError(f"the SOCKS proxy {proxy} broke the connection: {error.__cause__ or error}") from error
        if not more:
            raise ProxyError(f"the SOCKS proxy {proxy} closed the connection in the middle of its answer")
        data += more
    return data
