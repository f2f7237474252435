"""TLS on the server's side: contexts from files, the handshake, and what it came to."""

from __future__ import annotations

import contextlib
import logging
import math
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import final

import trio

from .._errors import TLSError, TransportError
from ..messages import TLSInfo
from ..transport import (
    SocketTransport,
    StreamTransport,
    TLSTransport,
    Transport,
    format_address,
    linger,
    secure_stream,
)

__all__ = ["handshake", "make_context", "note_names", "tls_info"]

log = logging.getLogger("trio_http.server")

LINGER = 1.0  # seconds for a client to read why its handshake was refused, and to close
LINGER_BYTES = 256 * 1024  # bytes discarded meanwhile: a client of TLS 1.3 may have begun to send its request

_TEXT = b"this port speaks TLS: ask for https://, not http://\n"
_IN_CLEAR = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
    % (len(_TEXT), _TEXT)
)


def make_context(
    cert: str,
    key: str | None = None,
    *,
    password: str | None = None,
    verify_client: bool | str = False,
    ca_certs: str | None = None,
    alpn: Sequence[str] = ("http/1.1",),
) -> ssl.SSLContext:
    """Return a context for a server.

    Args:
        cert: A file with the certificate and its chain.
        key: A file with the private key; None if it is in the same file.
        password: The password of the key; nobody is ever asked for it on the terminal.
        verify_client: True to demand a certificate of clients, ``"optional"`` to take one if it is shown.
        ca_certs: A file of certificates that vouch for clients.
        alpn: The protocols to agree on, the preferred first.

    Raises:
        TLSError: A file cannot be read, or does not hold what it should.
        ValueError: Clients are to be verified, but nobody vouches for them.
    """
    if verify_client and ca_certs is None:
        raise ValueError("verify_client needs ca_certs: the certificates that vouch for clients")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key, password or "")
    except (OSError, ssl.SSLError) as error:
        words = f"cannot load the certificate {cert!r} with key {key or cert!r}: {error}"
        if isinstance(error, ssl.SSLError) and _is_encrypted(key or cert):
            words += f"; the key is encrypted: give its password ({'that is not it' if password else 'none was given'})"
        raise TLSError(words) from error
    if ca_certs is not None:
        try:
            context.load_verify_locations(ca_certs)
        except (OSError, ssl.SSLError) as error:
            raise TLSError(f"cannot load the certificates {ca_certs!r} that vouch for clients: {error}") from error
    if verify_client:
        context.verify_mode = ssl.CERT_OPTIONAL if verify_client == "optional" else ssl.CERT_REQUIRED
    context.set_alpn_protocols(list(alpn))
    return context


def _is_encrypted(key: str) -> bool:
    """Tell it for an error text: OpenSSL only says "PEM lib"."""
    try:
        with open(key, "rb") as file:
            return b"ENCRYPTED" in file.read(1 << 20)
    except OSError:
        return False


# Where the handshake of the running task wants the name put. OpenSSL calls back synchronously inside do_handshake(),
# so it is this task's handshake, and nobody has to find it by its object.
_names: ContextVar[list[str | None]] = ContextVar("trio_http_server_names")
_Asked = Callable[[ssl.SSLObject, str, ssl.SSLContext], int | None]


@final
class _NoteName:
    """The callback of a context that notes the name a client asks for, and then asks the one that was there before."""

    __slots__ = ("_before",)

    def __init__(self, before: _Asked | None) -> None:
        self._before = before

    def __call__(self, asking: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
        names = _names.get(None)
        if names is not None:
            names.append(name)
        if self._before is None:
            return None
        return self._before(asking, name, context)  # type: ignore[arg-type]  # typeshed forgets clients that name none


def note_names(context: ssl.SSLContext) -> None:
    """Have a context tell which names clients ask for; a callback of its owner goes on being called.

    One that is set on the context later replaces ours: then requests know no name.

    Raises:
        TypeError: It is no context, or one for clients.
    """
    given: object = context
    if not isinstance(given, ssl.SSLContext):
        raise TypeError(
            f"ssl_context={given!r}: expected an ssl.SSLContext; make_context(cert, key) makes one of files"
        )
    if given.protocol is ssl.PROTOCOL_TLS_CLIENT:
        raise TypeError("this ssl_context is for clients: say ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)")
    before = context.sni_callback
    if not isinstance(before, _NoteName):
        context.sni_callback = _NoteName(before)


async def handshake(
    below: SocketTransport | trio.abc.Stream,
    context: ssl.SSLContext,
    limit: float | None,
    scopes: dict[trio.CancelScope, None],
    *,
    read_ahead: int | None,
) -> TLSTransport | StreamTransport | None:
    """Do the server's part of a TLS handshake.

    Args:
        below: The connection; closed if nothing comes of it. On a plain socket we do TLS ourselves, else trio does.
        context: The certificate and all that.
        limit: Seconds for all of it; None for any number.
        scopes: The scope of the handshake is put in here for its time; whoever cancels it ends the handshake.
        read_ahead: For the transport to be.

    Returns:
        The secure connection, or None if the peer failed, was too slow, or the scope was cancelled.
    """
    transport: TLSTransport | StreamTransport
    if isinstance(below, SocketTransport):
        transport = own = TLSTransport(below, context, read_ahead=read_ahead)
        start: Callable[[], Awaitable[None]] = own.handshake
    else:
        stream, start = secure_stream(below, context, server_side=True)
        transport = StreamTransport(stream, read_ahead=read_ahead)
    peer = format_address(transport.peer)
    deadline = trio.current_time() + (math.inf if limit is None else limit)
    done = failed = False
    with trio.CancelScope(deadline=deadline) as scope:
        scopes[scope] = None
        names: list[str | None] = []
        token = _names.set(names)
        try:
            await start()
            transport.server_name = names[-1] if names else None
            done = True
        except (trio.BrokenResourceError, trio.ClosedResourceError, TransportError) as error:
            failed = True
            log.info("%s: TLS handshake failed: %s", peer, error.__cause__ or error)
            if isinstance(error.__cause__, ssl.SSLError) and error.__cause__.reason == "HTTP_REQUEST":
                await _answer_in_clear(below)
            await linger(transport, LINGER, LINGER_BYTES)  # a client that is sending already would see only a reset
        finally:
            _names.reset(token)
            del scopes[scope]
            if not done:
                await _drop(below)
    if done:
        return transport
    if not failed and trio.current_time() >= deadline:
        log.info("%s: TLS handshake not done after %s s (ServerTimeouts.handshake)", peer, limit)
    return None


async def _answer_in_clear(below: SocketTransport | trio.abc.Stream) -> None:
    # As Go and nginx do: who asks in the clear would otherwise see a connection that ends for no reason.
    with contextlib.suppress(TransportError, trio.BrokenResourceError):
        if isinstance(below, SocketTransport):
            below.send_nowait([_IN_CLEAR])
        else:
            await below.send_all(_IN_CLEAR)


async def _drop(below: SocketTransport | trio.abc.Stream) -> None:
    if isinstance(below, SocketTransport):
        below.close_now()
    else:
        await trio.aclose_forcefully(below)


def tls_info(transport: Transport) -> TLSInfo | None:
    """Return what the TLS handshake of a connection came to; None without TLS."""
    if isinstance(transport, TLSTransport):
        session: ssl.SSLObject | trio.SSLStream[trio.abc.Stream] = transport.session
    elif isinstance(transport, StreamTransport) and isinstance(transport.stream, trio.SSLStream):
        session = transport.stream
    else:
        return None
    cipher = session.cipher()
    return TLSInfo(
        version=session.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=session.selected_alpn_protocol(),
        peer_certificate=session.getpeercert() or {},
        peer_certificate_der=session.getpeercert(binary_form=True),
        server_name=transport.server_name,
    )
