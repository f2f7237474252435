"""A server that fails is spared for a while, and tried again; in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import Peer, answers, listen, run, silence
from trio_http import CircuitBreaker, CircuitOpen, Client, ClientLimits, ClientTimeouts
from trio_http.client import _breaker
from trio_http.testing import VirtualNetwork


class Service:
    """A server that answers as it feels: a status, ``"break"`` or ``"wait"``."""

    def __init__(self) -> None:
        self.mood: str = "200 OK"
        self.asked = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.head()
            self.asked += 1
            if self.mood == "break":
                return
            if self.mood == "wait":
                await trio.sleep(5)
            status = "200 OK" if self.mood == "wait" else self.mood
            await peer.send(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


async def ask(client: Client, url: str = "http://api/", **options: Any) -> str:
    """How a request ended: its status, or the name of its error."""
    try:
        return str((await client.get(url, **options)).status)
    except trio_http.HTTPError as error:
        return type(error).__name__


@pytest.mark.covers("B40")
@pytest.mark.parametrize(
    ("mood", "outcome"),
    [("503 Unwell", "503"), ("break", "RemoteProtocolError"), ("wait", "ReadTimeout"), ("gone", "ConnectError")],
)
def test_after_some_failures_in_a_row_it_is_not_asked_until_a_trial_succeeds(mood: str, outcome: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        service = Service()
        await listen(net, service)
        url = "http://api/" if mood != "gone" else "http://nobody/"
        net.host("nobody")
        breaker = CircuitBreaker(3, cooldown=10)
        async with Client(middleware=[breaker], timeout=ClientTimeouts(read=1)) as client:
            service.mood = mood
            assert [await ask(client, url) for _ in range(5)] == [outcome] * 3 + ["CircuitOpen"] * 2
            began, asked = trio.current_time(), service.asked
            await trio.sleep(9)
            assert await ask(client, url) == "CircuitOpen"
            assert (trio.current_time(), service.asked) == (began + 9, asked)
            await trio.sleep(1)
            assert [await ask(client, url) for _ in range(2)] == [outcome, "CircuitOpen"]  # the trial has failed
            await trio.sleep(10)
            service.mood = "200 OK"
            if mood == "gone":
                await listen(net, service, host="nobody")
            assert [await ask(client, url) for _ in range(3)] == ["200"] * 3
            service.mood = "503 Unwell"
            assert [await ask(client, url) for _ in range(4)] == ["503"] * 3 + ["CircuitOpen"]

    run(main)


@pytest.mark.covers("B40")
def test_error_says_what_has_happened_and_when_it_goes_on() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api")
        async with Client(middleware=[CircuitBreaker(2, cooldown=10)]) as client:
            for _ in range(2):
                await ask(client)
            await trio.sleep(4)
            with pytest.raises(CircuitOpen) as caught:
                await client.get("http://user:secret@api/x")
        assert caught.value.seconds == 6
        text = str(caught.value)
        assert text.startswith(
            "GET http://user:[redacted]@api/x: not sent, http://api has failed 2 times in a row, the last time 4.0 s "
            "ago (ConnectError: GET http://api/: cannot connect to api:80: "
        )
        assert text.endswith("; it is tried again in 6.0 s (CircuitBreaker(2, cooldown=10))")

    run(main)


@pytest.mark.covers("B40")
def test_a_success_between_failures_ends_the_row_and_origins_are_apart() -> None:
    async def main(net: VirtualNetwork) -> None:
        service = Service()
        await listen(net, service)
        await listen(net, answers, host="other")
        async with Client(middleware=[CircuitBreaker(2)]) as client:
            for mood in ("500 No", "200 OK", "500 No", "404 No", "500 No", "500 No"):
                service.mood = mood
                assert await ask(client) == mood[:3]
            assert await ask(client) == "CircuitOpen"
            assert await ask(client, "http://other/") == "200"

    run(main)


@pytest.mark.covers("B40")
def test_one_request_tries_and_if_it_is_cancelled_the_next_one_does() -> None:
    async def main(net: VirtualNetwork) -> None:
        service = Service()
        await listen(net, service)
        async with Client(middleware=[CircuitBreaker(1, cooldown=10)]) as client:
            service.mood = "500 No"
            await ask(client)
            await trio.sleep(10)
            service.mood = "wait"
            outcomes: list[str] = []

            async def one() -> None:
                outcomes.append(await ask(client))

            with trio.move_on_after(1):
                async with trio.open_nursery() as nursery:
                    for _ in range(3):
                        nursery.start_soon(one)
            assert outcomes == ["CircuitOpen"] * 2  # while the third one was trying
            service.mood = "200 OK"
            assert await ask(client) == "200"
            assert service.asked == 3

    run(main)


@pytest.mark.covers("B40")
def test_requests_that_were_under_way_when_it_opened_do_not_prolong_it() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        async with Client(middleware=[CircuitBreaker(2, cooldown=10)]) as client, trio.open_nursery() as nursery:
            for read in (1, 2, 8):
                nursery.start_soon(lambda read: ask(client, timeout=ClientTimeouts(read=read)), read)
            await trio.sleep(9)
            with pytest.raises(CircuitOpen) as caught:
                await client.get("http://api/")
            assert caught.value.seconds == 2 + 10 - 9

    run(main)


@pytest.mark.covers("B40")
def test_waiting_for_the_own_pool_is_no_fault_of_the_server() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        limits, timeouts = ClientLimits(connections=1), ClientTimeouts(pool=1, read=None)
        client = Client(middleware=[CircuitBreaker(1)], limits=limits, timeout=timeouts)
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(ask, client)
            await trio.testing.wait_all_tasks_blocked()
            assert [await ask(client) for _ in range(2)] == ["PoolTimeout"] * 2
            nursery.cancel_scope.cancel()

    run(main)


def test_memory_is_bounded() -> None:
    async def main(net: VirtualNetwork) -> None:
        breaker = CircuitBreaker(1)
        async with Client(middleware=[breaker], hosts={}) as client:
            for number in range(_breaker.ORIGINS_MAX + 10):
                await ask(client, f"http://127.0.0.1:{1000 + number}/")
            assert len(breaker._circuits) == _breaker.ORIGINS_MAX
            assert await ask(client, "http://127.0.0.1:1000/") == "ConnectError"  # forgotten, and asked again

    run(main)


@pytest.mark.parametrize("options", [{"failures": 0}, {"failures": 1.5}, {"cooldown": -1}])
def test_what_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        CircuitBreaker(**options)
