"""Trying again: when, how often, how long after; and when not."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, chunks, listen, run
from trio_http import Client
from trio_http.client import Retry
from trio_http.testing import VirtualNetwork

STEADY = Retry(jitter=0)


def failing(*answers: str) -> Any:
    """Answers one request each: a status with fields, or "close"."""
    left = list(answers)
    times: list[float] = []

    async def script(peer: Peer) -> None:
        while True:
            head = await peer.head()
            if b"Content-Length: 5" in head:
                await peer.exactly(5)
            times.append(trio.current_time())
            answer = left.pop(0) if left else "200 OK"
            if answer == "close":
                return
            await peer.send(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())

    return script, times


@pytest.mark.covers("B20")
@pytest.mark.parametrize(
    ("answers", "options", "status", "times"),
    [
        (["503 No"], {}, 200, [0, 0.5]),
        (["503 No", "502 No"], {}, 200, [0, 0.5, 1.5]),
        (["503 No", "502 No", "504 No"], {}, 504, [0, 0.5, 1.5]),
        (["503 No"], {"retry": None}, 503, [0]),
        (["500 No"], {}, 500, [0]),
        (["503 No\r\nRetry-After: 7"], {}, 200, [0, 7]),
        (["503 No\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT"], {}, 200, [0, 0]),
        (["503 No\r\nRetry-After: 31"], {}, 503, [0]),
        (["503 No\r\nRetry-After: 7"], {"timeout": 5}, 503, [0]),
        (["close"], {}, 200, [0, 0.5]),
        (["502 No"], {"method": "POST", "content": b"hello"}, 502, [0]),
        (["429 No"], {"method": "POST", "content": b"hello"}, 200, [0, 0.5]),
        (["502 No"], {"method": "POST", "content": b"hello", "headers": {"Idempotency-Key": "1"}}, 200, [0, 0.5]),
        (["503 No"], {"method": "PUT", "content": b"hello"}, 200, [0, 0.5]),
        (["503 No", "503 No"], {"retry": 2}, 503, None),
    ],
)
def test_when_it_is_tried_again(answers: list[str], options: dict[str, Any], status: int, times: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        script, seen = failing(*answers)
        await listen(net, script)
        async with Client(retry=STEADY) as client:
            response = await client.request(options.pop("method", "GET"), "http://api/", **options)

            assert response.status == status
            assert len(client.pool.connections) == 1
        if times is None:
            assert len(seen) == 2
        else:
            assert seen == times

    run(main)


@pytest.mark.covers("B20")
def test_connecting_is_tried_again_and_the_last_error_comes_out() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api")
        async with Client(retry=STEADY) as client:
            with pytest.raises(trio_http.ConnectError):
                await client.post("http://api/", content=b"hello")

            assert trio.current_time() == 1.5

    run(main)


def test_one_shot_body_is_not_sent_twice() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.until(b"0\r\n\r\n")
            await peer.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

        await listen(net, script)
        async with Client(retry=STEADY) as client:
            assert (await client.put("http://api/", content=chunks(b"x"))).status == 503

    run(main)


@pytest.mark.covers("B20")
def test_callers_deadline_bounds_the_waiting() -> None:
    async def main(net: VirtualNetwork) -> None:
        script, _ = failing("503 No\r\nRetry-After: 7")
        await listen(net, script)
        async with Client(retry=STEADY) as client:
            with trio.fail_after(5):
                assert (await client.get("http://api/")).status == 503
            assert trio.current_time() == 0

    run(main)


@pytest.mark.covers("B20")
def test_budget_keeps_a_sick_server_from_being_trampled() -> None:
    async def main(net: VirtualNetwork) -> None:
        script, seen = failing(*["503 No"] * 1000)
        await listen(net, script)
        async with Client(retry=Retry(jitter=0, backoff=0)) as client:
            for _ in range(100):
                assert (await client.get("http://api/")).status == 503
        assert 100 + 10 + 15 <= len(seen) <= 100 + 10 + 20  # the reserve, and 0.2 for each

    run(main)


@pytest.mark.covers("B20")
def test_jitter_stays_within_its_bounds() -> None:
    async def main(net: VirtualNetwork) -> None:
        script, times = failing("503 No")
        await listen(net, script)
        async with Client(retry=Retry(jitter=0.5)) as client:
            await client.get("http://api/")
        assert 0.25 <= times[1] <= 0.5

    run(main)


@pytest.mark.parametrize("options", [{"attempts": 0}, {"backoff": -1}, {"jitter": 2}])
def test_policy_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"makes no sense"):
        Retry(**options)
