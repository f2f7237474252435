"""A WebSocket on the command line: lines of standard input go out, messages that come are shown."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Final

import trio

from .._errors import ConnectionClosed
from ..client import Client, RequestOptions
from ..semantics import URL
from ..websocket import WebSocket
from ._exits import BAD_ANSWER, OK
from ._json_text import indent_json
from ._progress import size_in_words
from ._render import Renderer
from ._terminal import Terminal

__all__ = ["talk"]

LAST_WORDS = 1.0  # seconds without a message, after the end of a program's input, until the WebSocket is closed
GOOD_ENDS: Final = (1000, 1001, 1005)


async def talk(client: Client, url: str, asked: RequestOptions, terminal: Terminal, renderer: Renderer) -> int:
    """Talk until one side has had enough: the server closes, or standard input ends (Ctrl-D).

    Where input comes from a program, what the server still has to say is waited for.

    Returns:
        The exit code.

    Raises:
        HTTPError: There is no WebSocket.
    """
    async with client.websocket(url, **asked) as ws:
        if terminal.stdin_is_terminal:
            terminal.note(f"(connected to {URL(url).redacted}: each line is a message; Ctrl-D closes, Ctrl-C leaves)")
        async with trio.open_nursery() as nursery:
            listening = trio.CancelScope()
            nursery.start_soon(_send_lines, ws, terminal, listening)
            with listening, suppress(ConnectionClosed):
                while True:
                    message = await ws.receive()
                    if listening.deadline != math.inf:
                        listening.deadline = trio.current_time() + LAST_WORDS
                    await terminal.write(_shown(message, terminal, renderer))
            nursery.cancel_scope.cancel()
        await ws.close()
    code, reason = ws.close_code, ws.close_reason
    why = f"code {code}: {reason}" if reason else f"code {code}"
    if code in GOOD_ENDS:
        if terminal.stdin_is_terminal:
            terminal.note(f"(closed, {why})")
        return OK
    terminal.note(f"trio-http: the WebSocket was closed with {why}")
    return BAD_ANSWER


async def _send_lines(ws: WebSocket, terminal: Terminal, listening: trio.CancelScope) -> None:
    with suppress(ConnectionClosed):  # the one who listens tells of it
        while line := await terminal.read_line():
            data = line.removesuffix(b"\n").removesuffix(b"\r")
            try:
                message: str | bytes = data.decode()
            except UnicodeDecodeError:
                message = data
            await ws.send(message)
        listening.deadline = trio.current_time() + (0 if terminal.stdin_is_terminal else LAST_WORDS)


def _shown(message: str | bytes, terminal: Terminal, renderer: Renderer) -> str | bytes:
    if not terminal.stdout_is_terminal:
        return message + "\n" if isinstance(message, str) else message
    if isinstance(message, bytes):
        return renderer.name(f"(binary, {size_in_words(len(message))})") + "\n"
    laid_out = indent_json(message) if message[:1] in ("{", "[") else None
    return renderer.body(laid_out or message, "json" if laid_out else None)
