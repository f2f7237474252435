"""Programs that serve over TLS, as real processes: certificates read again, keys with passwords, those of clients."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio
import trustme
from cryptography.hazmat.primitives import serialization

from tests.interop.programs_that_serve import APP, HUP, Served, app_in, program
from trio_http import Client, TransportError


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_certificates_are_read_again(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path)
    authority = trustme.CA()
    _write_certificate(authority, tmp_path, "first.example")
    tls = ["--certfile", "cert.pem", "--keyfile", "key.pem"]
    async with program(tmp_path, "app:app", "--port", "0", *tls, *workers) as served:
        assert await _name_shown(served, authority) == "first.example"

        _write_certificate(authority, tmp_path, "second.example")
        served.signal(HUP)
        await served.wait_for_line("replaced" if workers else "certificates read again")
        assert await _name_shown(served, authority) == "second.example"

        (tmp_path / "cert.pem").write_text("not a certificate")
        served.signal(HUP)
        await served.wait_for_line("no successor came up" if workers else "the certificate stays as it was")
        assert await _name_shown(served, authority) == "second.example"


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
async def test_a_key_may_have_a_password(tmp_path: Path, workers: list[str]) -> None:
    app_in(tmp_path)
    authority = trustme.CA()
    _write_certificate(authority, tmp_path, "first.example")
    _encrypt_key(tmp_path, "pass word")
    (tmp_path / "password").write_text("pass word\n")
    tls = ["--certfile", "cert.pem", "--keyfile", "key.pem"]

    async with program(
        tmp_path, "app:app", "--port", "0", *tls, "--keyfile-password-file", "password", *workers
    ) as served:
        assert await _name_shown(served, authority) == "first.example"
    (tmp_path / "wrong").write_text("password")
    for option, words in (
        ([], "the key is encrypted: give its password (none was given)"),
        (["--keyfile-password-file", "wrong"], "the key is encrypted: give its password (that is not it)"),
        (["--keyfile-password-file", "no"], "--keyfile-password-file no: No such file or directory"),
    ):
        async with program(tmp_path, "app:app", "--port", "0", *tls, *option, *workers, wait=False) as served:
            assert await served.ended() == 2
        [told] = served.lines
        assert words in told


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
async def test_clients_may_have_certificates(tmp_path: Path, workers: list[str], optional: bool) -> None:
    app_in(tmp_path, APP.replace("{VERSION}", "{dict(request.tls.peer_certificate or {}).get('subjectAltName')}"))
    authority, stranger = trustme.CA(), trustme.CA()
    _write_certificate(authority, tmp_path, "first.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    options = ["--certfile", "cert.pem", "--keyfile", "key.pem", "--ca-certs", "ca.pem", *workers]
    options += ["--client-cert-optional"] if optional else []

    async def ask(issuer: trustme.CA | None) -> str | None:
        context = ssl.create_default_context()
        context.check_hostname = False
        authority.configure_trust(context)
        if issuer is not None:
            issuer.issue_cert("me.example").configure_cert(context)
        async with Client(base_url=served.url, timeout=20, ssl_context=context) as client:
            try:
                return (await client.get("/")).text()
            except TransportError:
                return None

    async with program(tmp_path, "app:app", "--port", "0", *options) as served:
        known, unknown, bare = await ask(authority), await ask(stranger), await ask(None)

    assert known is not None
    assert "me.example" in known
    assert unknown is None  # who shows one shows a good one
    assert (bare is not None and bare.startswith("None ")) if optional else bare is None


# ---------------------------------------------------------------- tools


def _write_certificate(authority: trustme.CA, folder: Path, name: str) -> None:
    certificate = authority.issue_cert(name)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))


def _encrypt_key(folder: Path, password: str) -> None:
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(password.encode())
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))


async def _name_shown(served: Served, authority: trustme.CA) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    authority.configure_trust(context)
    stream = await trio.open_tcp_stream("127.0.0.1", served.port)
    async with trio.SSLStream(stream, context, server_hostname="x", https_compatible=True) as secure:
        await secure.do_handshake()
        names = secure.getpeercert()["subjectAltName"]
        return str(names[0][1])
