"""What a server does, counted by prometheus-client: an observer of the server, and the page that Prometheus reads.

How it works
------------
* It is an :class:`~trio_http.server.Instrument`; a server without it pays nothing.
* Labels are bounded, because each combination lives for ever: methods are those that are registered or ``other``,
  routes are the patterns of a router and not paths, and there are at most ``max_routes`` of them.
* The objects that prometheus-client makes for each combination of labels are kept in a dictionary: its own look-up
  costs more than the counting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import final

import trio
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from ..messages import Request, Response
from ..server import Connection, Disconnect, Reply
from ._families import BUCKETS, OTHER, Families, method_label

__all__ = ["Metrics"]

MAX_ROUTES = 500
UNMATCHED = "unmatched"
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


@final
class Metrics:
    """Count and time what a server does: ``Server(handler, instruments=[metrics])``.

    ======================================  ==========  ================================================
    ``http_server_requests_total``          counter     by method, route and status; 499: the client left
    ``http_server_request_seconds``         histogram   by method, route and status: head to end of answer
    ``http_server_requests_in_progress``    gauge       open WebSockets included
    ``http_server_aborted_total``           counter     answers that were cut short, by method and route
    ``http_server_failures_total``          counter     handlers that raised, by method and route
    ``http_server_sent_bytes_total``        counter     bytes of answers, heads included
    ``http_server_received_bytes_total``    counter     bytes of requests' bodies
    ``http_server_connections_total``       counter     connections that were accepted
    ``http_server_connections_open``        gauge       connections that are open
    ``http_server_disconnects_total``       counter     by reason, see :class:`~trio_http.server.Disconnect`
    ======================================  ==========  ================================================

    Switches of protocol, WebSockets too, are counted with status 101 and not timed: they last as long as they like.

    Several worker processes are counted as one if ``PROMETHEUS_MULTIPROC_DIR`` names an empty folder before any of
    them starts; see the documentation of prometheus-client.

    Args:
        registry: Where they are registered; one server process has one as a rule, prometheus-client's own.
        namespace: What the names begin with, instead of ``http_server``.
        buckets: The upper bounds of the histogram, in seconds.
        route: Names the route of a request, for handlers that are no router; None by itself or from it is
            ``request.route``, the pattern. Never return the path: each distinct one is kept for ever.
        max_routes: Distinct routes to keep; further ones are counted as ``other``.

    Raises:
        ValueError: The registry has metrics of these names already; the message is prometheus-client's.

    Example:
        >>> metrics = Metrics()
        >>> router.add("GET", "/metrics", metrics.page)
        >>> server = Server(router, 8000, instruments=[metrics])
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        namespace: str = "http_server",
        buckets: Sequence[float] = BUCKETS,
        route: Callable[[Request], str | None] | None = None,
        max_routes: int = MAX_ROUTES,
    ) -> None:
        families = Families(registry, namespace)
        self._registry = families.registry
        self._route = route
        self._max_routes = max_routes
        self._routes: set[str] = set()
        by_all = ("method", "route", "status")
        by_route = ("method", "route")
        counter = families.counter
        self._requests = counter("requests", "Requests that were answered, or given up by their client (499).", by_all)
        self._seconds = families.histogram(
            "request_seconds", "Seconds from the head of a request to the end of its answer.", by_all, buckets
        )
        self._in_progress = families.gauge("requests_in_progress", "Requests being handled, open WebSockets included.")
        self._aborted = counter("aborted", "Answers that were cut short.", by_route)
        self._failures = counter("failures", "Handlers that raised.", by_route)
        self._sent = counter("sent_bytes", "Bytes of answers, heads included.")
        self._received = counter("received_bytes", "Bytes of requests' bodies.")
        self._accepted = counter("connections", "Connections that were accepted.")
        self._open = families.gauge("connections_open", "Connections that are open.")
        self._disconnects = counter("disconnects", "Connections that ended, by reason.", ("reason",))
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram | None]] = {}

    # ---------------------------------------------------------------- the observer

    def connection_opened(self, connection: Connection) -> None:
        """Count it."""
        self._accepted.inc()
        self._open.inc()

    def connection_closed(self, connection: Connection, disconnect: Disconnect) -> None:
        """Count it."""
        self._open.dec()
        self._disconnects.labels(disconnect.reason).inc()

    def request_received(self, request: Request) -> None:
        """Count it."""
        self._in_progress.inc()

    def request_answered(self, request: Request, response: Response | None, reply: Reply) -> None:
        """Count and time it."""
        # Hot: once per request; 3 us with what is counted above, beside what any observer costs.
        self._in_progress.dec()
        self._sent.inc(reply.bytes_sent)
        if reply.bytes_received:
            self._received.inc(reply.bytes_received)
        method, route = self._labels(request)
        known = self._known.get((method, route, reply.status))
        if known is None:
            known = self._learn(method, route, reply.status)
        requests, seconds = known
        requests.inc()
        if seconds is not None:
            seconds.observe(reply.seconds)
        if not reply.complete:
            self._aborted.labels(method, route).inc()

    def handler_failed(self, request: Request, error: Exception) -> None:
        """Count it."""
        self._failures.labels(*self._labels(request)).inc()

    def _labels(self, request: Request) -> tuple[str, str]:
        method = method_label(request.method)
        route = self._route(request) if self._route is not None else None
        if route is None:
            route = request.route or UNMATCHED
        if route not in self._routes:
            if len(self._routes) >= self._max_routes:
                return method, OTHER
            self._routes.add(route)
        return method, route

    def _learn(self, method: str, route: str, status: int) -> tuple[Counter, Histogram | None]:
        labels = method, route, str(status)
        found = self._requests.labels(*labels), None if status == 101 else self._seconds.labels(*labels)
        self._known[method, route, status] = found
        return found

    # ---------------------------------------------------------------- the page

    async def page(self, request: Request) -> Response:
        """Answer with all metrics of the registry, in the format that the asker prefers; a handler.

        Who may see it is for you to say: mount it where only Prometheus comes by.
        """
        encode, content_type = choose_encoder(request.headers.get("accept") or "")
        if _MULTIPROCESS in os.environ:
            body = await trio.to_thread.run_sync(lambda: encode(_all_processes()))  # it reads many files
        else:
            body = encode(self._registry)
            await trio.lowlevel.checkpoint()
        return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"}, compress=True)


def _all_processes() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus-client has no types there
    return registry
