"""From the options to what the server runs: the handler, its lifespan, its TLS, the server itself."""

from __future__ import annotations

import importlib
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import trio

from .._errors import HTTPError
from ..messages import Handler
from ..server import AccessLog, Instrument, Lifespan, ProxyHeaders, Server, make_context
from ..web import static
from ._parser import UsageError
from ._serve_app import find_application, kind_of
from ._serve_options import ServeOptions

__all__ = ["Served", "context_maker", "find_handler", "make_server"]

ALONE_BATCH = 64  # connections taken at a time, as the server does by itself
SHARED_BATCH = 4  # the same where workers share a socket (a unix one, or systemd's): so that they share the work


@final
@dataclass(frozen=True, slots=True)
class Served:
    """What is served.

    Attributes:
        handler: The handler.
        lifespan: What goes around everything; None for nothing.
        words: What it is, for people.
    """

    handler: Handler
    lifespan: Lifespan | None
    words: str


def find_handler(options: ServeOptions) -> Served:
    """Find what is to be served.

    Raises:
        UsageError: It is not to be had.
    """
    if options.directory is not None:
        if not Path(options.directory).is_dir():
            raise UsageError(f"--directory {options.directory}: there is no such folder")
        handler = static(options.directory, listing=not options.no_listing)
        return Served(handler, None, f"the files of {os.path.realpath(options.directory)}")
    assert options.target is not None
    application = find_application(options.target, factory=options.factory, app_dir=options.app_dir)
    kind = options.kind or kind_of(application, options.target)
    if kind == "handler":
        lifespan = getattr(application, "lifespan", None)
        if options.lifespan is not None:
            lifespan = find_application(options.lifespan, factory=False, app_dir=options.app_dir)
        return Served(application, lifespan, options.target)
    if options.lifespan is not None:
        raise UsageError(f"{options.target} is an application, which has a lifespan of its own: leave --lifespan out")
    adapters: Any = importlib.import_module("trio_http.asgi")  # only those who need it load it
    if kind == "asgi":
        adapted = adapters.ASGIHandler(application)
        return Served(adapted, adapted.lifespan, f"{options.target} (ASGI)")
    return Served(adapters.WSGIHandler(application), None, f"{options.target} (WSGI)")


def context_maker(options: ServeOptions) -> Callable[[], ssl.SSLContext] | None:
    """Return what makes the TLS context, each time from the files as they are then; None without TLS."""
    if options.certfile is None:
        return None
    certfile = options.certfile

    def make() -> ssl.SSLContext:
        """Make it.

        Raises:
            UsageError: A file cannot be read, or does not hold what it should.
        """
        try:
            return read()
        except (HTTPError, OSError, ValueError) as error:
            raise UsageError(" ".join(str(error).split())) from error

    def read() -> ssl.SSLContext:
        password = None
        if options.keyfile_password_file is not None:
            try:
                password = Path(options.keyfile_password_file).read_text().rstrip("\r\n")
            except (OSError, ValueError) as error:
                where = f"--keyfile-password-file {options.keyfile_password_file}"
                raise UsageError(f"{where}: {getattr(error, 'strerror', None) or error}") from error
        verify: bool | str = False
        if options.ca_certs is not None:
            verify = "optional" if options.client_cert_optional else True
        return make_context(
            certfile,
            options.keyfile,
            password=password,
            verify_client=verify,
            ca_certs=options.ca_certs,
        )

    return make


def make_server(
    options: ServeOptions,
    served: Served,
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]],
    context: ssl.SSLContext | None,
    more: Sequence[Instrument],
) -> Server:
    """Make the server.

    Args:
        options: What was said.
        served: What it serves.
        listeners: Where it listens.
        context: TLS; None without.
        more: Who observes it beside the access log.

    Raises:
        UsageError: An option makes no sense.
    """
    proxies = None
    try:
        if options.proxy_headers:
            proxies = ProxyHeaders(options.proxy_headers, "forwarded" if options.forwarded else "x-forwarded")
    except ValueError as error:
        raise UsageError(f"--proxy-headers: {error}") from error
    instruments = list(more)
    if options.access_log is not None:
        instruments.append(AccessLog("json" if options.log_json else "combined"))
    shared = (options.workers or 1) > 1 and not all(map(_is_own, listeners))
    return Server(
        served.handler,
        listeners=listeners,
        ssl_context=context,
        timeouts=options.timeouts,
        limits=options.limits,
        lifespan=served.lifespan,
        proxy_headers=proxies,
        server_header=options.server_header,
        decompress_request=options.decompress_request,
        half_close=options.half_close,
        instruments=instruments,
        accept_batch=SHARED_BATCH if shared else ALONE_BATCH,
    )


def _is_own(listener: trio.abc.Listener[trio.abc.Stream]) -> bool:
    if not isinstance(listener, trio.SocketListener):
        return True
    return listener.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 1
