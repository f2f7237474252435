"""What a client does, counted by prometheus-client: an observer of each attempt of its requests.

How it works
------------
* It is a :class:`~trio_http.client.ClientInstrument`; a client without it pays nothing.
* Labels are bounded, because each combination lives for ever: there are at most ``max_origins`` origins, and no paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import trio
from prometheus_client import CollectorRegistry

from ..client import AttemptInfo, ClientInstrument, Phase
from ._families import BUCKETS, OTHER, Families, method_label

__all__ = ["ClientMetrics"]

MAX_ORIGINS = 100


@final
class ClientMetrics(ClientInstrument):
    """Count and time what clients do: ``Client(instruments=[metrics])``; one for all clients of a process.

    ======================================  ==========  ================================================
    ``http_client_requests_total``          counter     by method, origin and status; or, where no answer
                                                        came, the name of the error: ``ConnectError``,
                                                        ``Cancelled``
    ``http_client_request_seconds``         histogram   by method and origin: to the end of the answer
    ``http_client_requests_in_progress``    gauge       waiting for a connection included
    ``http_client_aborted_total``           counter     answers that were not read to their end, by origin
    ``http_client_phase_seconds``           histogram   by phase and its end, ``ok`` or ``failed``:
                                                        ``queue`` is the waiting for a connection of the
                                                        pool, ``connect`` counts connections; see
                                                        :data:`~trio_http.client.Phase`
    ``http_client_sent_bytes_total``        counter     bytes of requests, heads included, by origin
    ``http_client_received_bytes_total``    counter     bytes of the bodies of answers, as they travelled,
                                                        by origin
    ======================================  ==========  ================================================

    What is counted are attempts: a request that is retried or redirected is counted each time it is sent.

    Args:
        registry: Where they are registered; None for prometheus-client's own.
        namespace: What the names begin with.
        buckets: The upper bounds of the histograms, in seconds.
        max_origins: Distinct origins to keep; further ones are counted as ``other``.

    Raises:
        ValueError: The registry has metrics of these names already; the message is prometheus-client's.

    Example:
        >>> metrics = ClientMetrics()
        >>> client = Client(instruments=[metrics])
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        namespace: str = "http_client",
        buckets: Sequence[float] = BUCKETS,
        max_origins: int = MAX_ORIGINS,
    ) -> None:
        families = Families(registry, namespace)
        self._max_origins = max_origins
        self._origins: set[str] = set()
        self._begun: dict[tuple[AttemptInfo, Phase | None], float] = {}  # None: the whole attempt
        by_origin = ("origin",)
        self._requests = families.counter("requests", "Requests that were sent.", ("method", "origin", "status"))
        self._seconds = families.histogram(
            "request_seconds", "Seconds from the beginning to the end of the answer.", ("method", "origin"), buckets
        )
        self._in_progress = families.gauge("requests_in_progress", "Requests under way.")
        self._aborted = families.counter("aborted", "Answers that were not read to their end.", by_origin)
        self._phases = families.histogram(
            "phase_seconds", "Seconds that a phase of a request took.", ("phase", "result"), buckets
        )
        self._sent = families.counter("sent_bytes", "Bytes of requests, heads included.", by_origin)
        self._received = families.counter("received_bytes", "Bytes of the bodies of answers.", by_origin)

    def attempt_started(self, attempt: AttemptInfo) -> None:
        """Count it."""
        self._in_progress.inc()
        self._begun[attempt, None] = trio.current_time()

    def phase_started(self, attempt: AttemptInfo, phase: Phase) -> None:
        """Look at the clock."""
        self._begun[attempt, phase] = trio.current_time()

    def phase_ended(self, attempt: AttemptInfo, phase: Phase, error: BaseException | None) -> None:
        """Time it."""
        seconds = trio.current_time() - self._begun.pop((attempt, phase))
        self._phases.labels(phase, "ok" if error is None else "failed").observe(seconds)

    def attempt_ended(self, attempt: AttemptInfo, error: BaseException | None) -> None:
        """Count and time it."""
        self._in_progress.dec()
        method, origin = method_label(attempt.request.method), self._origin(attempt)
        if attempt.status is not None:
            status = str(attempt.status)
        else:
            status = "abandoned" if error is None else type(error).__name__
        self._requests.labels(method, origin, status).inc()
        self._seconds.labels(method, origin).observe(trio.current_time() - self._begun.pop((attempt, None)))
        self._sent.labels(origin).inc(attempt.sent)
        self._received.labels(origin).inc(attempt.received)
        if attempt.status is not None and not attempt.complete:
            self._aborted.labels(origin).inc()

    def _origin(self, attempt: AttemptInfo) -> str:
        origin = attempt.request.url.origin
        if origin not in self._origins:
            if len(self._origins) >= self._max_origins:
                return OTHER
            self._origins.add(origin)
        return origin
