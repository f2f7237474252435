"""Through proxies of every kind, and past them."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, answers, listen, net_host, relay, run
from trio_http import Client, ClientTimeouts
from trio_http.client import Proxy
from trio_http.client._proxies import ProxyChoice, proxy_of
from trio_http.semantics import digest_response, parse_credentials
from trio_http.testing import CertificateAuthority, VirtualNetwork
from trio_http.transport import Origin

AUTHORITY = CertificateAuthority()


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=AUTHORITY.pem)


def tunnelling(heads: list[bytes]) -> Any:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await relay(peer, host, int(port))

    return script


@pytest.mark.covers("B29", "S1.26", "S1.27")
def test_plain_requests_are_forwarded_with_the_whole_url_and_share_connections() -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            while True:
                heads.append(await peer.answer())

        peers = await listen(net, script, host="proxy", port=3128)
        async with Client(proxy="http://user:p%40ss@proxy:3128") as client:
            await client.get("http://a.test/x?y")
            await client.get("http://b.test:8080/")

            assert len(peers) == 1
            assert "user" not in repr(client.pool.connections)

    run(main)
    assert heads[0].startswith(b"GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n")
    assert heads[1].startswith(b"GET http://b.test:8080/ HTTP/1.1\r\nHost: b.test:8080\r\n")
    assert all(b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in head for head in heads)


@pytest.mark.covers("B29", "S1.26", "S1.27", "S1.28", "S1.29", "S1.39")
@pytest.mark.parametrize("secure_proxy", [False, True], ids=["http proxy", "https proxy"])
def test_tls_goes_through_a_tunnel(secure_proxy: bool) -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers, host="safe", port=443, tls=AUTHORITY.server_context("safe"))
        context = AUTHORITY.server_context("proxy") if secure_proxy else None
        peers = await listen(net, tunnelling(heads), host="proxy", port=3128, tls=context)
        url = f"{'https' if secure_proxy else 'http'}://user:pass@proxy:3128"
        async with Client(proxy=url, ssl_context=trusting()) as client:
            assert (await client.get("https://safe/")).content == b"ok"
            assert (await client.get("https://safe/")).content == b"ok"

            [info] = client.pool.connections
            assert info.requests == 2
            assert "https://safe:443 through" in info.key
            assert "pass" not in info.key
        assert len(peers) == 1

    run(main)
    assert heads[0].startswith(b"CONNECT safe:443 HTTP/1.1\r\nHost: safe:443\r\n")
    assert b"Proxy-Authorization: Basic " in heads[0]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407 .*give it a user name"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", "refused a tunnel to safe:443: 502 Bad Gateway"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurplus", "bytes of its own"),
        (b"SSH-2.0\r\n\r\n", "something else than HTTP"),
        (b"", "proxy"),
    ],
)
def test_refused_tunnel_is_a_proxy_error(answer: bytes, text: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(answer)

        await listen(net, script, host="proxy", port=3128)
        async with Client(proxy="http://proxy:3128") as client:
            with pytest.raises(trio_http.ProxyError, match=rf"GET https://safe/: .*{text}"):
                await client.get("https://safe/")

            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B29")
def test_proxy_that_is_not_there_and_one_that_is_silent() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def silent(peer: Peer) -> None:
            await peer.head()
            await trio.sleep_forever()

        net.host("gone")
        await listen(net, silent, host="proxy", port=3128)
        async with Client(proxy="http://gone:3128") as client:
            with pytest.raises(trio_http.ProxyError, match=r"cannot connect to the proxy http://gone:3128"):
                await client.get("http://api/")
        async with Client(proxy="http://proxy:3128", timeout=ClientTimeouts(connect=3)) as client:
            with pytest.raises(trio_http.ConnectTimeout, match=r"no tunnel through the proxy http://proxy:3128"):
                await client.get("https://api/")

            assert trio.current_time() == 3

    run(main)


class DigestProxy:
    """A proxy that wants digest authentication, for which it gives a new nonce when it likes."""

    def __init__(self, password: str = "secret") -> None:
        self.nonce = "first"
        self.password = password
        self.answers: list[int] = []
        self.counts: list[str] = []

    async def __call__(self, peer: Peer) -> None:
        head = await peer.head()
        assert b"Basic" not in head
        target = head.split()[1].decode()
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        sent = parse_credentials(fields.get("Proxy-Authorization"))
        stale = ""
        if sent is not None:
            given = sent.parameters
            assert given["uri"] == target
            wanted = digest_response(
                "SHA-256",
                "user",
                self.password,
                realm="r",
                nonce=self.nonce,
                method="CONNECT",
                target=target,
                session=(given["qop"], given["nc"], given["cnonce"]),
            )
            if given["response"] == wanted:
                self.answers.append(200)
                self.counts.append(given["nc"])
                await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                host, _, port = target.rpartition(":")
                await relay(peer, host, int(port))
                return
            stale = ", stale=true" if given["nonce"] != self.nonce else ""
        self.answers.append(407)
        challenge = f'Digest realm="r", nonce="{self.nonce}", qop="auth", algorithm=SHA-256{stale}'
        await peer.send(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n"
            b'Proxy-Authenticate: Basic realm="r"\r\n'
            b"Proxy-Authenticate: " + challenge.encode() + b"\r\n\r\nno!"
        )


@pytest.mark.covers("B29")
def test_digest_authentication_to_a_proxy_asks_once_for_each_nonce() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers, host="safe", port=443, tls=AUTHORITY.server_context("safe"))
        await listen(net, answers)
        proxy = DigestProxy()
        await listen(net, proxy, host="proxy", port=3128)
        mine = Proxy(host="proxy", port=3128, username="user", password="secret", auth="digest")
        async with Client(proxy=mine, ssl_context=trusting(), headers={"Connection": "close"}) as client:
            for url in ("https://safe/", "http://api/", "https://safe/"):  # plain ones go through tunnels, too
                assert (await client.get(url)).content == b"ok"
            assert proxy.answers == [407, 200, 200, 200]
            assert proxy.counts == ["00000001", "00000002", "00000003"]
            proxy.nonce = "second"
            assert (await client.get("https://safe/")).content == b"ok"
            assert proxy.answers[4:] == [407, 200]

    run(main)


@pytest.mark.covers("B29")
def test_digest_authentication_to_a_proxy_with_many_at_once() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        proxy = DigestProxy()
        await listen(net, proxy, host="proxy", port=3128)
        mine = Proxy(host="proxy", port=3128, username="user", password="secret", auth="digest")
        async with Client(proxy=mine) as client, trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(client.get, "http://api/")
        assert sorted(proxy.answers) == [200] * 5 + [407] * 5
        assert sorted(proxy.counts) == [f"{count:08x}" for count in range(1, 6)]

    run(main)


@pytest.mark.covers("B29")
@pytest.mark.parametrize("how", ["wrong password", "always stale", "no digest"])
def test_digest_authentication_to_a_proxy_that_is_never_content(how: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        asked = 0

        async def stubborn(peer: Peer) -> None:
            nonlocal asked
            asked += 1
            await peer.head()
            challenge = 'Basic realm="r"' if how == "no digest" else f'Digest realm="r", nonce="{asked}", stale=true'
            await peer.send(f"HTTP/1.1 407 No\r\nProxy-Authenticate: {challenge}\r\n\r\n".encode())

        await listen(net, DigestProxy("other") if how == "wrong password" else stubborn, host="proxy", port=3128)
        mine = Proxy(host="proxy", port=3128, username="user", password="secret", auth="digest")
        texts = {
            "wrong password": "refused a tunnel to api:80: 407 .* to digest authentication",
            "always stale": "again and again that its nonce is stale",
            "no digest": "407 No to digest authentication",
        }
        async with Client(proxy=mine) as client:
            with pytest.raises(trio_http.ProxyError, match=texts[how]) as caught:
                await client.get("http://api/")
            assert "secret" not in str(caught.value)
            assert client.pool.connections == []
        assert asked <= 2

    run(main)


@pytest.mark.parametrize(
    "options", [{"auth": "ntlm"}, {"auth": "digest"}, {"auth": "digest", "username": "u", "scheme": "socks5"}]
)
def test_authentication_of_a_proxy_that_makes_no_sense(options: Any) -> None:
    with pytest.raises(ValueError, match=r"expected 'basic', or 'digest' for an HTTP proxy with a user name"):
        Proxy(host="proxy", **options)


@pytest.mark.covers("B29", "S1.28", "S1.29")
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("password", [None, "secret"])
@pytest.mark.parametrize("url", ["http://api/", "https://safe/"])
def test_socks(scheme: str, password: str | None, url: str) -> None:
    asked: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            version, count = await peer.exactly(2)
            methods = await peer.exactly(count)
            assert (version, methods) == (5, b"\0" if password is None else b"\0\2")
            if password is not None:
                await peer.send(b"\5\2")
                assert await peer.exactly(2 + 4 + 1 + 6) == b"\1\4user\6secret"
                await peer.send(b"\1\0")
            else:
                await peer.send(b"\5\0")
            assert await peer.exactly(3) == b"\5\1\0"
            kind = (await peer.exactly(1))[0]
            address = await peer.exactly((await peer.exactly(1))[0] if kind == 3 else 4 if kind == 1 else 16)
            port = int.from_bytes(await peer.exactly(2), "big")
            asked.append(address)
            await peer.send(b"\5\0\0\1\0\0\0\0\0\0")
            await relay(peer, "api" if port == 80 else "safe", port)

        await listen(net, answers, host="api")
        await listen(net, answers, host="safe", port=443, tls=AUTHORITY.server_context("safe"))
        await listen(net, script, host="proxy", port=1080)
        login = "" if password is None else f"user:{password}@"
        async with Client(proxy=f"{scheme}://{login}proxy", ssl_context=trusting()) as client:
            assert (await client.get(url)).content == b"ok"

    run(main)
    assert (asked[0] in {b"api", b"safe"}) == (scheme == "socks5h")


@pytest.mark.parametrize(
    ("answers_", "text"),
    [
        ([b"\5\xff"], "no way of authentication"),
        ([b"\4\0"], "does not speak SOCKS 5"),
        ([b"\5\0", b"\5\5\0\1"], "connection refused"),
        ([b"\5\0", b"\5\0\0\1"], "in the middle of its answer"),
        ([b"\5\0", b"\5\0\0\7"], "unknown kind 7"),
        ([b"\5\0", b"\5\4"], "host unreachable"),  # and not a byte more
        ([b"\5\0", b"\4\0"], "does not speak SOCKS 5"),
        ([b"\5\0", b"\5\x63\0\1"], "reply 99"),
    ],
)
def test_socks_proxy_that_refuses(answers_: list[bytes], text: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            for answer in answers_:
                await peer.stream.receive_some()
                await peer.send(answer)

        await listen(net, script, host="proxy", port=1080)
        async with Client(proxy="socks5h://proxy") as client:
            with pytest.raises(trio_http.ProxyError, match=rf"GET http://api/: .*{text}"):
                await client.get("http://api/")

    run(main)


@pytest.mark.covers("B29")
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.9", b"\1\x7f\0\0\x09"),
        ("[fd00::7]", b"\4\xfd" + bytes(14) + b"\7"),
        ("name.test", b"\3\x09name.test"),
    ],
)
@pytest.mark.parametrize("bound", [b"\1\0\0\0\0", b"\4" + bytes(16), b"\3\4host"], ids=["ipv4", "ipv6", "name"])
def test_socks_addresses_of_all_kinds_byte_by_byte(host: str, address: bytes, bound: bytes) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.exactly(3)
            await peer.send(b"\5", b"\0")
            assert await peer.exactly(3 + len(address) + 2) == b"\5\1\0" + address + b"\0\x50"
            await peer.send(*(bytes([byte]) for byte in b"\5\0\0" + bound))
            await peer.send(b"\0\x50")
            await peer.answer()

        await listen(net, script, host="proxy", port=1080)
        async with Client(proxy="socks5h://proxy") as client:
            assert (await client.get(f"http://{host}/")).content == b"ok"

    run(main)


@pytest.mark.covers("B29")
@pytest.mark.parametrize("user", ["", "x" * 256])
def test_socks_user_that_cannot_be_said(user: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.exactly(4)
            await peer.send(b"\5\2")
            await peer.end()

        await listen(net, script, host="proxy", port=1080)
        async with Client(proxy=Proxy(host="proxy", scheme="socks5h", username=user, password="p")) as client:
            with pytest.raises(trio_http.ProxyError, match="must be 1 to 255 bytes long"):
                await client.get("http://api/")

    run(main)


@pytest.mark.covers("B29")
def test_socks5_resolves_as_the_client_is_told_and_socks5h_does_not() -> None:
    asked: list[tuple[str, int]] = []
    seen: list[bytes] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.9"]

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.exactly(3)
            await peer.send(b"\5\0")
            seen.append((await peer.exactly(5))[3:])
            await trio.sleep_forever()

        await listen(net, script, host="proxy", port=1080)
        hosts = {"proxy": net_host(net, "proxy").ipv4, "mapped.test": "127.0.0.8:81"}
        for scheme, host in (("socks5", "name.test"), ("socks5", "mapped.test"), ("socks5h", "name.test")):
            async with Client(proxy=f"{scheme}://proxy", resolver=resolve, hosts=hosts) as client:
                with trio.move_on_after(1):
                    await client.get(f"http://{host}/")

    run(main)
    assert asked == [("name.test", 80)]
    assert seen == [b"\1\x7f", b"\1\x7f", b"\3\x09"]


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({"HTTP_PROXY": "http://p:1"}, "http://a", "http://p:1"),
        ({"http_proxy": "p:1", "HTTP_PROXY": "http://q:2"}, "http://a", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://a", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://a", "http://p:1"),
        ({"ALL_PROXY": "socks5h://p"}, "https://a", "socks5h://p:1080"),
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://a", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, "http://a", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "x, a.test"}, "http://a.test", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.test"}, "http://b.a.test", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": ".a.test"}, "http://b.a.test", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.test"}, "http://ba.test", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.test:8080"}, "http://a.test", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.test:80"}, "http://a.test", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "http://11.1.2.3", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, "http://[fd00::1]", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://localhost", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://127.0.0.2", None),
        ({}, "http://a", None),
    ],
)
def test_environment(environment: dict[str, str], url: str, expected: str | None) -> None:
    parsed = trio_http.semantics.URL(url)
    assert parsed.port is not None

    found = ProxyChoice(None, environment).choose(Origin(parsed.scheme, parsed.raw_host, parsed.port))

    assert (None if found is None else str(found)) == expected


@pytest.mark.covers("B29")
def test_proxy_of_the_user_goes_before_the_environment() -> None:
    choice = ProxyChoice(Proxy(host="mine", port=1), {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"})

    assert str(choice.choose(Origin("http", "a", 80))) == "http://mine:1"


@pytest.mark.parametrize("url", ["ftp://p", "http://", "http://p:x"])
def test_proxy_url_that_is_none(url: str) -> None:
    with pytest.raises(trio_http.InvalidURL):
        proxy_of(url)


def test_secrets_of_a_proxy_are_in_no_text() -> None:
    assert "secret" not in repr(proxy_of("http://user:secret@p:1"))
