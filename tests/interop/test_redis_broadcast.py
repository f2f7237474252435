"""One broadcast through a real redis-server: two hubs, two processes, and a Redis that goes away and comes back.

Real sockets and processes, so no clock jumps; the backoff itself is short enough to be waited for.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import coredis
import pytest
import trio

from tests.interop.real_programs import free_port, program, require
from trio_http import Client, serve
from trio_http.redis import RedisBroadcast
from trio_http.websocket import WebSocket, WebSocketResponse

# coredis leaves the memory streams of a connection that it could not make to the garbage collector, which complains
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <function MemoryObject")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def collect_here() -> Iterator[None]:
    yield
    gc.collect()  # so that it complains here, and not in some other test


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[str]:
    """A Redis of our own on a unix socket; gives its URL."""
    path = folder / "redis.sock"
    path.unlink(missing_ok=True)
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    async with program(require("redis-server"), *options, ready=path):
        yield f"unix://{path}"


class Node:
    """A hub with one member, over a real WebSocket in this process."""

    def __init__(self, hub: RedisBroadcast, ws: WebSocket) -> None:
        self.hub = hub
        self.ws = ws


@asynccontextmanager
async def node(url: str, **options: Any) -> AsyncIterator[Node]:
    hub = RedisBroadcast(url, "test", **options)

    async def handler(request: Any) -> Any:
        return WebSocketResponse(hub.join)  # type: ignore[arg-type]  # what it returns is nobody's business

    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run)
        server = await nursery.start(serve, handler)
        async with Client(base_url=server.url) as client, client.websocket("/") as ws:
            with trio.fail_after(10):
                while not len(hub):
                    await trio.sleep(0.01)
            yield Node(hub, ws)
        nursery.cancel_scope.cancel()


async def test_messages_go_from_each_to_all(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with redis(tmp_path) as url, node(url) as one, node(url) as two:
            await one.hub.wait_connected()
            await two.hub.wait_connected()

            assert one.hub.publish("grüß dich") == 1
            one.hub.publish(b"\0\xff")
            two.hub.publish("")

            heard = [[await each.ws.receive() for _ in range(3)] for each in (one, two)]

    # what is said here comes before what is said elsewhere; nobody gets anything twice
    assert [message for message in heard[0] if message] == ["grüß dich", b"\0\xff"]
    assert [message for message in heard[1] if message] == ["grüß dich", b"\0\xff"]
    assert heard[1][0] == ""
    assert heard[0].count("") == 1


async def test_many_messages_stay_in_order(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with redis(tmp_path) as url, node(url, queue=2000) as one, node(url, queue=2000) as two:
            await one.hub.wait_connected()
            await two.hub.wait_connected()
            for i in range(1000):
                one.hub.publish(str(i))

            assert [await two.ws.receive() for _ in range(1000)] == [str(i) for i in range(1000)]


async def test_what_others_publish_is_ignored_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with trio.fail_after(30):
        async with redis(tmp_path) as url, node(url) as one, coredis.Redis.from_url(url) as somebody:
            await one.hub.wait_connected()
            await somebody.publish("test", b"nonsense")
            await somebody.publish("test", b"")
            one.hub.publish("sense")

            assert await one.ws.receive() == "sense"
            while "something else than our messages" not in caplog.text:
                await trio.sleep(0.01)


async def test_a_restart_of_redis_is_survived_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trio_http.redis")
    url = f"unix://{tmp_path}/redis.sock"
    stop, begin = trio.Event(), trio.Event()

    async def twice() -> None:
        async with redis(tmp_path):
            await stop.wait()
        await begin.wait()
        async with redis(tmp_path):
            await trio.sleep_forever()

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, node(url, outbox=3) as one, node(url) as two:
            nursery.start_soon(twice)
            await one.hub.wait_connected()
            await two.hub.wait_connected()
            stop.set()
            while one.hub.connected or two.hub.connected:
                await trio.sleep(0.01)

            for i in range(5):
                assert one.hub.publish(f"alone {i}") == 1
            assert [await one.ws.receive() for _ in range(5)] == [f"alone {i}" for i in range(5)]
            assert (one.hub.waiting, one.hub.dropped) == (3, 2)

            begin.set()
            await two.hub.wait_connected()
            await one.hub.wait_connected()
            one.hub.publish("together")
            heard: list[str | bytes] = []
            while not heard or heard[-1] != "together":
                heard.append(await two.ws.receive())
            nursery.cancel_scope.cancel()

    # what waited comes later if the other has been back first; never out of order, never twice
    assert heard in ([f"alone {i}" for i in range(n, 5)] + ["together"] for n in range(2, 6))
    texts = [record.getMessage() for record in caplog.records]
    assert sum("lost" in text and "members here go on" in text for text in texts) == 2, texts
    assert sum("reached; " in text for text in texts) == 4


async def test_a_redis_that_falls_silent_is_noticed(tmp_path: Path) -> None:
    folder = str(tmp_path)
    options = ["--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", "", "--dir", folder]
    with trio.fail_after(60):
        process = await trio.lowlevel.open_process([require("redis-server"), *options], stdout=subprocess.DEVNULL)
        try:
            async with node(f"unix://{folder}/redis.sock", timeout=0.5) as one:
                await one.hub.wait_connected()
                process.send_signal(signal.SIGSTOP)
                while one.hub.connected:
                    await trio.sleep(0.02)
                process.send_signal(signal.SIGCONT)
                await one.hub.wait_connected()
        finally:
            process.kill()
            await process.wait()


async def test_without_redis_it_goes_on_alone_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with trio.fail_after(20):
        async with node(f"unix://user:secret@{tmp_path}/none.sock") as alone:
            assert alone.hub.publish("hello") == 1
            assert await alone.ws.receive() == "hello"
            while not caplog.records:
                await trio.sleep(0.01)
            assert not alone.hub.connected

    text = caplog.records[0].getMessage()
    assert f"Redis at {tmp_path}/none.sock cannot be reached" in text
    assert "secret" not in text


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[int]:
    """A process of the example; gives its port."""
    port = free_port()
    command = [sys.executable, str(ROOT / "examples" / "websocket_chat_redis.py")]
    environment = {**os.environ, "PORT": str(port), "REDIS_URL": url, "PYTHONPATH": str(ROOT)}
    async with program(*command, ready=port, env=environment), Client() as client:
        while (await client.get(f"http://127.0.0.1:{port}/ready")).status != 200:
            await trio.sleep(0.02)
        yield port


async def heard(ws: WebSocket, **wanted: object) -> dict[str, Any]:
    """The next message of a chat that has these fields."""
    while True:
        message: dict[str, Any] = await ws.receive_json()
        if wanted.items() <= message.items():
            return message


async def test_the_chat_with_two_workers(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with redis(tmp_path) as url, worker(url) as first, worker(url) as second, Client() as client:
            assert "<title>Chat" in (await client.get(f"http://127.0.0.1:{second}/")).text()
            async with client.websocket(f"ws://127.0.0.1:{first}/chat") as ann:
                await ann.send_json({"name": "Ann"})
                await heard(ann, kind="welcome", members=["Ann"])
                async with client.websocket(f"ws://127.0.0.1:{second}/chat") as bob:
                    await bob.send_json({"name": "Bob"})
                    await heard(bob, kind="welcome")
                    for ws in (ann, bob):
                        await heard(ws, kind="members", members=["Ann", "Bob"])
                    await ann.send_json({"text": "hello, bob"})
                    line = await heard(bob, kind="line", text="hello, bob")
                    await bob.send_json({"text": "hello, ann"})
                    await heard(ann, kind="line", text="hello, ann")
                    # who comes later to either of them is told what was said before, and by whom
                    async with client.websocket(f"ws://127.0.0.1:{second}/chat") as late:
                        await late.send_json({"name": "Ann"})
                        assert "there already" in (await heard(late, kind="error"))["text"]
                        await late.send_json({"name": "Cy"})
                        lines = list((await heard(late, kind="welcome"))["lines"])
                        while not {"hello, bob", "hello, ann"} <= {said["text"] for said in lines}:
                            lines.append(await heard(late, kind="line"))
                        await heard(ann, kind="members", members=["Ann", "Bob", "Cy"])
                await heard(ann, kind="members", members=["Ann"])

    assert line["from"] == "Ann"
    assert {said["from"] for said in lines} == {"Ann", "Bob"}


@pytest.mark.parametrize(
    ("url", "options", "complaint"),
    [
        ("http://127.0.0.1", {}, "none of Redis"),
        ("redis://127.0.0.1", {"outbox": 0}, "give at least 1"),
        ("redis://127.0.0.1", {"timeout": 0}, "positive number"),
    ],
)
def test_nonsense_is_refused(url: str, options: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        RedisBroadcast(url, "test", **options)
