"""Traces through the real OpenTelemetry SDK: a server, a client, and one trace through both."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.wires import serving
from trio_http import Client, ConnectError, Request, Response
from trio_http.telemetry import ClientTracing, ServerTracing
from trio_http.testing import VirtualNetwork
from trio_http.web import Router


class Spans:
    """A provider of tracers, and what has come out of it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def one(self, kind: SpanKind) -> ReadableSpan:
        [span] = [span for span in self.all if span.kind is kind]
        return span


@pytest.fixture
def spans() -> Spans:
    return Spans()


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def router(spans: Spans) -> Router:
    router = Router()
    tracer = spans.provider.get_tracer("app")

    @router.get("/user/:name")
    async def user(request: Request) -> Response:
        with tracer.start_as_current_span("look up"):
            await trio.sleep(1)
        return Response(request.matches["name"])

    @router.get("/fails")
    async def fails(request: Request) -> Response:
        raise RuntimeError("trouble")

    @router.get("/waits")
    async def waits(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    return router


async def test_a_request_is_a_span_by_the_conventions(spans: Spans, autojump_clock: Any) -> None:
    tracing = ServerTracing(tracer_provider=spans.provider)
    async with serving(router(spans), instruments=[tracing]) as wires, wires.connect() as peer:
        await peer.ask(b"GET /user/ann?token=secret HTTP/1.1\r\nHost: example.com\r\nUser-Agent: me/1\r\n\r\n")

    span = spans.one(SpanKind.SERVER)
    assert span.name == "GET /user/:name"
    assert facts(span) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/user/:name",
        "network.protocol.version": "1.1",
        "server.address": "example.com",
        "server.port": 80,
        "url.path": "/user/ann",
        "url.scheme": "http",
        "user_agent.original": "me/1",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None
    inner = spans.one(SpanKind.INTERNAL)
    assert inner.parent is not None
    assert inner.parent.span_id == span.context.span_id


async def test_the_trace_of_the_caller_goes_on(spans: Spans, autojump_clock: Any) -> None:
    tracing = ServerTracing(tracer_provider=spans.provider)
    parent = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    left: list[trace.Span] = []
    async with serving(router(spans), instruments=[tracing]) as wires:
        wires.server.on_disconnect(lambda info: left.append(trace.get_current_span()))
        async with wires.connect() as peer:
            await peer.ask(b"GET /user/ann HTTP/1.1\r\nHost: a\r\n" + parent + b"\r\n")
            await peer.ask(b"GET /user/bob HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)

    first, second = (span for span in spans.all if span.kind is SpanKind.SERVER)
    assert first.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert first.parent is not None
    assert first.parent.span_id == 0xB7AD6B7169203331
    assert second.parent is None, "the next request of a connection has nothing to do with the one before"
    assert left == [trace.INVALID_SPAN], "no span is left behind in the connection's task"


async def test_failures_are_errors(spans: Spans, autojump_clock: Any) -> None:
    tracing = ServerTracing(tracer_provider=spans.provider)
    async with serving(router(spans), instruments=[tracing]) as wires:
        async with wires.connect() as peer:
            await peer.ask(b"GET /fails HTTP/1.1\r\nHost: a\r\n\r\n")
            await peer.ask(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n")
            await peer.send(b"GET /waits HTTP/1.1\r\nHost: a\r\n\r\n")
            await trio.sleep(1)
        await trio.sleep(1)

    failed, odd, left = spans.all
    assert failed.status.status_code is StatusCode.ERROR
    assert facts(failed)["error.type"] == "RuntimeError"
    assert [event.name for event in failed.events] == ["exception"]
    assert odd.name == "HTTP"
    assert facts(odd)["http.request.method"] == "_OTHER"
    assert facts(odd)["http.request.method_original"] == "BREW"
    assert odd.status.status_code is StatusCode.UNSET, "4xx is the client's error, not ours"
    assert facts(left)["error.type"] == "client_gone"


async def test_one_trace_goes_through_client_and_server(spans: Spans, virtual_network: VirtualNetwork) -> None:
    middleware = [ClientTracing(tracer_provider=spans.provider, query=True)]
    tracing = ServerTracing(tracer_provider=spans.provider, query=True)
    async with (
        serving(router(spans), "virtual", instruments=[tracing]) as wires,
        Client(base_url=f"http://me:secret@127.0.0.1:{wires.server.port}", middleware=middleware) as client,
    ):
        assert (await client.get("/user/ann?a=1#top")).text() == "ann"
        async with client.stream("GET", "/nowhere") as response:
            assert response.status == 404

    ours, lost = (span for span in spans.all if span.kind is SpanKind.CLIENT)
    theirs = next(span for span in spans.all if span.kind is SpanKind.SERVER)
    assert theirs.parent is not None
    assert theirs.parent.span_id == ours.context.span_id
    assert theirs.context.trace_id == ours.context.trace_id
    assert ours.name == "GET"
    assert facts(ours) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": wires.server.port,
        "url.full": f"http://127.0.0.1:{wires.server.port}/user/ann?a=1",
        "url.scheme": "http",
    }
    assert facts(theirs)["url.query"] == "a=1"
    assert facts(theirs)["client.address"] == "127.0.0.1"
    assert lost.status.status_code is StatusCode.ERROR
    assert facts(lost)["error.type"] == "404"


async def test_errors_and_cancellation_end_a_clients_span(
    spans: Spans, virtual_network: Any, autojump_clock: Any
) -> None:
    async def waits(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    tracing = ClientTracing(tracer_provider=spans.provider)
    async with (
        serving(waits, "virtual") as wires,
        Client(middleware=[tracing]) as client,
    ):
        with pytest.raises(ConnectError):
            await client.get("http://127.0.0.1:1/")
        with trio.move_on_after(1) as scope:
            await client.get(wires.server.url)

    assert scope.cancelled_caught
    refused, cancelled = spans.all
    assert facts(refused)["error.type"] == "trio_http.ConnectError"
    assert facts(cancelled)["error.type"] == "cancelled"


async def test_without_an_sdk_nothing_happens(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response("hello")

    async with serving(handler, instruments=[ServerTracing()]) as wires, wires.connect() as peer:
        assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"hello"
