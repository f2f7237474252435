"""TLS on the server's side: contexts from files, the handshake, and what it came to."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import trio

from .._errors import TLSError
from ..messages import TLSInfo
from ..transport import StreamTransport, Transport

__all__ = ["make_context", "tls_info"]


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
        password: The password of the key.
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
        context.load_cert_chain(cert, key, password)
        if ca_certs is not None:
            context.load_verify_locations(ca_certs)
    except (OSError, ssl.SSLError) as error:
        raise TLSError(f"cannot load the certificate {cert!r} with key {key!r}: {error}") from error
    if verify_client:
        context.verify_mode = ssl.CERT_OPTIONAL if verify_client == "optional" else ssl.CERT_REQUIRED
    context.set_alpn_protocols(list(alpn))
    return context


def tls_info(transport: Transport) -> TLSInfo | None:
    """Return what the TLS handshake of a connection came to; None without TLS."""
    stream = transport.stream if isinstance(transport, StreamTransport) else None
    if not isinstance(stream, trio.SSLStream):
        return None
    cipher = stream.cipher()
    return TLSInfo(
        version=stream.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=stream.selected_alpn_protocol(),
        peer_certificate=stream.getpeercert() or {},
        peer_certificate_der=stream.getpeercert(binary_form=True),
    )
