"""What programs hang into a server: hooks by name, several of each kind, called in the order they were given.

A hook may be an ordinary function or an async one. What a hook raises is logged and answered like an error of the
handler where an answer is still possible; it never ends the server.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import final

from ..messages import Request, Response
from ._instruments import Connection, Disconnect

__all__ = ["ConnectHook", "DisconnectHook", "ErrorHook", "Hooks", "ReceiveHook", "ReplyHook", "call_hook"]

Maybe = Awaitable[None] | None
ConnectHook = Callable[[Connection], Maybe]
DisconnectHook = Callable[[Disconnect], Maybe]
ReceiveHook = Callable[[Request, Response], Maybe]
ReplyHook = Callable[[Request, Response], Maybe]
ErrorHook = Callable[[Exception, Connection], Maybe]


@final
class Hooks:
    """The hooks of one server."""

    __slots__ = ("connect", "disconnect", "error", "receive", "reply")

    def __init__(self) -> None:
        self.connect: list[ConnectHook] = []
        self.disconnect: list[DisconnectHook] = []
        self.receive: list[ReceiveHook] = []
        self.reply: list[ReplyHook] = []
        self.error: list[ErrorHook] = []

    @property
    def around_requests(self) -> bool:
        """True if there is a hook that has to be called for each request."""
        return bool(self.receive or self.reply)


async def call_hook(result: Maybe) -> None:
    """Wait for what an async hook has returned."""
    if inspect.isawaitable(result):
        await result
