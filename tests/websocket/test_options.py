"""Options that make no sense are refused where they are given, with what would make sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trio_http import Client
from trio_http.websocket import Deflate, Keepalive, WebSocketLimits, WebSocketTimeouts


@pytest.mark.covers("A58", "A59", "A60")
@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: WebSocketLimits(message=0), r"WebSocketLimits\(message=0\) makes no sense: .* at least 1"),
        (lambda: WebSocketLimits(queue=0), r"WebSocketLimits\(queue=0\)"),
        (lambda: WebSocketLimits().replace(queue=None), r"WebSocketLimits\(queue=None\)"),
        (lambda: WebSocketLimits().replace(message=-1), r"WebSocketLimits\(message=-1\)"),
        (lambda: WebSocketTimeouts(write=0), r"WebSocketTimeouts\(write=0\) makes no sense: .* or None for ever"),
        (lambda: WebSocketTimeouts(close=-1), r"WebSocketTimeouts\(close=-1\)"),
        (lambda: Keepalive(interval=0), r"Keepalive\(interval=0\)"),
        (lambda: Deflate(window_bits=8), r"Deflate\(window_bits=8\) makes no sense: .* from 9 to 15"),
        (lambda: Deflate(threshold=-1), r"Deflate\(threshold=-1\) makes no sense: .* at least 0"),
        (lambda: Client().websockets("ws://h/", backoff=0), r"backoff=0 makes no sense"),
    ],
)
def test_nonsense_is_refused(make: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_limits_may_be_lifted() -> None:
    assert WebSocketLimits(message=None).message is None
    assert WebSocketLimits().replace(queue=3) == WebSocketLimits(queue=3)
    assert WebSocketTimeouts(write=None, close=None).close is None
