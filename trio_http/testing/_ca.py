"""A certificate authority for tests, whose keys and certificates are the same bytes in every process.

Ed25519 signatures have one length and no randomness, so traces of TLS connections keep their lengths; ECDSA's do not.
"""

from __future__ import annotations

import datetime as dt
import ssl
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import final

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.x509.oid import NameOID
except ImportError as error:
    raise ImportError(
        f"trio_http.testing.CertificateAuthority needs the extra testing: pip install 'trio-http[testing]' ({error})"
    ) from error

from ._draws import keyed_bytes

__all__ = ["CertificateAuthority"]

_FROM = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_TO = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


@final
class CertificateAuthority:
    """Issues certificates for tests; needs the extra ``testing``.

    Attributes:
        pem: the authority's own certificate, for ``SSLContext.load_verify_locations(cadata=...)``.

    Raises:
        ImportError: The package ``cryptography`` is not installed.
    """

    def __init__(self) -> None:
        self._key, self._name = _key("authority"), "trio_http test authority"
        self._certificate = _certificate(self._name, self._key, self._name, self._key, authority=True)
        self.pem: str = _pem(self._certificate)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return a new context for a server with these DNS names and addresses.

        Raises:
            ValueError: no names.
        """
        cert, key = self.issue(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
            file.write(key + cert)
        try:
            context.load_cert_chain(file.name)
        finally:
            Path(file.name).unlink()
        return context

    def issue(self, *names: str) -> tuple[bytes, bytes]:
        """Return certificate and key for a server with these DNS names and addresses, both PEM.

        Raises:
            ValueError: no names.
        """
        if not names:
            raise ValueError("no names: give the names or addresses that the server is reached by")
        key = _key("server " + " ".join(names))
        cert = _certificate(names[0], key, self._name, self._key, authority=False, names=names)
        return _pem(cert).encode(), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def client_context(self) -> ssl.SSLContext:
        """Return a new context for a client that trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem)
        return context


def _key(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(keyed_bytes(0, f"test key of {name}", 32))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _certificate(
    name: str,
    key: ed25519.Ed25519PrivateKey,
    issuer: str,
    issuer_key: ed25519.Ed25519PrivateKey,
    *,
    authority: bool,
    names: tuple[str, ...] = (),
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(int.from_bytes(keyed_bytes(0, f"serial of {name}", 8), "big") | 1)
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if authority:
        usage = {
            "key_cert_sign": True, "crl_sign": True, "digital_signature": True, "content_commitment": False,
            "key_encipherment": False, "data_encipherment": False, "key_agreement": False, "encipher_only": False,
            "decipher_only": False,
        }  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
    return builder.sign(issuer_key, None)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
