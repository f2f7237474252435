"""Options of clients and requests, one by one: what each changes on the wire or in the connection."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import OK, Peer, answers, listen, run, serve_app
from trio_http import Client, ClientLimits, ClientTimeouts, Request, Response, ServerLimits, ServerTimeouts
from trio_http.testing import CertificateAuthority, VirtualNetwork

AUTHORITY = CertificateAuthority()


async def fields(request: Request) -> Response:
    """Say which fields came."""
    if request.path == "/old":
        return Response("moved", status=302, headers={"Location": "/new"})
    return Response(json={name.lower(): value for name, value in request.headers.get_all()})


async def sent(client: Client, **options: Any) -> dict[str, str]:
    """The fields that a request has when it arrives."""
    found: dict[str, str] = (await client.get("http://api/", **options)).json()
    return found


# ---------------------------------------------------------------- fields


@pytest.mark.covers("S1.20", "S2.50")
def test_user_agent() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(user_agent="crawler/2") as client:
            assert (await sent(client))["user-agent"] == "crawler/2"
        async with Client() as client:
            assert (await sent(client))["user-agent"] == f"trio_http/{trio_http.__version__}"

    run(main)


@pytest.mark.covers("S2.54")
def test_referer_of_a_client_and_of_a_request() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(referer="http://all.test/") as client:
            assert (await sent(client))["referer"] == "http://all.test/"
            assert (await sent(client, referer="http://one.test/"))["referer"] == "http://one.test/"

    run(main)


@pytest.mark.covers("B16", "S1.11")
@pytest.mark.parametrize("form", [dict, list, trio_http.Headers], ids=["mapping", "pairs", "Headers"])
def test_fields_of_a_client_are_overridden_by_those_of_a_request(form: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(headers=form([("X-A", "1"), ("X-B", "2")])) as client:
            seen = await sent(client, headers=form([("x-b", "3")]))
            assert (seen["x-a"], seen["x-b"]) == ("1", "3")

    run(main)


@pytest.mark.covers("B16", "S2.8")
def test_client_that_differs_shares_the_connections() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(headers={"X-A": "1"}) as client:
            other = client.with_(headers={"X-B": "2"}, timeout=3)
            seen = await sent(other)
            assert (seen["x-b"], "x-a" in seen) == ("2", False)
            seen = await sent(client)
            assert (seen["x-a"], "x-b" in seen) == ("1", False)
            assert (other.timeouts.total, client.timeouts.total) == (3, None)
            assert other.pool is client.pool
            assert [info.requests for info in client.pool.connections] == [2]
            with pytest.raises(TypeError, match="with_\\(\\) shares the connections, so it cannot change verify"):
                client.with_(verify=False)

    run(main)


@pytest.mark.covers("S2.58")
def test_fields_of_a_client_can_be_looked_at() -> None:
    client = Client(headers={"X-A": "1"})

    assert client.headers["x-a"] == "1"
    client.headers["x-a"] = "2"
    assert client.headers["x-a"] == "1"


@pytest.mark.covers("S1.17")
@pytest.mark.parametrize("since", [datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), 784111777, 784111777.0])
def test_only_if_it_has_changed(since: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client() as client:
            arrived = await sent(client, if_modified_since=since, if_none_match='"tag"')
            assert arrived["if-modified-since"] == "Sun, 06 Nov 1994 08:49:37 GMT"
            assert arrived["if-none-match"] == '"tag"'

    run(main)


@pytest.mark.covers("S1.21", "S1.38")
def test_coding_is_asked_for_unless_it_is_not_wanted() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client() as client:
            assert "gzip" in (await sent(client))["accept-encoding"]
        async with Client(decompress=False) as client:
            assert "accept-encoding" not in await sent(client)

    run(main)


@pytest.mark.covers("B2", "S1.9", "S1.10", "S1.12", "S2.60")
@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        ({"content": b"raw"}, None, "raw"),
        ({"content": "text"}, "text/plain; charset=utf-8", "text"),
        ({"json": {"a": [1]}}, "application/json", '{"a":[1]}'),
        ({"data": {"a": "1 2"}}, "application/x-www-form-urlencoded", "a=1+2"),
    ],
)
def test_each_form_of_a_body(options: dict[str, Any], kind: str | None, body: str) -> None:
    async def echo(request: Request) -> Response:
        shown = [request.method, request.query["q"], request.cookies.get("c"), request.headers.get("content-type")]
        return Response(json=[*shown, await request.text()])

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client:
            url = trio_http.URL("http://api/")
            response = await client.request("PATCH", url, params={"q": "x"}, cookies={"c": "d"}, **options)
            assert response.json() == ["PATCH", "x", "d", kind, body]

    run(main)


# ---------------------------------------------------------------- redirects


@pytest.mark.covers("S1.18", "S2.51")
def test_redirects_are_followed_unless_they_are_not_wanted() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client() as client:
            assert (await client.get("http://api/old")).status == 200
            assert (await client.get("http://api/old", follow_redirects=False)).status == 302
        async with Client(follow_redirects=False) as client:
            assert (await client.get("http://api/old")).status == 302
            assert (await client.get("http://api/old", follow_redirects=True)).status == 200

    run(main)


@pytest.mark.covers("S1.19")
def test_number_of_redirects_of_one_request() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(max_redirects=5) as client:
            assert (await client.get("http://api/old", max_redirects=0)).status == 302
            assert (await client.get("http://api/old", max_redirects=1)).status == 200

    run(main)


# ---------------------------------------------------------------- the connection


@pytest.mark.covers("B28", "S1.34", "S1.35")
def test_certificate_of_the_client(tmp_path: Path) -> None:
    certificate, key = AUTHORITY.issue("me.test")
    (tmp_path / "both.pem").write_bytes(certificate + key)
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    context = AUTHORITY.server_context("api")
    context.load_verify_locations(cadata=AUTHORITY.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    names: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer()
            names.append(peer.stream.getpeercert()["subjectAltName"])  # type: ignore[attr-defined]  # it is TLS

        await listen(net, script, port=443, tls=context)
        ca = str(tmp_path / "ca.pem")
        async with Client(ca_certs=ca, client_cert=str(tmp_path / "both.pem")) as client:
            await client.get("https://api/")
        async with Client(ca_certs=ca, client_cert=(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))) as client:
            await client.get("https://api/")

    run(main)
    assert names == [(("DNS", "me.test"),)] * 2


@pytest.mark.covers("B28", "S2.52")
def test_another_name_in_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers, port=443, tls=AUTHORITY.server_context("other"))
        async with Client(ca_certs=str(tmp_path / "ca.pem"), check_hostname=False) as client:
            assert (await client.get("https://api/")).content == b"ok"

    run(main)


@pytest.mark.covers("B26", "S1.22", "S1.25")
def test_sockets_are_bound_and_prepared_before_they_are_connected() -> None:
    seen: list[Any] = []

    def prepare(sock: trio.socket.SocketType) -> None:
        with pytest.raises(OSError, match=r"."):
            sock.getpeername()
        seen.append(sock.getsockname()[0])

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        ours = net.host("ours")
        with ours.active():
            async with Client(family=socket.AF_INET, local_address=ours.ipv4, prepare=prepare) as client:
                await client.get("http://api/")
        assert seen == [ours.ipv4]

    run(main)


@pytest.mark.covers("S1.33")
@pytest.mark.parametrize(
    ("options", "family"),
    [
        ({"allow_ipv6": False}, socket.AF_INET),
        ({"family": socket.AF_INET}, socket.AF_INET),
        ({"family": socket.AF_INET6}, socket.AF_INET6),
    ],
)
def test_family_of_addresses(options: dict[str, Any], family: int) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        seen: list[int] = []
        async with Client(**options, prepare=lambda sock: seen.append(sock.family)) as client:
            await client.get("http://api/")
        assert seen == [family]

    run(main)


@pytest.mark.covers("S1.4")
def test_a_client_that_is_closed_takes_no_more_requests() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        async with Client() as client:
            await client.get("http://api/")
            await client.aclose()
            assert client.pool.connections == []
            with pytest.raises(trio_http.PoolError):
                await client.get("http://api/")

    run(main)


@pytest.mark.covers("S1.1", "S1.2", "S1.3")
def test_a_client_owns_its_connections_and_its_defaults() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(headers={"X-A": "1"}, timeout=7) as one, Client() as two:
            assert (await sent(one))["x-a"] == "1"
            assert "x-a" not in await sent(two)
            assert one.timeouts.total == 7
            assert two.timeouts.total is None
            assert one.pool is not two.pool

    run(main)


# ---------------------------------------------------------------- errors, options as values


@pytest.mark.covers("B31", "S2.14", "S2.30")
def test_errors_have_one_root() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("gone")

        async def nonsense(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"nonsense\r\n\r\n")

        await listen(net, nonsense)
        async with Client() as client:
            with pytest.raises(trio_http.HTTPError) as refused:
                await client.get("http://gone/")
            with pytest.raises(trio_http.HTTPError) as broken:
                await client.get("http://api/")
            with pytest.raises(trio_http.HTTPError) as invalid:
                await client.get("http://[/")
        assert isinstance(refused.value, trio_http.ConnectError)
        assert isinstance(broken.value, trio_http.ProtocolError)
        assert isinstance(invalid.value, ValueError)

    run(main)
    for kind in ("ConnectError", "ReadError", "WriteError", "TLSError", "ProxyError"):
        assert issubclass(getattr(trio_http, kind), trio_http.TransportError)
    for kind in (
        "TransportError",
        "ProtocolError",
        "HTTPTimeout",
        "BodyError",
        "StatusError",
        "TooManyRedirects",
        "InvalidURL",
        "PoolError",
        "WebSocketError",
    ):
        assert issubclass(getattr(trio_http, kind), trio_http.HTTPError)


@pytest.mark.covers("B43")
@pytest.mark.parametrize("options", [ClientTimeouts(), ClientLimits(), ServerTimeouts(), ServerLimits()])
def test_options_are_values(options: Any) -> None:
    with pytest.raises(AttributeError):
        options.idle = 1
    with pytest.raises(TypeError):
        options.replace(nonsense=1)
    assert options.replace() == options
    assert Path(trio_http.__file__).with_name("py.typed").exists()


@pytest.mark.covers("S1.36")
def test_a_producer_is_called_again_for_each_attempt() -> None:
    calls: list[int] = []

    async def produce(send: Any) -> None:
        calls.append(1)
        await send(b"one ")
        await send(b"two")

    async def main(net: VirtualNetwork) -> None:
        bodies: list[bytes] = []

        async def script(peer: Peer) -> None:
            for answer in (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", OK):
                await peer.head()
                bodies.append(await peer.until(b"0\r\n\r\n"))
                await peer.send(answer)

        await listen(net, script)
        async with Client(retry=trio_http.Retry(attempts=2)) as client:
            assert (await client.put("http://api/", content=produce)).status == 200
        assert bodies == [b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"] * 2

    run(main)
    assert len(calls) == 2


def test_making_a_client_costs_next_to_nothing() -> None:
    Client()
    best = min(_seconds(lambda: Client(base_url="https://api", timeout=ClientTimeouts(total=3))) for _ in range(50))

    assert best < 0.001  # httpx: 16 to 40 ms, for a TLS context that may not be needed


def _seconds(function: Any) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
