"""What Prometheus reads of a server, through the real prometheus-client."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import trio
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.wires import serving
from trio_http import Request, Response
from trio_http.metrics import Metrics
from trio_http.web import Router
from trio_http.websocket import WebSocket


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(registry=CollectorRegistry())


def app(metrics: Metrics) -> Router:
    router = Router()
    router.add("GET", "/metrics", metrics.page)

    @router.get("/user/:name")
    async def user(request: Request) -> Response:
        await trio.sleep(0.2)
        return Response(request.matches["name"])

    @router.get("/fails")
    async def fails(request: Request) -> Response:
        raise RuntimeError("trouble")

    @router.get("/waits")
    async def waits(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    return router


def get(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *lines, "", ""]).encode()


post = functools.partial(get, method="POST")


def samples(page: bytes) -> dict[str, float]:
    """The samples of a page, ``name{label=value}`` to value; those of when something was created left out."""
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in parse_text(page.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def test_requests_are_counted_by_route_and_not_by_path(metrics: Metrics, autojump_clock: Any) -> None:
    async with serving(app(metrics), instruments=[metrics]) as wires, wires.connect() as peer:
        for name in ("ann", "bob"):
            assert (await peer.ask(get(f"/user/{name}")))[0] == 200
        assert (await peer.ask(get("/nowhere/1")))[0] == 404
        assert (await peer.ask(get("/fails")))[0] == 500
        found = samples((await peer.ask(get("/metrics")))[2])

    assert found["http_server_requests_total GET /user/:name 200"] == 2
    assert found["http_server_requests_total GET unmatched 404"] == 1
    assert found["http_server_requests_total GET /fails 500"] == 1
    assert found["http_server_failures_total GET /fails"] == 1
    assert found["http_server_request_seconds_sum GET /user/:name 200"] == pytest.approx(0.4)
    assert found["http_server_request_seconds_bucket 0.1 GET /user/:name 200"] == 0
    assert found["http_server_request_seconds_bucket 0.25 GET /user/:name 200"] == 2
    assert found["http_server_requests_in_progress"] == 1  # the page itself
    assert found["http_server_connections_total"] == found["http_server_connections_open"] == 1
    assert found["http_server_sent_bytes_total"] > 200


async def test_bodies_are_counted_once(metrics: Metrics, autojump_clock: Any) -> None:
    router = app(metrics)

    @router.post("/read")
    async def read(request: Request) -> Response:
        return Response(str(len(await request.read())))

    @router.post("/unread")
    async def unread(request: Request) -> Response:
        return Response("no, thanks")

    chunks = b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    async with serving(router, instruments=[metrics]) as wires, wires.connect() as peer:
        assert (await peer.ask(post("/read", "Content-Length: 10") + b"0123456789"))[2] == b"10"
        assert (await peer.ask(post("/read", "Transfer-Encoding: chunked") + chunks))[2] == b"5"
        assert (await peer.ask(get("/nowhere")))[0] == 404
        assert (await peer.ask(post("/unread", "Content-Length: 10") + b"0123456789"))[0] == 200
        assert (await peer.ask(get("/nowhere")))[0] == 404
        found = samples((await peer.ask(get("/metrics")))[2])

    assert found["http_server_received_bytes_total"] == 25


async def test_who_leaves_is_counted(metrics: Metrics, autojump_clock: Any) -> None:
    async with serving(app(metrics), instruments=[metrics]) as wires:
        async with wires.connect() as peer:
            await peer.send(get("/waits"))
            await trio.sleep(1)
        await trio.sleep(1)
        async with wires.connect() as peer:
            found = samples((await peer.ask(get("/metrics")))[2])

    assert found["http_server_requests_total GET /waits 499"] == 1
    assert found["http_server_aborted_total GET /waits"] == 1
    assert found["http_server_disconnects_total client_gone"] == 1
    assert found["http_server_connections_open"] == 1


async def test_websockets_are_counted_and_not_timed(metrics: Metrics, autojump_clock: Any) -> None:
    router = app(metrics)

    @router.websocket("/ws")
    async def talk(ws: WebSocket) -> None:
        await trio.sleep(10)

    async with serving(router, instruments=[metrics]) as wires, wires.connect() as peer, wires.connect() as other:
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        upgrade = get("/ws", "Upgrade: websocket", "Connection: upgrade", "Sec-WebSocket-Version: 13", key)
        assert (await peer.ask(upgrade))[0] == 101
        during = samples((await other.ask(get("/metrics")))[2])
        await trio.sleep(40)  # the closing handshake has its time, too
        after = samples((await other.ask(get("/metrics")))[2])
        assert (await other.ask(get("/ws")))[0] == 426
        refused = samples((await other.ask(get("/metrics")))[2])

    assert during["http_server_requests_in_progress"] == 2
    assert after["http_server_requests_in_progress"] == 1
    assert after["http_server_requests_total GET /ws 101"] == 1
    assert "http_server_request_seconds_count GET /ws 101" not in after
    assert refused["http_server_requests_total GET /ws 426"] == 1


async def test_labels_are_bounded(autojump_clock: Any) -> None:
    def path(request: Request) -> str:
        return request.path  # what one should not do

    metrics = Metrics(registry=CollectorRegistry(), route=path, max_routes=3)
    async with serving(metrics.page, instruments=[metrics]) as wires, wires.connect() as peer:
        for i in range(10):
            await peer.ask(get(f"/{i}"))
            await peer.ask(f"BREW{i} /0 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        found = samples((await peer.ask(get("/0")))[2])

    counted = {name: value for name, value in found.items() if name.startswith("http_server_requests_total")}
    assert counted == {
        "http_server_requests_total GET /0 200": 1,
        "http_server_requests_total GET /1 200": 1,
        "http_server_requests_total GET /2 200": 1,
        "http_server_requests_total GET other 200": 7,
        "http_server_requests_total other /0 200": 10,
    }


@pytest.fixture
def accepts() -> str:
    # what Prometheus 2.50 sends
    return "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


async def test_prometheus_gets_openmetrics(metrics: Metrics, accepts: str, autojump_clock: Any) -> None:
    async with serving(app(metrics), instruments=[metrics]) as wires, wires.connect() as peer:
        await peer.ask(get("/user/ann"))
        status, fields, body = await peer.ask(get("/metrics", f"Accept: {accepts}"))

    assert status == 200
    assert fields[b"content-type"].startswith(b"application/openmetrics-text")
    assert {family.name for family in parse_openmetrics(body.decode())} >= {"http_server_requests"}


def test_two_of_one_name_are_refused() -> None:
    registry = CollectorRegistry()
    Metrics(registry=registry)

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(registry=registry)

    Metrics(registry=registry, namespace="admin")
