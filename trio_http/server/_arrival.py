"""What a connection goes through before its first request: the word of a load balancer, then TLS."""

from __future__ import annotations

import logging
import math
import ssl

import trio

from .._errors import RemoteProtocolError, TransportError
from ..messages import Address
from ..transport import SocketTransport, Transport, adopt, format_address
from ._proxy_protocol import receive_source
from ._tls import handshake

__all__ = ["arrive"]

log = logging.getLogger("trio_http.server")


async def arrive(
    accepted: SocketTransport | trio.abc.Stream,
    context: ssl.SSLContext | None,
    *,
    proxied: bool,
    limit: float | None,
    scopes: dict[trio.CancelScope, None],
    read_ahead: int | None,
) -> tuple[Transport, Address] | None:
    """Make a transport of what was accepted.

    Args:
        accepted: The connection; closed if nothing comes of it.
        context: For TLS; None for none.
        proxied: Whether the PROXY protocol comes first.
        limit: Seconds for that, and for the handshake; None for any number.
        scopes: Where the scope of what takes time is put, for those who want to end it.
        read_ahead: For the transport.

    Returns:
        The transport, and whom the connection comes from if it was said; None if nothing came of it.
    """
    transport: Transport
    transport = accepted if isinstance(accepted, SocketTransport) else adopt(accepted, read_ahead=read_ahead)
    source: Address = None
    if proxied:
        with trio.CancelScope(deadline=trio.current_time() + (math.inf if limit is None else limit)) as scope:
            scopes[scope] = None
            try:
                source = await receive_source(transport)
            except (RemoteProtocolError, TransportError) as error:
                log.info("%s: refused: %s", format_address(transport.peer), error)
                await transport.aclose()
                return None
            except BaseException:
                await transport.aclose()
                raise
            finally:
                del scopes[scope]
        if scope.cancelled_caught:
            log.info("%s: no PROXY header in time (ServerTimeouts.handshake)", format_address(transport.peer))
            return None
    if context is None:
        return transport, source
    # What is left of a plain socket's stream is its transport; other streams are still whole.
    below = transport if isinstance(transport, SocketTransport) else accepted
    secure = await handshake(below, context, limit, scopes, read_ahead=read_ahead)
    return None if secure is None else (secure, source)
