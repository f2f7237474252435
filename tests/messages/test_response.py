"""A response built by hand: all of its parts, and what they say."""

from __future__ import annotations

import inspect

import pytest

from trio_http import DecodingError, Request, Response
from trio_http.messages import SendChunk
from trio_http.semantics import Headers, SetCookie


@pytest.mark.covers("S2.72", "S4.24")
def test_a_response_takes_all_its_parts() -> None:
    response = Response(
        "hello",
        status=203,
        headers=[("X-A", "1"), ("X-A", "2")],
        reason="Nearly",
        trailers={"X-Sum": "5"},
        compress=True,
        http_version="HTTP/1.0",
    )

    assert (response.status, response.reason, response.http_version) == (203, "Nearly", "HTTP/1.0")
    assert response.headers.get_list("x-a") == ["1", "2"]
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.content == b"hello"
    assert response.trailers == Headers({"X-Sum": "5"})
    assert response.compress
    assert response.is_success


@pytest.mark.covers("S2.72")
def test_a_response_has_one_body_and_a_final_status() -> None:
    with pytest.raises(TypeError, match="one body"):
        Response("text", json={})
    with pytest.raises(ValueError, match="200 to 999"):
        Response(status=103)


@pytest.mark.covers("S2.73")
async def test_a_body_in_memory_can_be_added_to() -> None:
    response = Response(b"one")
    response.write(b" two")
    response.write(" ü")

    assert await response.read() == await response.body.read() == response.content == "one two ü".encode()

    async def produce(send: SendChunk) -> None:
        raise AssertionError("nobody sends it")

    with pytest.raises(TypeError, match="only a body in memory"):
        Response(produce).write(b"y")


@pytest.mark.covers("S1.81")
async def test_a_body_is_read_whole_or_piece_by_piece() -> None:
    whole, pieces = Request("PUT", "/", content=b"body"), Request("PUT", "/", content=b"body")

    assert await whole.read() == await whole.read() == b"body"
    assert [piece async for piece in pieces.body] == [b"body"]


def test_json_that_is_nested_too_deeply_is_no_json() -> None:
    with pytest.raises(DecodingError, match="is not JSON"):
        Response(b"[" * 100_000).json()


def test_a_str_of_any_kind_is_text() -> None:
    class Markup(str):
        __slots__ = ()

    response = Response(Markup("é"))

    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.content == "é".encode()


def test_set_cookie_takes_what_a_cookie_is_made_of() -> None:
    # The list stands twice, so that both say their types and defaults to people, editors and type checkers.
    ours = list(inspect.signature(Response.set_cookie).parameters.values())[1:]

    assert ours == list(inspect.signature(SetCookie).parameters.values())
