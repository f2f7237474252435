"""The shapes that ASGI 3 speaks of: an application, its scope, its messages.

They are those of Starlette's annotations, so applications fit without casts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["ASGIApplication", "Message", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
"""What an application is told of the connection; the keys depend on ``scope["type"]``."""
Message = MutableMapping[str, Any]
"""An event; the keys depend on ``message["type"]``."""
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
"""``async def app(scope, receive, send)``."""
