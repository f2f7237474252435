"""What is refused before a byte is on the wire, whichever option it comes by, and errors of the user's own code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, listen, run
from trio_http import Client, Request, Response
from trio_http.client import Proxy
from trio_http.testing import VirtualNetwork

INJECTED = "x\r\nX-Injected: 1"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"cookies": {"a": INJECTED}}, trio_http.LocalProtocolError, "the value of cookie 'a' holds"),
        ({"cookies": {"a": "1; admin=yes"}}, trio_http.LocalProtocolError, "without ';'"),
        ({"cookies": {INJECTED: "a"}}, trio_http.LocalProtocolError, "is no cookie name"),
        ({"headers": {"X": INJECTED}}, trio_http.LocalProtocolError, "the value of header 'X'"),
        ({"headers": {INJECTED: "X"}}, trio_http.LocalProtocolError, "header"),
        ({"referer": INJECTED}, trio_http.LocalProtocolError, "Referer"),
        ({"if_none_match": INJECTED}, trio_http.LocalProtocolError, "If-None-Match"),
        ({"params": {INJECTED: "\r\n"}}, None, ""),  # these are encoded
        ({"auth": (INJECTED, "\r\n")}, trio_http.LocalProtocolError, "user name"),
        ({"auth": trio_http.BasicAuth("a", "b")}, None, ""),
        ({"files": {INJECTED: (INJECTED, b"x", "text/plain")}}, None, ""),
        ({"files": {"a": ("f", b"x", INJECTED)}}, trio_http.LocalProtocolError, "Content-Type"),
        ({"files": {"a": ("f", b"x", "text/plain", {"X": INJECTED})}}, trio_http.LocalProtocolError, "header 'X'"),
    ],
    ids=repr,
)
def test_nothing_can_be_injected(options: Any, error: type[Exception] | None, text: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        heads: list[bytes] = []

        async def script(peer: Peer) -> None:
            heads.append(await peer.head())
            await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

        await listen(net, script)
        async with Client() as client:
            if error is None:
                await client.post("http://api/", **options)
                assert b"\r\nx-injected" not in heads[0].lower()
            else:
                with pytest.raises(error, match=text):
                    await client.post("http://api/", **options)
                assert heads == []

    run(main)


def test_nothing_can_be_injected_through_a_client_or_a_proxy() -> None:
    for options in ({"user_agent": INJECTED}, {"cookies": {"a": INJECTED}}, {"headers": {"A": INJECTED}}):
        with pytest.raises(trio_http.LocalProtocolError):
            Client(**options)  # type: ignore[arg-type]  # each is an option
    with pytest.raises(trio_http.LocalProtocolError):
        Proxy(host="proxy", headers={"X": INJECTED})
    with pytest.raises(trio_http.LocalProtocolError):
        Proxy(host="proxy", headers={INJECTED: "X"})
    with pytest.raises(trio_http.LocalProtocolError):
        Proxy(host="proxy", username="with:colon")
    Proxy(host="proxy", username="with:colon", scheme="socks5")  # there it can be said


async def not_called(request: Request) -> Response:
    raise AssertionError("nothing is to be sent")


@pytest.mark.parametrize(
    ("url", "options", "error", "text"),
    [
        ("localhost:8000/x", {}, trio_http.InvalidURL, "perhaps 'http://localhost:8000/x' was meant"),
        ("/x", {}, trio_http.InvalidURL, "or a base_url that it is relative to"),
        ("http://a b/", {}, trio_http.InvalidURL, "must not be in a host"),
        ("http://h:99999/", {}, trio_http.InvalidURL, "a port is a number from 0 to 65535"),
        (None, {}, TypeError, "a URL must be a str, not NoneType"),
        ("http://h/", {"timeout": 0}, ValueError, r"total=0.*give seconds as a positive number"),
        ("http://h/", {"timeout": "5"}, ValueError, "give seconds"),
        ("http://h/", {"hedge": -1}, ValueError, "hedge=-1 makes no sense"),
        ("http://h/", {"content": b"x", "expect_continue": -1}, ValueError, "expect_continue=-1 makes no sense"),
        ("http://h/", {"max_redirects": -1}, ValueError, "max_redirects=-1 makes no sense"),
        ("http://h/", {"max_body": -1}, ValueError, "max_body=-1 makes no sense"),
        ("http://h/", {"retry": "3"}, TypeError, "a number of attempts, or None, not str"),
        ("http://h/", {"retry": 0}, ValueError, "at least 1 attempt"),
        ("http://h/", {"auth": ("a", "b", "c")}, TypeError, r"given as \(user, password\)"),
        ("http://h/", {"auth": {"a": 1}}, TypeError, "an Auth or an async function, not dict"),
        ("http://h/", {"cookies": [("a", "b")]}, TypeError, "a mapping of names to values, not list"),
        ("http://h/", {"data": b"abc"}, TypeError, "bytes to be sent as it is goes as content="),
        ("http://h/", {"files": "/etc/hosts"}, TypeError, "a mapping of field names to files"),
        ("http://h/", {"content": {"a": 1}}, TypeError, "Objects go as json="),
        ("http://h/", {"content": [b"a"]}, TypeError, "lists of bytes joined"),
        ("http://h/", {"content": b"a", "json": 1}, TypeError, "one of content, json"),
    ],
)
def test_request_that_makes_no_sense(url: Any, options: Any, error: type[Exception], text: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client(app=not_called) as client:
            with pytest.raises(error, match=text):
                await client.post(url, **options)

    run(main)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"verify": "/ca.pem"}, TypeError, "a file of certificates to trust goes as ca_certs="),
        ({"timeout": -1}, ValueError, "give seconds"),
        ({"fingerprint": "xyz"}, ValueError, "64 hexadecimal digits"),
        ({"local_address": "banana"}, ValueError, "an IP address of this machine"),
        ({"dns_ttl": "x"}, ValueError, "give seconds"),
        ({"app": 5}, TypeError, "app= is 5; expected async def handler"),
        ({"mounts": {"http://h": 5}}, TypeError, r"mounts\['http://h'\]= is 5; expected async def handler"),
        ({"mounts": {"h": not_called}}, trio_http.InvalidURL, "an origin is wanted, such as 'http://h'"),
        ({"proxy": "socks4://h"}, trio_http.InvalidURL, "one of the schemes http, https, socks5, socks5h"),
        ({"base_url": "localhost:80"}, trio_http.InvalidURL, "perhaps 'http://localhost:80' was meant"),
        ({"retry": True}, TypeError, "not bool"),
    ],
)
def test_client_that_makes_no_sense(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Client(**options)


def test_method_that_is_none() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client(app=not_called) as client:
            with pytest.raises(trio_http.LocalProtocolError, match="They are written in upper case: 'GET'"):
                await client.request("get", "http://h/")
            with pytest.raises(trio_http.LocalProtocolError, match="allow_nonstandard_methods=True"):
                await client.request("PURGE", "http://h/")
            with pytest.raises(trio_http.LocalProtocolError, match="expected a token"):
                await client.request("GE T", "http://h/")

    run(main)


def test_under_another_event_loop() -> None:
    async def enter() -> None:
        async with Client():
            pass

    with pytest.raises(RuntimeError, match=r"trio.run\(main\)"):
        enter().send(None)


def test_error_of_a_progress_function_is_told_though_the_answer_has_come() -> None:
    def progress(sent: int, total: int | None) -> None:
        raise ValueError("mine")

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.until(b"x")
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await trio.sleep_forever()

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(ValueError, match="mine"):
                await client.post("http://api/", content=b"x", progress=progress)
            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B7")
@pytest.mark.parametrize("kind", ["iterator", "producer"])
def test_body_that_is_read_from_another_server_and_breaks_there_ends_the_request_at_once(kind: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def breaks(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            await trio.sleep(1)

        async def waits(peer: Peer) -> None:
            await peer.until(b"abc")
            await trio.sleep_forever()

        await listen(net, breaks, host="from")
        await listen(net, waits, host="to")
        async with Client() as client, client.stream("GET", "http://from/") as source:

            async def produce(send: Callable[[bytes], Awaitable[None]]) -> None:
                await send(await source.body.receive_some())
                await trio.sleep(1)
                raise trio_http.ReadError("the other server has reset the connection")

            content: Any = source.body if kind == "iterator" else produce
            with pytest.raises((trio_http.IncompleteBody, trio_http.ReadError), match=r"http://from/|other server"):
                await client.put("http://to/", content=content)
            assert trio.current_time() == 1  # not when "to" has waited for long enough

    run(main)
