"""A response after which the connection speaks another protocol: Upgrade and CONNECT (RFC 9110 section 7.8, 9.3.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from ..semantics import HeadersInput
from ._request import Request
from ._response import Response

__all__ = ["TakeOver", "UpgradeResponse"]

TakeOver = Callable[[trio.abc.HalfCloseableStream], Awaitable[None]]
"""``async def fn(stream)``: runs once the switch has been told; the connection ends with it."""


class UpgradeResponse(Response):
    """Hand the connection over, in answer to a request with ``Upgrade`` or to CONNECT.

    ``fn`` runs after all middleware has returned, in the connection's own task and under its cancellation: when the
    server shuts down it is cancelled after the grace. It gets a trio stream whose first bytes are those that the peer
    has sent behind its request already. A peer that did not ask to switch is answered 426.

    Args:
        protocol: The name of the protocol, for the Upgrade field; None for CONNECT.
        fn: What talks from then on; the stream is closed when it returns.
        headers: Further fields of the answer.
    """

    __slots__ = ("protocol", "take_over")

    def __init__(self, protocol: str | None, fn: TakeOver, *, headers: HeadersInput | None = None) -> None:
        super().__init__(b"", headers=headers)
        self.protocol: str | None = protocol
        self.take_over: TakeOver = fn
        self.status = 200 if protocol is None else 101
        if protocol is not None:
            self.headers["upgrade"] = protocol

    def agree(self, request: Request) -> Response:
        """Say whether this request gets what it asks for, after all middleware and before anything is sent.

        For protocols with a handshake of their own, whose answer depends on the request.

        Returns:
            This response, its fields filled in; or another one, which refuses.
        """
        return self
