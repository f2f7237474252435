"""``trio-http get URL`` and its siblings: one request, and its answer shown or saved."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack
from typing import Unpack

import trio

from ..client import Client, ClientOptions, RequestOptions
from ..messages import Request, Response, Timings
from ._body_view import show_body
from ._download import Download
from ._events import show_events
from ._exits import BROKEN_PIPE, INTERRUPTED, exit_for, of_status, only_error
from ._parser import Subparsers, UsageError
from ._progress import Progress
from ._render import Renderer, renderer_for
from ._request_options import METHODS, add_arguments, client_options, request_options, upload_size, url_of
from ._talk import talk
from ._terminal import Terminal

__all__ = ["add_parser", "perform", "run"]


WORTH_A_BAR = 1024 * 1024  # bytes to send; less is gone before anybody has looked


def add_parser(subparsers: Subparsers) -> None:
    """Describe the options of each command."""
    for method in METHODS:
        parser = subparsers.add_parser(method.lower(), description=f"Make a {method} request and show the answer.")
        add_arguments(parser)
    add_arguments(subparsers.add_parser("request", description="Make a request with any method and show the answer."))


def run(options: Namespace) -> int:
    """Make the request."""
    terminal = Terminal.of_process()
    try:
        return trio.run(perform, options, terminal)
    except BrokenPipeError:
        return BROKEN_PIPE
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or (
            isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is not None
        ):
            return INTERRUPTED
        raise


async def perform(options: Namespace, terminal: Terminal, **more: Unpack[ClientOptions]) -> int:
    """Do what the options say, and return the exit code.

    Args:
        options: What was parsed.
        terminal: Where to read and write.
        more: Further options of the client, such as ``app``.
    """
    try:
        settings = client_options(options)
        settings.update(more)
        asked = await request_options(options, terminal)
        renderer = renderer_for(color=terminal.shows_color(options.color))
        async with Client(**settings) as client:
            return await _perform(options, terminal, renderer, client, asked)
    except Exception as error:
        found = only_error(error) if isinstance(error, ExceptionGroup) else error
        if isinstance(found, BrokenPipeError):
            raise found from None
        if options.debug or isinstance(found, UsageError) or not isinstance(found, Exception):
            raise
        code, text = exit_for(found)
        terminal.note(f"trio-http: {text}")
        return code


async def _perform(
    options: Namespace, terminal: Terminal, renderer: Renderer, client: Client, asked: RequestOptions
) -> int:
    url = url_of(options.url)
    method = options.method if options.command == "request" else options.command.upper()
    is_websocket = options.websocket or url.startswith(("ws://", "wss://"))
    if sum(map(bool, (is_websocket, options.sse, options.output))) > 1:
        raise UsageError("give one of --websocket, --sse and -o FILE: a WebSocket and events have no file")
    if options.resume and not options.output:
        raise UsageError("--continue goes with -o FILE: what was begun there is continued")
    if is_websocket:
        return await talk(client, url, asked, terminal, renderer)
    if options.sse:
        return await show_events(client, method, url, asked, terminal, renderer, verbose=options.verbose)
    with ExitStack() as bars:
        total = upload_size(options)
        if terminal.stderr_is_terminal and total >= WORTH_A_BAR:
            bar = bars.enter_context(Progress(terminal, "sending", total=total, color=options.color))
            asked["progress"] = bar.move_to
        if options.output and options.output != "-":
            download = Download(client, method, url, asked, options.output, terminal, color=options.color)
            async with download.open(resume=options.resume) as response:
                bars.close()
                _tell(response, options, terminal, renderer)
                code = await _save(response, download, terminal, renderer)
        else:
            async with client.stream(method, url, **asked) as response:
                bars.close()
                _tell(response, options, terminal, renderer)
                if terminal.stdout_is_terminal or options.include or method == "HEAD":
                    await terminal.write(renderer.response_head(response))
                await show_body(response, terminal, renderer, as_it_comes=options.stream)
                code = of_status(response.status)
    _tell_timings(response.timings, options, terminal, renderer)
    return code


async def _save(response: Response, download: Download, terminal: Terminal, renderer: Renderer) -> int:
    if response.status < 400:
        return await download.save(response)
    if response.status == 416 and download.asked_for_a_part:
        return download.settle_416(response)
    await show_body(response, terminal, renderer)  # an error page is no file
    return of_status(response.status)


# ---------------------------------------------------------------- what is told on standard error


def _tell(response: Response, options: Namespace, terminal: Terminal, renderer: Renderer) -> None:
    if not options.verbose:
        return
    for earlier in (*response.history, response):
        if isinstance(earlier.request, Request):
            terminal.say(renderer.request_head(earlier.request))
        if earlier is not response or not (terminal.stdout_is_terminal or options.include):
            terminal.say(renderer.response_head(earlier))


def _tell_timings(timings: Timings | None, options: Namespace, terminal: Terminal, renderer: Renderer) -> None:
    if options.verbose and timings is not None:
        terminal.say(renderer.timings(timings))
