"""Test a trio_http service: two services that talk, a partition between them, and all of it under many seeds.

Run by pytest, with pytest-trio installed: ``pytest examples/testing_trio_http.py``.
"""

from __future__ import annotations

import pytest
import trio

import trio_http
from trio_http.testing import Faults, VirtualNetwork, explore


class Shop:
    """The code under test: asks the stock service, and says 503 if it does not answer within two seconds."""

    def __init__(self, client: trio_http.Client) -> None:
        self.client = client

    async def handle(self, request: trio_http.Request) -> trio_http.Response:
        """Answer one customer."""
        try:
            with trio.fail_after(2):
                answer = await self.client.get("http://stock/")
        except (trio.TooSlowError, trio_http.HTTPError):
            return trio_http.Response("try later", status=503)
        return trio_http.Response(f"{answer.text()} left")


async def stock(request: trio_http.Request) -> trio_http.Response:
    return trio_http.Response("7")


async def run_shop(net: VirtualNetwork, *, task_status: trio.TaskStatus[None]) -> None:
    async with trio_http.Client(trust_env=False) as client, trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: trio_http.serve(
            Shop(client).handle, 80, host=net.host("shop").ipv4, task_status=task_status
        ))  # fmt: skip
        task_status.started()


async def open_both(net: VirtualNetwork) -> None:
    await net.host("stock").start(lambda task_status: trio_http.serve(
        stock, 80, host=net.host("stock").ipv4, task_status=task_status
    ))  # fmt: skip
    await net.host("shop").start(lambda task_status: run_shop(net, task_status=task_status))


@pytest.mark.trio
async def test_the_shop_says_so_while_the_stock_is_away(
    virtual_network: VirtualNetwork, virtual_client: trio_http.Client
) -> None:
    await open_both(virtual_network)
    assert (await virtual_client.get("http://shop/")).text() == "7 left"
    virtual_network.partition("shop", "stock")
    response = await virtual_client.get("http://shop/")
    assert (response.status, trio.current_time()) == (503, 2)
    virtual_network.heal()
    await trio.sleep(5)
    assert (await virtual_client.get("http://shop/")).text() == "7 left"


@explore(seeds=50, faults=Faults.swarm)
async def test_a_customer_gets_an_answer_or_an_error_never_nonsense(net: VirtualNetwork) -> None:
    await open_both(net)
    with net.host("customer").active():
        async with trio_http.Client(trust_env=False, timeout=30) as client:
            for _ in range(3):
                try:
                    response = await client.get("http://shop/")
                except trio_http.HTTPError:
                    continue
                assert response.text() in {"7 left", "try later"}
