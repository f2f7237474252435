"""TLS for connections that we open: contexts made late and shared, and the handshake.

Making a context costs 16 ms and more (it reads the system's certificates), so none is made before the first
``https`` connection, and equal options share one for the life of the process.
"""

from __future__ import annotations

import hashlib
import hmac
import os.path
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import trio

from .._errors import TLSError
from ._alert import secure_stream

__all__ = ["TLSOptions", "start_tls"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TLSOptions:
    """How servers are verified, and what we show them.

    Attributes:
        ssl_context: A context to use as it is; then only ``fingerprint`` and ``server_hostname`` count besides.
        verify: False to accept any certificate: for tests, never for secrets.
        check_hostname: False to accept a certificate for another name.
        ca_certs: A file or directory of certificates to trust instead of the system's.
        client_cert: ``cert_file`` or ``(cert_file, key_file)`` or ``(cert_file, key_file, password)`` of ours.
        fingerprint: The SHA-256 of the server's certificate (DER) in hex, colons allowed; checked besides.
        server_hostname: The name to ask for (SNI) and to verify, instead of the URL's.
    """

    ssl_context: ssl.SSLContext | None = None
    verify: bool = True
    check_hostname: bool = True
    ca_certs: str | None = None
    client_cert: str | tuple[str, ...] | None = None
    fingerprint: str | None = None
    server_hostname: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context, making it if it is the first of its kind.

        Raises:
            TLSError: A file cannot be read, or holds something else.
        """
        if self.ssl_context is not None:
            return self.ssl_context
        try:
            return _shared_context(self.verify, self.check_hostname, self.ca_certs, self.client_cert)
        except (OSError, ssl.SSLError) as error:
            raise TLSError(
                f"cannot set up TLS with ca_certs={self.ca_certs!r}, "
                f"client_cert={self.client_cert if isinstance(self.client_cert, str | None) else self.client_cert[0]!r}"
                f": {error}"
            ) from error


@lru_cache(maxsize=32)
def _shared_context(
    verify: bool, check_hostname: bool, ca_certs: str | None, client_cert: str | tuple[str, ...] | None
) -> ssl.SSLContext:
    if ca_certs is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if os.path.isdir(ca_certs):
            context.load_verify_locations(capath=ca_certs)
        else:
            context.load_verify_locations(cafile=ca_certs)
    if not check_hostname or not verify:
        context.check_hostname = False
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    if client_cert is not None:
        context.load_cert_chain(*((client_cert,) if isinstance(client_cert, str) else client_cert))
    context.set_alpn_protocols(["http/1.1"])
    return context


async def start_tls(stream: trio.abc.Stream, host: str, options: TLSOptions) -> trio.SSLStream[trio.abc.Stream]:
    """Do the handshake on a connected stream.

    Args:
        stream: The stream; closed if this fails.
        host: The name of the server, to ask for and to verify.
        options: How.

    Raises:
        TLSError: The handshake failed, or the certificate is not acceptable; the text says why.

    Cancellation:
        Closes the stream.
    """
    name = options.server_hostname or host.partition("%")[0]
    try:
        context = options.context()
        secure, handshake = secure_stream(stream, context, server_hostname=name)
        try:
            await handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise TLSError(f"the TLS handshake with {host} failed: {_reason(error)}") from error
        if options.fingerprint is not None:
            _check_fingerprint(secure, host, options.fingerprint)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secure


def _check_fingerprint(secure: trio.SSLStream[trio.abc.Stream], host: str, wanted: str) -> None:
    certificate = secure.getpeercert(binary_form=True)
    found = hashlib.sha256(certificate or b"").hexdigest()
    if not hmac.compare_digest(found, wanted.replace(":", "").lower()):
        raise TLSError(
            f"the certificate of {host} has the SHA-256 fingerprint {found}, but {wanted} was expected: "
            "it was renewed, or somebody stands between"
        )


_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})  # the latter from OpenSSL 3.2 on


_NOBODY_VOUCHES = frozenset({18, 19, 20, 21})  # OpenSSL's X509_V_ERR_*: self-signed, alone or in its chain; no issuer


def _reason(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = " (trust its CA with ca_certs=...)" if cause.verify_code in _NOBODY_VOUCHES else ""
        return f"its certificate is not acceptable: {cause.verify_message}{hint}"
    if isinstance(cause, ssl.SSLError):
        if cause.reason in _NOT_TLS:
            return f"what it answers is no TLS ({cause.reason}); is this a port for http://?"
        return str(cause.reason or cause)
    return str(cause or error) or "the server closed the connection"
