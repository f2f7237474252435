"""Metrics for ``trio-http serve --metrics``: what counts, and how several workers count together."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._run import hand_over
from ..messages import Handler
from ..server import Instrument
from ..web import Router
from ._parser import UsageError
from ._serve_options import ServeOptions

__all__ = ["counting_together", "find_metrics"]

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
NEEDS = "--metrics needs prometheus-client: pip install 'trio-http[prometheus]'"


def find_metrics(options: ServeOptions) -> tuple[Sequence[Instrument], Handler | None]:
    """Return what counts for ``--metrics``, and the handler that tells it; nothing and None if nobody asked.

    Raises:
        UsageError: It cannot be done.
    """
    if options.metrics is None:
        return [], None
    try:
        counting: Any = importlib.import_module("trio_http.metrics")  # only those who need it load it
        metrics = counting.Metrics()
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS) from error
    except ValueError as error:
        raise UsageError(
            f"--metrics: the application has Metrics of its own, leave one of them out ({error})"
        ) from error
    pages = Router()
    pages.add("GET", "/metrics", metrics.page)
    return [metrics], pages


@contextlib.contextmanager
def counting_together(options: ServeOptions) -> Iterator[Callable[[int], None]]:
    """Give the workers that are started in a block a folder to count in: a new one, unless the environment names one.

    prometheus-client adds up what it finds there.

    Yields:
        A function that is to be told the process id of each worker that has ended: its open connections are none.

    Raises:
        UsageError: prometheus-client is missing, or the folder cannot be made.
    """
    if options.metrics is None:
        yield lambda pid: None
        return
    with contextlib.ExitStack() as stack:
        try:
            if VARIABLE not in os.environ:
                folder = stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="trio-http-metrics-", ignore_cleanup_errors=True)
                )
                hand_over(folder, options.user, options.group)
                os.environ[VARIABLE] = folder
                stack.callback(os.environ.pop, VARIABLE, None)
            counting: Any = importlib.import_module("prometheus_client.multiprocess")  # only those who need it load it
        except ModuleNotFoundError as error:
            raise UsageError(NEEDS) from error
        except (OSError, ValueError) as error:
            raise UsageError(f"--metrics: {error}") from error
        yield counting.mark_process_dead
