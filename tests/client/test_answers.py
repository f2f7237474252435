"""What an answer knows: its message, what was asked, how long it took, whether it is an error."""

from __future__ import annotations

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import Peer, answers, listen, run
from trio_http import Client, Headers, Response
from trio_http.testing import VirtualNetwork


@pytest.mark.covers(
    "S1.40", "S1.41", "S1.42", "S1.44", "S1.48", "S1.49", "S2.65", "S2.66", "S2.67", "S2.69", "S2.70", "S2.71"
)
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_an_answer_has_the_parts_of_its_message_and_knows_what_was_asked(version: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer(status="302 Found", fields="Location: /end\r\n")
            await peer.head()
            fields = 'Content-Type: text/plain; charset=latin-1\r\nLink: </2>; rel="next"\r\nX-A: 1\r\nX-A: 2\r\n'
            await peer.send(f"{version} 203 Nearly\r\nContent-Length: 4\r\n{fields}\r\nb\xf6dy".encode("latin-1"))

        await listen(net, script)
        async with Client() as client:
            response = await client.get("http://api/")

        assert response.request is not None
        assert (response.request.method, str(response.request.url)) == ("GET", "http://api/end")
        assert (response.status, response.reason, response.http_version) == (203, "Nearly", version)
        assert response.headers.get_list("x-a") == ["1", "2"]
        assert str(response.url) == "http://api/end"
        assert response.redirects == len(response.history) == 1
        assert response.history[0].status == 302
        assert response.content == b"b\xf6dy"
        assert (response.text(), response.encoding.lower().replace("_", "-")) == ("bödy", "latin-1")
        assert response.links == {"next": "http://api/2"}
        assert response.is_success

    run(main)


@pytest.mark.covers("B36")
def test_trailers_of_a_response() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.head()
                await peer.send(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"
                )

        await listen(net, script)
        async with Client() as client:
            whole = await client.get("http://api/")
            assert whole.trailers == Headers({"X-Sum": "7"})
            assert "x-sum" not in whole.headers
            async with client.stream("GET", "http://api/") as streamed:
                assert streamed.trailers is None
                await streamed.read()
                assert streamed.trailers == Headers({"X-Sum": "7"})

    run(main)


@pytest.mark.covers("B32", "S1.46", "S1.47", "S2.68")
def test_where_the_time_went() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def slow(peer: Peer) -> None:
            while True:
                await peer.head()
                await trio.sleep(2)
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                await trio.sleep(3)
                await peer.send(b"ok")

        await listen(net, slow)
        net.dns.delay("api", 4)
        limits = trio_http.ClientLimits(connections=1)
        async with Client(limits=limits) as client, trio.open_nursery() as nursery:
            found: list[Response] = []

            async def ask() -> None:
                found.append(await client.get("http://api/"))

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask)
        first, second = (response.timings for response in found)
        assert first is not None
        assert second is not None
        assert (first.queue, first.dns, first.connect, first.tls) == (0, 4, 4, 0)
        assert (first.first_byte, first.total) == (2, 9)
        assert (second.queue, second.dns, second.connect, second.first_byte, second.total) == (9, 0, 0, 2, 14)
        assert [response.elapsed for response in found] == [9, 14]

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
