"""What programs hang into a server: hooks by name, several of each kind, called in the order they were given.

A hook may be an ordinary function or an async one. What a hook raises is logged and answered like an error of the
handler where an answer is still possible; it never ends the server.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import final

from ..messages import Request, Response
from ._instruments import Connection, Disconnect, Instrument

__all__ = ["ConnectHook", "DisconnectHook", "ErrorHook", "Hooked", "Hooks", "ReceiveHook", "ReplyHook", "call_hook"]

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


class Hooked:
    """A server that hooks can be hung into, and observers."""

    hooks: Hooks
    instruments: list[Instrument]

    def see_whether_plain(self) -> None:
        """Find out whether a request needs anything besides its handler."""

    def on_connect(self, hook: ConnectHook) -> ConnectHook:
        """Call ``hook(connection)`` for each new connection, TLS done; usable as a decorator, like those below."""
        self.hooks.connect.append(hook)
        return hook

    def on_disconnect(self, hook: DisconnectHook) -> DisconnectHook:
        """Call ``hook(info)`` after the end of each connection; see :class:`Disconnect`."""
        self.hooks.disconnect.append(hook)
        return hook

    def on_receive(self, hook: ReceiveHook) -> ReceiveHook:
        """Call ``hook(request, response)`` before the handler.

        A hook that sets the status or the body of ``response`` answers the request, and nothing after it is called.
        Fields that it sets otherwise are added to the handler's answer, where that has none of the name.
        """
        self.hooks.receive.append(hook)
        self.see_whether_plain()
        return hook

    def on_reply(self, hook: ReplyHook) -> ReplyHook:
        """Call ``hook(request, response)`` when an answer has been sent."""
        self.hooks.reply.append(hook)
        self.see_whether_plain()
        return hook

    def on_error(self, hook: ErrorHook) -> ErrorHook:
        """Call ``hook(error, connection)`` when a handler or a hook has failed; ``connection.request`` says at what."""
        self.hooks.error.append(hook)
        return hook

    def add_instrument(self, instrument: Instrument) -> None:
        """Add an observer."""
        self.instruments.append(instrument)
        self.see_whether_plain()


async def call_hook(result: Maybe) -> None:
    """Wait for what an async hook has returned."""
    if inspect.isawaitable(result):
        await result
