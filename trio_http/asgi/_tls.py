"""What a TLS handshake came to, as the ASGI TLS extension tells it (version 0.2)."""

from __future__ import annotations

import functools
import ssl
from typing import Any

from ..messages import TLSInfo

__all__ = ["tls_extension"]

_VERSIONS = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# Attribute types with a short name of their own in RFC 4514 section 3; others go by the name that OpenSSL gives them.
_SHORT = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_SPECIAL = frozenset('"+,;<>\\')


def tls_extension(info: TLSInfo) -> dict[str, Any]:
    """Return the value of ``scope["extensions"]["tls"]``.

    Our own certificate is not among it: :mod:`ssl` does not tell it, and the specification allows None then. Of the
    client's chain :mod:`ssl` tells the first certificate only.
    """
    der = info.peer_certificate_der
    return {
        "server_cert": None,
        "client_cert_chain": [] if der is None else [ssl.DER_cert_to_PEM_cert(der)],
        "client_cert_name": None if der is None else distinguished_name(info.peer_certificate.get("subject", ())),
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(info.version),
        "cipher_suite": _suites().get(info.cipher),
    }


def distinguished_name(subject: Any) -> str | None:
    """Return a subject of ``ssl.SSLSocket.getpeercert()`` as a string (RFC 4514 section 2); None if it is empty."""
    parts = ["+".join(f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in rdn) for rdn in subject]
    return ",".join(reversed(parts)) or None


def _escaped(value: str) -> str:
    out = "".join(f"\\{one}" if one in _SPECIAL else "\\00" if one == "\0" else one for one in value)
    if out.startswith(("#", " ")):
        out = "\\" + out
    return out[:-1] + "\\ " if out.endswith(" ") and len(value) > 1 else out


@functools.cache
def _suites() -> dict[str, int]:
    """Return the numbers of the cipher suites by their OpenSSL names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return {cipher["name"]: int(cipher["id"]) & 0xFFFF for cipher in context.get_ciphers()}
