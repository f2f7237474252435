"""``trio-http serve``: an application or a folder, in one process or several."""

from __future__ import annotations

import logging
import os
import signal
from argparse import Namespace

from ._parser import Subparsers, UsageError
from ._serve_config import read_config
from ._serve_log import set_up_logging
from ._serve_options import add_options, settle
from ._serve_processes import serve_alone, serve_as_worker, supervise

__all__ = ["add_parser", "run"]

log = logging.getLogger("trio_http.run")

DESCRIPTION = """Serve a handler, an ASGI or WSGI application, or a folder.

SIGTERM or SIGINT (Ctrl-C) drains, a second one forces. SIGHUP reads certificates again,
and with --workers replaces the workers one by one without losing a connection.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the options."""
    add_options(subparsers.add_parser("serve", description=DESCRIPTION))


def run(options: Namespace) -> int:
    """Serve until told to end.

    Raises:
        UsageError: It cannot; the text says why and what to do.
    """
    file, table = read_config(options.config)
    settled = settle(vars(options), table, file)
    is_worker = settled.as_worker is not None
    if os.getpid() == 1:
        # In a container. What others die of by default process 1 ignores, so nothing could end it while it loads.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    if settled.umask is not None:
        os.umask(settled.umask)
    set_up_logging(settled.log_level, as_json=settled.log_json, with_pid=is_worker, access_log=settled.access_log)
    serve = serve_as_worker if is_worker else supervise if settled.supervised else serve_alone
    try:
        return serve(settled)
    except UsageError as error:
        if settled.debug or not settled.log_json:
            raise
        log.critical("%s", error)  # whoever reads objects is to see this one, of all lines
        return 2
