"""What Prometheus reads of a client, through the real prometheus-client."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse_text

import trio_http
from tests.client.client_peers import Peer, answers, listen, run
from trio_http import Client, ClientLimits
from trio_http.metrics import ClientMetrics, Metrics
from trio_http.testing import VirtualNetwork


def samples(registry: CollectorRegistry) -> dict[str, float]:
    """The samples, ``name value of label ...`` to value; buckets and those of when something was created left out."""
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in parse_text(generate_latest(registry).decode())
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def test_requests_bytes_and_phases_are_counted() -> None:
    registry = CollectorRegistry()

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer(b"moved", status="302 Found", fields="Location: /there\r\n")
            heads.append(await peer.answer(b"x" * 1000))
            heads.append(await peer.head())
            await peer.exactly(70_000)
            await trio.sleep(2)
            await peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes")
            await trio.sleep_forever()

        heads: list[bytes] = []
        await listen(net, script)
        net.dns.delay("api", 3)
        async with Client(instruments=[ClientMetrics(registry=registry)], base_url="http://api") as client:
            await client.get("/")
            before = samples(registry)["http_client_sent_bytes_total http://api"]
            await client.post("/", content=b"y" * 70_000)
            seen = samples(registry)
            assert seen["http_client_sent_bytes_total http://api"] - before == len(heads[1]) + 70_000
        assert seen["http_client_requests_total GET http://api 302"] == 1
        assert seen["http_client_requests_total GET http://api 200"] == 1
        assert seen["http_client_requests_total POST http://api 201"] == 1
        assert seen["http_client_requests_in_progress"] == 0
        assert seen["http_client_received_bytes_total http://api"] == 5 + 1000 + 3
        assert seen["http_client_request_seconds_sum GET http://api"] == 3
        assert seen["http_client_request_seconds_sum POST http://api"] == 2
        assert (seen["http_client_phase_seconds_count connect ok"], seen["http_client_phase_seconds_sum dns ok"]) == (
            1,
            3,
        )
        assert (seen["http_client_phase_seconds_count wait ok"], seen["http_client_phase_seconds_sum wait ok"]) == (
            3,
            2,
        )
        assert not any(name.startswith("http_client_aborted_total") for name in seen)

    run(main)


def test_what_fails_is_counted_by_its_name_and_the_pool_by_its_waits() -> None:
    registry = CollectorRegistry()

    async def main(net: VirtualNetwork) -> None:
        async def slow(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
            await trio.sleep_forever()

        await listen(net, slow)
        net.host("gone")
        metrics = ClientMetrics(registry=registry)
        async with Client(instruments=[metrics], limits=ClientLimits(connections=1)) as client:
            with pytest.raises(trio_http.ConnectError):
                await client.get("http://gone/")
            async with client.stream("GET", "http://api/"):
                assert samples(registry)["http_client_requests_in_progress"] == 1
                with pytest.raises(trio_http.PoolTimeout):
                    await client.get("http://api/", timeout=trio_http.ClientTimeouts(pool=4))
                with trio.move_on_after(5):
                    await client.get("http://api/")
        seen = samples(registry)
        for status in ("PoolTimeout", "Cancelled", "200"):
            assert seen[f"http_client_requests_total GET http://api {status}"] == 1
        assert seen["http_client_requests_total GET http://gone ConnectError"] == 1
        assert seen["http_client_phase_seconds_count connect failed"] == 1
        assert seen["http_client_phase_seconds_sum queue failed"] == 4 + 5
        assert seen["http_client_aborted_total http://api"] == 1
        assert seen["http_client_requests_in_progress"] == 0
        assert metrics._begun == {}

    run(main)


def test_labels_are_bounded() -> None:
    registry = CollectorRegistry()

    async def main(net: VirtualNetwork) -> None:
        for host in ("a", "b", "c"):
            await listen(net, answers, host=host)
        metrics = ClientMetrics(registry=registry, max_origins=2)
        async with Client(instruments=[metrics], allow_nonstandard_methods=True) as client:
            for host in ("a", "b", "c", "a"):
                await client.request("BREW", f"http://{host}/")
        seen = samples(registry)
        counts = {name.partition("_total ")[2]: value for name, value in seen.items() if "requests_total" in name}
        assert counts == {"other http://a 200": 2, "other http://b 200": 1, "other other 200": 1}

    run(main)


def test_stands_beside_the_metrics_of_a_server() -> None:
    registry = CollectorRegistry()
    Metrics(registry=registry)
    ClientMetrics(registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        ClientMetrics(registry=registry)

    assert {"http_server_requests_in_progress", "http_client_requests_in_progress"} <= set(samples(registry))
