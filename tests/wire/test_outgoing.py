"""The head of a request, whatever its fields say about connections."""

from __future__ import annotations

import pytest

from trio_http.messages import Content
from trio_http.semantics import Headers
from trio_http.wire import request_head


def fields_sent(*fields: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    items = Headers([("Host", "a"), *fields]).items_list
    return request_head("GET", b"/", items, Content(), streamed=False).headers.raw_items()


def test_fields_about_another_connection_are_not_passed_on() -> None:
    sent = fields_sent(("Connection", "keep-alive, X-Mine"), ("x-mine", "1"), ("TE", "trailers"), ("Keep-Alive", "3"))

    assert sent == [(b"Host", b"a"), (b"TE", b"trailers")]
    assert fields_sent(("Upgrade", "other")) == [(b"Host", b"a")]


def test_a_wish_to_close_is_passed_on() -> None:
    assert fields_sent(("Connection", "Close")) == [(b"Host", b"a"), (b"Connection", b"close")]


@pytest.mark.parametrize("value", ["host", "Host, close", "x,HOST"])
def test_nobody_takes_the_host_away(value: str) -> None:
    # A proxy hands on what its client sent; without Host its request would be refused, or go to another site.
    assert (b"Host", b"a") in fields_sent(("Connection", value))
