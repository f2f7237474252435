"""The client without trio; over loopback, because it runs in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator

import pytest

import trio_http
from trio_http import Request, Response
from trio_http.blocking import Client


async def app(request: Request) -> Response:
    if request.path == "/pieces":

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        return Response(pieces())
    return Response(json={"method": request.method, "body": (await request.read()).decode()})


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(app=app, base_url="http://app.test") as client:
        yield client


@pytest.mark.covers("B41", "S1.7")
@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_each_verb(client: Client, method: str) -> None:
    response = getattr(client, method)("/")

    assert response.status == 200
    if method != "head":
        assert response.json()["method"] == method.upper()


def test_body_goes_along_and_errors_come_back(client: Client) -> None:
    assert client.post("/", content="hello").json()["body"] == "hello"
    with pytest.raises(trio_http.InvalidURL):
        client.get("ftp://x/")


@pytest.mark.covers("B41")
def test_stream(client: Client) -> None:
    with client.stream("GET", "/pieces") as response:
        assert response.status == 200
        assert list(response) == [b"one", b"two"]
    with pytest.raises(trio_http.BodyScopeEnded):
        list(response)


@pytest.mark.covers("B41", "S1.7")
def test_several_threads_may_use_one_client(client: Client) -> None:
    results: list[int] = []

    def work() -> None:
        results.append(client.get("/").status)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [200] * 8


def test_outside_its_block_it_says_so() -> None:
    client = Client(app=app, base_url="http://app.test")
    with pytest.raises(trio_http.PoolError, match="with Client"):
        client.get("/")
    with client:
        assert client.get("/").status == 200
    with pytest.raises(trio_http.PoolError):
        client.get("/")
    assert not any(thread.name == "trio_http.blocking" for thread in threading.enumerate())
