"""Being told when the exchange of a request is over, whatever became of its answer.

An application in a task or thread of its own waits for somebody to take its answer. Middleware may drop that answer,
and a client may be gone before it is sent: then nobody comes, and the application must not wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

from ..messages import Request

__all__ = ["at_end"]


async def at_end(request: Request, call: Callable[[], None]) -> None:
    """Have a function called when the answer to a request has been sent, or will not be.

    Raises:
        RuntimeError: Nobody carries the request.
    """
    await request.enter(_End(call))


@final
class _End(AbstractAsyncContextManager[None]):
    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call()
