"""Requests and responses as plain data, there and back."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import pytest
import trio
from hypothesis import given, settings, strategies as st

import trio_http
from trio_http import LocalProtocolError, Request, Response
from trio_http.messages import SendChunk


async def through(record: dict[str, Any]) -> dict[str, Any]:
    await trio.lowlevel.checkpoint()
    return json.loads(json.dumps(record))  # type: ignore[no-any-return]  # it was a dictionary


@pytest.mark.covers("S2.29")
@pytest.mark.parametrize("content", [None, b"", b"text", "t\u00e4xt".encode(), b"\xff\x00", "a str"])
async def test_a_request_survives_the_way_through_json(content: Any) -> None:
    request = Request("PUT", "/a?b=%20", headers=[("Host", "x"), ("X-A", "1"), ("X-A", "2")], content=content)

    made = Request.from_dict(await through(request.to_dict()))

    assert (made.method, made.target, made.http_version) == ("PUT", "/a?b=%20", "HTTP/1.1")
    assert list(made.headers.get_all()) == list(request.headers.get_all())
    assert await made.read() == (content.encode() if isinstance(content, str) else content or b"")


@pytest.mark.covers("S2.74")
@settings(deadline=None)
@given(
    st.integers(200, 999),
    st.binary(max_size=50),
    st.lists(st.tuples(st.from_regex("[A-Za-z-]{1,9}", fullmatch=True), st.from_regex("[!-~]{0,9}", fullmatch=True))),
)
def test_a_response_survives_the_way_through_json(status: int, body: bytes, fields: list[tuple[str, str]]) -> None:
    response = Response(body, status=status, headers=fields, reason="Fine")

    made = Response.from_dict(json.loads(json.dumps(response.to_dict())))

    assert (made.status, made.reason, made.content) == (status, "Fine", body)
    assert list(made.headers.get_all()) == list(response.headers.get_all())


@pytest.mark.covers("S2.29", "S2.74")
async def test_what_is_still_to_come_is_left_out() -> None:
    async def producer(send: trio_http.ChunkSink) -> None:
        await send(b"x")

    assert "text" not in Response(producer).to_dict()
    assert "text" not in Request("POST", "/", content=producer).to_dict()


@pytest.mark.covers("S2.29", "S2.74")
@pytest.mark.parametrize("message", [Request("GET", "/"), Response()])
def test_credentials_are_left_out_where_that_is_wanted(message: Request | Response) -> None:
    for name in ("Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization"):
        message.headers[name] = "secret"

    assert "secret" in json.dumps(message.to_dict())
    assert "secret" not in json.dumps(message.to_dict(redact=True))
    assert "secret" not in repr(message) + repr(message.headers)


@pytest.mark.covers("S2.29")
@pytest.mark.parametrize(
    ("kind", "record", "words"),
    [
        (Request, {"method": "GET"}, "'target' is missing"),
        (Request, {"target": 5}, "'target' is 5"),
        (Request, {"target": "/", "headers": "x"}, "list of pairs"),
        (Request, {"target": "/", "headers": [["a"]]}, "pairs"),
        (Request, {"target": "/", "base64": "*"}, "base64"),
        (Response, {"status": True}, "'status' is True"),
        (Response, {"status": 200, "text": 1}, "'text' is 1"),
    ],
)
def test_a_record_that_is_none_is_refused(kind: Any, record: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kind.from_dict(record)


def test_a_record_cannot_smuggle_lines() -> None:
    with pytest.raises(LocalProtocolError):
        Response.from_dict({"status": 200, "headers": [["X-A", "1\r\nX-B: 2"]]})


@pytest.mark.covers("S1.112", "S1.113")
def test_signatures_have_names_to_be_written_with() -> None:
    def made(
        method: trio_http.Method, headers: trio_http.HeadersLike, on_head: trio_http.HeaderHook
    ) -> tuple[Request, trio_http.Handler, trio_http.ResponseHook]:
        async def producer(send: trio_http.ChunkSink) -> None:
            await send(b"x")

        async def handler(request: Request) -> Response:
            on_head(103, request.headers)
            return Response(producer)

        assert get_type_hints(producer)["send"] == SendChunk
        return Request(method, "/", headers=headers), handler, lambda response: None

    hints = get_type_hints(made)
    request, _, _ = made("GET", {"a": "b"}, lambda status, headers: None)

    assert request.headers["a"] == "b"
    assert hints["method"] is str
    assert len(get_args(hints["headers"])) == 5
    assert len(get_args(hints["return"])) == 3
