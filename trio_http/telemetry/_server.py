"""A span for each request of a server: an observer of the server."""

from __future__ import annotations

from contextvars import Token
from typing import final

from opentelemetry import context as otel_context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from .._version import __version__
from ..messages import Request, Response
from ..semantics import Headers, split_host_port
from ..server import Connection, Disconnect, Reply
from ._attributes import (
    Attributes,
    attributes_of_host,
    attributes_of_method,
    attributes_of_peer,
    name_of_error,
    name_of_method,
    protocol_version,
)

__all__ = ["ServerTracing"]


@final
class _FieldGetter(Getter[Headers]):
    """Reads what propagators ask for out of header fields."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        return carrier.get_list(key) or None

    def keys(self, carrier: Headers) -> list[str]:
        return [name for name, _ in carrier.get_all()]


_GETTER = _FieldGetter()


@final
class ServerTracing:
    """Make a span for each request: ``Server(handler, instruments=[ServerTracing()])``.

    The span continues the trace that the request's ``traceparent`` names, and is the current one while the handler
    runs and its answer is sent: spans that the handler makes, and requests of a client with :class:`ClientTracing`,
    hang below it. It is named by method and route (``GET /user/:name``), and it ends with the last byte of the answer;
    that of a WebSocket with the WebSocket. An error of 500 and above, or an answer that was cut short, makes it an
    error.

    Credentials, cookies and bodies are never recorded; the path is.

    Args:
        tracer_provider: Where spans go; None for the global one.
        propagator: Reads the context out of the fields; None for the global one, by default W3C's Trace Context.
        query: Record the query of the URL, too. Secrets travel in queries.
    """

    __slots__ = ("_failures", "_open", "_propagator", "_query", "_tracer")

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        propagator: TextMapPropagator | None = None,
        query: bool = False,
    ) -> None:
        self._tracer: Tracer = trace.get_tracer("trio_http.server", __version__, tracer_provider)
        self._propagator = propagator
        self._query = query
        self._failures: dict[Request, str] = {}
        self._open: dict[Request, tuple[Span, Token[Context]]] = {}

    def connection_opened(self, connection: Connection) -> None:
        """Nothing to trace."""

    def connection_closed(self, connection: Connection, disconnect: Disconnect) -> None:
        """Nothing to trace."""

    def request_received(self, request: Request) -> None:
        """Begin a span, and make it the current one of this task."""
        propagator = propagate.get_global_textmap() if self._propagator is None else self._propagator
        parent = propagator.extract(request.headers, otel_context.Context(), _GETTER)
        span = self._tracer.start_span(
            name_of_method(request.method),
            context=parent,
            kind=SpanKind.SERVER,
            attributes=self._attributes(request),
        )
        self._open[request] = span, otel_context.attach(trace.set_span_in_context(span, parent))

    def request_answered(self, request: Request, response: Response | None, reply: Reply) -> None:
        """End the span."""
        opened = self._open.pop(request, None)
        if opened is None:
            return
        span, token = opened
        failure = self._failures.pop(request, None)
        otel_context.detach(token)
        if span.is_recording():
            if request.route is not None:
                span.set_attribute("http.route", request.route)
                span.update_name(f"{name_of_method(request.method)} {request.route}")
            span.set_attribute("http.response.status_code", reply.status)
            if failure is not None:
                span.set_attribute("error.type", failure)
            elif reply.status >= 500:
                span.set_attribute("error.type", str(reply.status))
            elif not reply.complete:
                span.set_attribute("error.type", "client_gone" if reply.status == 499 else "incomplete")
            if reply.status >= 500 or not reply.complete:
                span.set_status(Status(StatusCode.ERROR))
        span.end()

    def handler_failed(self, request: Request, error: Exception) -> None:
        """Record the error."""
        opened = self._open.get(request)
        if opened is not None:
            opened[0].record_exception(error)
            self._failures[request] = name_of_error(error)

    def _attributes(self, request: Request) -> Attributes:
        via = request.via
        found: Attributes = {
            **attributes_of_method(request.method),
            **attributes_of_peer(request.peer),
            "url.scheme": via.scheme,
            "url.path": request.raw_path,
            "network.protocol.version": protocol_version(request.http_version),
        }
        if via.ip:
            found["client.address"] = via.ip
        try:
            found.update(attributes_of_host(*split_host_port(via.host), via.scheme))
        except ValueError:
            pass  # a Host field that names none
        agent = request.headers.get("user-agent")
        if agent:
            found["user_agent.original"] = agent
        if self._query and request.query_string:
            found["url.query"] = request.query_string
        return found
