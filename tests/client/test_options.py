"""Options of clients and requests, one by one: what each changes on the wire or in the connection."""

from __future__ import annotations

import socket
import ssl
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


@pytest.mark.covers("B16", "S1.11", "S2.8")
def test_fields_of_a_client_are_overridden_by_those_of_a_request() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(headers={"X-A": "1", "X-B": "1"}) as client:
            named = client.with_(headers=[("X-A", "2")])
            assert (await sent(client, headers=trio_http.Headers({"x-b": "3"})))["x-b"] == "3"
            assert (await sent(client))["x-a"] == "1"
            assert (await sent(named))["x-a"] == "2"
            assert "x-b" not in await sent(named)
            assert len(client.pool.connections) == 1  # which they share

    run(main)


@pytest.mark.covers("S2.58")
def test_fields_of_a_client_can_be_looked_at() -> None:
    client = Client(headers={"X-A": "1"})

    assert client.headers["x-a"] == "1"
    client.headers["x-a"] = "2"
    assert client.headers["x-a"] == "1"


@pytest.mark.covers("S1.17")
@pytest.mark.parametrize("since", [datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), 784111777])
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


# ---------------------------------------------------------------- answers


@pytest.mark.covers("S1.18", "S2.51")
def test_redirects_are_followed_unless_they_are_not_wanted() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client() as client:
            assert (await client.get("http://api/old")).status == 200
            assert (await client.get("http://api/old", follow_redirects=False)).status == 302
        async with Client(follow_redirects=False) as client:
            assert (await client.get("http://api/old")).status == 302

    run(main)


@pytest.mark.covers("S1.19")
def test_number_of_redirects_of_one_request() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, fields)
        async with Client(max_redirects=5) as client:
            assert (await client.get("http://api/old", max_redirects=0)).status == 302
            assert (await client.get("http://api/old", max_redirects=1)).status == 200

    run(main)


async def answered(net: VirtualNetwork) -> Response:
    """An answer after a redirect, from a server that takes its time."""

    async def script(peer: Peer) -> None:
        await peer.answer(b"moved", status="302 Found", fields="Location: /new\r\n")
        await peer.head()
        await trio.sleep(2)
        await peer.send(b"HTTP/1.0 203 Nearly\r\nX-A: b\r\nContent-Length: 5\r\n\r\n")
        await trio.sleep(1)
        await peer.send(b"hello")

    await listen(net, script)
    async with Client() as client:
        return await client.get("http://api/old")


@pytest.mark.covers("S1.40", "S1.44", "S2.69", "S2.70")
def test_an_answer_knows_what_was_asked_and_where_it_came_from() -> None:
    async def main(net: VirtualNetwork) -> None:
        response = await answered(net)
        request = response.request
        assert request is not None
        assert (request.method, request.path) == ("GET", "/new")
        assert str(response.url) == "http://api/new"
        assert response.redirects == 1

    run(main)


@pytest.mark.covers("S1.41", "S1.42", "S1.48", "S1.49", "S2.65", "S2.66", "S2.67", "S2.71")
def test_an_answer_has_the_parts_of_its_message() -> None:
    async def main(net: VirtualNetwork) -> None:
        response = await answered(net)
        assert (response.http_version, response.status, response.reason) == ("HTTP/1.0", 203, "Nearly")
        assert response.headers["x-a"] == "b"
        assert response.content == b"hello"

    run(main)


@pytest.mark.covers("B32", "S1.46", "S1.47")
def test_an_answer_knows_how_long_it_took() -> None:
    async def main(net: VirtualNetwork) -> None:
        response = await answered(net)
        timings = response.timings
        assert timings is not None
        assert timings.first_byte == 2
        assert timings.total == 3
        assert timings.queue == timings.dns == timings.connect == timings.tls == 0

    run(main)


@pytest.mark.covers("S2.68")
def test_an_answer_knows_its_seconds() -> None:
    async def main(net: VirtualNetwork) -> None:
        assert (await answered(net)).elapsed == 3

    run(main)


@pytest.mark.covers("S1.43")
def test_a_streamed_answer_is_read_like_a_stream() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        async with Client() as client, client.stream("GET", "http://api/") as response:
            assert await response.body.receive_some(1) == b"o"
            assert await response.body.receive_some() == b"k"
            assert await response.body.receive_some() == b""

    run(main)


@pytest.mark.covers("S1.45")
def test_an_error_is_there_without_being_raised() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer()
            await peer.answer(status="404 Not Found")

        await listen(net, script)
        async with Client() as client:
            assert (await client.get("http://api/")).error is None
            error = (await client.get("http://api/x")).error
            assert isinstance(error, trio_http.StatusError)
            assert error.status == 404
            assert "GET http://api/x" in str(error)

    run(main)


@pytest.mark.covers("B31", "S1.8", "S1.50", "S1.114")
def test_an_error_is_raised_when_that_is_wanted() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer()
            while True:
                await peer.answer(status="503 Service Unavailable")

        await listen(net, script)
        async with Client() as client:
            good = await client.get("http://api/")
            assert good.raise_for_status() is good
            with pytest.raises(trio_http.StatusError) as caught:
                (await client.get("http://api/")).raise_for_status()
            assert caught.value.response is not None
            assert caught.value.status == caught.value.response.status == 503
            with pytest.raises(trio_http.StatusError):
                await client.get("http://api/", raise_for_status=True)

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
            assert one.with_(timeout=8).pool is one.pool

    run(main)


# ---------------------------------------------------------------- without a client of one's own


async def verb(request: Request) -> Response:
    return Response(f"{request.method} {await request.text()}")


@pytest.mark.covers("S2.9")
def test_one_get() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, verb)
        assert (await trio_http.get("http://api/")).text() == "GET "

    run(main)


@pytest.mark.covers("S2.10")
def test_one_post() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, verb)
        assert (await trio_http.post("http://api/", content="x")).text() == "POST x"

    run(main)


@pytest.mark.covers("S2.11")
def test_one_put() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, verb)
        assert (await trio_http.put("http://api/", content="x")).text() == "PUT x"

    run(main)


@pytest.mark.covers("S2.12")
def test_one_delete() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, verb)
        assert (await trio_http.delete("http://api/")).text() == "DELETE "

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
        assert isinstance(refused.value, trio_http.TransportError)
        assert isinstance(broken.value, trio_http.ProtocolError)
        assert isinstance(invalid.value, ValueError)

    run(main)


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
