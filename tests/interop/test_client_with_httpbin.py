"""Our client with httpbin, an HTTP test service that other people wrote, under waitress in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_http
from tests.interop.real_programs import program
from trio_http import AnyAuth, BearerAuth, Client, DigestAuth, Response
from trio_http.semantics import available_codings

SERVER = """
import sys, waitress, httpbin
waitress.serve(httpbin.app, unix_socket=sys.argv[1], threads=8, _quiet=True)
"""


@asynccontextmanager
async def httpbin(folder: Path, **options: Any) -> AsyncIterator[Client]:
    """A client of the service; it listens on a unix socket, so it needs no port."""
    path = folder / "httpbin"
    async with (
        program(sys.executable, "-W", "ignore", "-c", SERVER, str(path), ready=path),
        Client(uds=str(path), base_url="http://httpbin.test", timeout=30, **options) as client,
    ):
        with trio.fail_after(20):
            while True:  # the socket is there a moment before it is listened to
                try:
                    await client.get("/status/200")
                except trio_http.ConnectError:
                    await trio.sleep(0.02)
                else:
                    break
        yield client


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        await trio.lowlevel.checkpoint()
        yield piece


def told(response: Response) -> Any:
    assert response.status == 200, response.text()
    return response.json()


@pytest.mark.covers("B1", "B2", "B3", "B4")
async def test_what_is_sent_is_what_arrives(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        seen = told(await client.get("/get", params=[("a", "1"), ("a", "ü&")], headers={"X-Mine": "yes"}))
        assert seen["args"] == {"a": ["1", "ü&"]}
        assert seen["headers"]["X-Mine"] == "yes"
        assert seen["headers"]["User-Agent"].startswith("trio_http/")
        for method in ("post", "put", "patch", "delete"):
            send = getattr(client, method)
            assert told(await send(f"/{method}", json={"a": [1, "ü"]}))["json"] == {"a": [1, "ü"]}
            assert told(await send(f"/{method}", data={"a": "ü", "b": ["1", "2"]}))["form"] == {
                "a": "ü",
                "b": ["1", "2"],
            }
            assert told(await send(f"/{method}", content="text"))["data"] == "text"
            assert told(await send(f"/{method}", content=pieces(b"one", b"", b"two")))["data"] == "onetwo"
        files = {"file": ("ü.txt", b"content", "text/plain"), "stream": ("s", pieces(b"st", b"ream"), "text/plain")}
        seen = told(await client.post("/post", data={"field": "value"}, files=files))
        assert (seen["form"], seen["files"]) == ({"field": "value"}, {"file": "content", "stream": "stream"})
        assert told(await client.put("/put", content=b"asked first", expect_continue=5))["data"] == "asked first"
        big = b"x" * 3_000_000
        assert len(told(await client.post("/post", content=big))["data"]) == len(big)
        assert (await client.head("/get")).content == b""
        assert "PUT" in (await client.options("/put")).headers["allow"]


@pytest.mark.covers("B30", "S1.38")
async def test_codings(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        names = {"gzip": "gzipped", "deflate": "deflated", "br": "brotli"}
        for coding in set(available_codings()) & set(names):
            path = "/brotli" if coding == "br" else f"/{coding}"
            assert told(await client.get(path))[names[coding]] is True
            raw = await client.get(path, decompress=False)
            assert raw.headers["content-encoding"] == coding
        assert "∮ E⋅da = Q" in (await client.get("/encoding/utf8")).text()


@pytest.mark.covers("B8", "B9")
async def test_streams(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        async with client.stream("GET", "/stream-bytes/100000?seed=1&chunk_size=7000") as response:
            streamed = b"".join([piece async for piece in response.body])
        assert streamed == (await client.get("/stream-bytes/100000?seed=1")).content
        async with client.stream("GET", "/stream/20") as response:
            assert len([line async for line in response.lines()]) == 20
        async with client.stream("GET", "/drip?duration=3&numbytes=30") as response:
            await response.body.receive_some()  # and leave
        part = await client.get("/range/1000", headers={"Range": "bytes=10-19"})
        assert (part.status, part.content) == (206, b"klmnopqrst")


@pytest.mark.covers("B13", "S1.18", "S1.19", "S1.44", "S2.69", "S2.70")
async def test_redirects(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        for kind in ("redirect", "relative-redirect", "absolute-redirect"):
            response = await client.get(f"/{kind}/3")
            assert (response.status, response.redirects) == (200, 3)
            assert str(response.url) == "http://httpbin.test/get"
        with pytest.raises(trio_http.TooManyRedirects):
            await client.get("/redirect/5", max_redirects=4)
        assert (await client.get("/redirect/1", follow_redirects=False)).status == 302
        moved = {"url": "/anything", "status_code": 307}
        seen = told(await client.post("/redirect-to", params=moved, content=b"again"))
        assert (seen["method"], seen["data"]) == ("POST", "again")


@pytest.mark.covers("B14")
async def test_cookies(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        assert told(await client.get("/cookies/set?a=1&b=two"))["cookies"] == {"a": "1", "b": "two"}
        assert told(await client.get("/cookies/delete?a"))["cookies"] == {"b": "two"}
        forgetful = client.with_(cookies=False)
        assert told(await forgetful.get("/cookies/set?c=3"))["cookies"] == {}
        assert told(await forgetful.get("/cookies", cookies={"d": "4"}))["cookies"] == {"d": "4"}


@pytest.mark.covers("B15", "S1.13", "S1.14", "S2.26")
async def test_authentication(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        for auth in (("me", "secret"), AnyAuth("me", "secret")):
            assert told(await client.get("/basic-auth/me/secret", auth=auth))["authenticated"] is True
        assert (await client.get("/basic-auth/me/secret", auth=("me", "wrong"))).status == 401
        assert told(await client.get("/bearer", auth=BearerAuth("abc")))["token"] == "abc"
        for algorithm in ("MD5", "SHA-256", "SHA-512"):
            for qop in ("auth", "auth-int"):
                path = f"/digest-auth/{qop}/me/secret/{algorithm}"
                for way in (DigestAuth("me", "secret"), AnyAuth("me", "secret")):
                    assert told(await client.get(path, auth=way))["authenticated"] is True
        assert (await client.get("/digest-auth/auth/me/secret", auth=DigestAuth("me", "wrong"))).status == 401
        url = "http://me:secret@httpbin.test/digest-auth/auth/me/secret"
        assert told(await client.get(url, auth="any"))["authenticated"] is True


@pytest.mark.covers("B18", "S1.8", "S1.16", "S1.17")
async def test_status_time_and_conditions(tmp_path: Path) -> None:
    async with httpbin(tmp_path) as client:
        for status in (204, 304, 404, 418, 500):
            assert (await client.get(f"/status/{status}")).status == status
        with pytest.raises(trio_http.StatusError) as caught:
            await client.get("/status/503", raise_for_status=True)
        assert caught.value.status == 503
        with pytest.raises(trio_http.TotalTimeout) as late:
            await client.get("/delay/5", timeout=0.3)
        assert late.value.limit == 0.3
        with pytest.raises(trio_http.TotalTimeout):
            await client.get("/drip?duration=5&numbytes=50", timeout=0.5)
        assert (await client.get("/etag/abc", if_none_match='"abc"')).status == 304
        assert (await client.get("/cache", if_modified_since=0)).status == 304
        assert (await client.get("/cache")).status == 200
        assert all(info.state == "idle" for info in client.pool.connections)
