"""A span for each request of a client, and its name in the request's fields: middleware of the client."""

from __future__ import annotations

from typing import final

import trio
from opentelemetry import context as otel_context, propagate, trace
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, TracerProvider

from .._version import __version__
from ..messages import Handler, Request, Response
from ..semantics import Headers
from ._attributes import (
    Attributes,
    attributes_of_host,
    attributes_of_method,
    name_of_error,
    name_of_method,
    protocol_version,
    without_secrets,
)

__all__ = ["ClientTracing"]


@final
class _FieldSetter(Setter[Headers]):
    """Writes what propagators have to say into header fields."""

    def set(self, carrier: Headers, key: str, value: str) -> None:
        carrier[key] = value


_SETTER = _FieldSetter()


@final
class ClientTracing:
    """Make a span for each request: ``Client(middleware=[ClientTracing()])``.

    The span hangs below the current one, and the request's ``traceparent`` names it, so that the server's own hang
    below it. It lasts from the call to the head of the final response, redirects and retries included. Status codes of
    400 and above, errors and cancellation make it an error.

    Credentials, cookies and bodies are never recorded; the URL is, without user and password.

    Args:
        tracer_provider: Where spans go; None for the global one.
        propagator: Writes the context into the fields; None for the global one, by default W3C's Trace Context.
        query: Record the query of the URL, too. Secrets travel in queries.
    """

    __slots__ = ("_propagator", "_query", "_tracer")

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        propagator: TextMapPropagator | None = None,
        query: bool = False,
    ) -> None:
        self._tracer: Tracer = trace.get_tracer("trio_http.client", __version__, tracer_provider)
        self._propagator = propagator
        self._query = query

    async def __call__(self, request: Request, call: Handler) -> Response:
        """Make the request."""
        url = request.url
        attributes: Attributes = {
            **attributes_of_method(request.method),
            **attributes_of_host(url.host, url.port, url.scheme),
            "url.full": without_secrets(url, query=self._query),
            "url.scheme": url.scheme,
        }
        span = self._tracer.start_span(name_of_method(request.method), kind=SpanKind.CLIENT, attributes=attributes)
        context = trace.set_span_in_context(span)
        propagator = propagate.get_global_textmap() if self._propagator is None else self._propagator
        propagator.inject(request.headers, context, _SETTER)
        token = otel_context.attach(context)
        try:
            response = await call(request)
        except trio.Cancelled:
            span.set_attribute("error.type", "cancelled")
            span.set_status(Status(StatusCode.ERROR))
            raise
        except Exception as error:
            span.record_exception(error)
            span.set_attribute("error.type", name_of_error(error))
            span.set_status(Status(StatusCode.ERROR))
            raise
        else:
            span.set_attribute("http.response.status_code", response.status)
            span.set_attribute("network.protocol.version", protocol_version(response.http_version))
            if response.status >= 400:
                span.set_attribute("error.type", str(response.status))
                span.set_status(Status(StatusCode.ERROR))
            return response
        finally:
            otel_context.detach(token)
            span.end()
