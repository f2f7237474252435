"""Test code that uses httpx: timeouts, resets and retries in virtual time, under many seeds.

Run by pytest: ``pytest examples/testing_httpx.py``.
"""

from __future__ import annotations

import httpx
import pytest
import trio

from trio_http.testing import Faults, MockHTTP, VirtualNetwork, explore, simulate


async def fetch(client: httpx.AsyncClient, url: str, *, attempts: int = 3) -> str:
    """The code under test: a GET that is tried again, with growing pauses."""
    for attempt in range(attempts):
        try:
            return (await client.get(url)).raise_for_status().text
        except (httpx.TransportError, httpx.HTTPStatusError):
            if attempt == attempts - 1:
                raise
            await trio.sleep(2**attempt)
    raise AssertionError("not reached")


def test_it_tries_again_after_1_and_2_seconds() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with MockHTTP(net) as mock, httpx.AsyncClient(trust_env=False) as client:
            mock.get("http://api/a").reply(503).reply(503).reply(body="at last")
            assert await fetch(client, "http://api/a") == "at last"
            assert trio.current_time() == 3

    simulate(main)


def test_a_server_that_hangs_costs_one_timeout_each() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with MockHTTP(net) as mock, httpx.AsyncClient(trust_env=False, timeout=10) as client:
            mock.get("http://api/a").hang()
            with pytest.raises(httpx.ReadTimeout):
                await fetch(client, "http://api/a")
            assert trio.current_time() == 10 + 1 + 10 + 2 + 10

    simulate(main)


def test_a_partition_of_ten_seconds_is_survived() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with MockHTTP(net) as mock, httpx.AsyncClient(trust_env=False, timeout=5) as client:
            mock.get("http://api/a").reply(body="hello")

            async def heal() -> None:
                await trio.sleep(10)
                net.heal()

            with net.host("app").active():
                net.partition("app", "api")
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(heal)
                    assert await fetch(client, "http://api/a") == "hello"

    simulate(main)


@explore(seeds=100, faults=Faults.swarm)
async def test_the_answer_is_right_or_an_error_of_httpx(net: VirtualNetwork) -> None:
    async with MockHTTP(net, strict=False) as mock, httpx.AsyncClient(trust_env=False, timeout=5) as client:
        mock.get("http://api/:name").reply(chunks=[b"he", b"ll", b"o"], interval=0.1)
        try:
            assert await fetch(client, "http://api/a") == "hello"
        except httpx.TransportError:
            pass
