"""Which other origins may use this one from browsers (CORS)."""

from __future__ import annotations

import pytest

from tests.web.middleware import hello, request
from trio_http import Request, Response
from trio_http.web import (
    cors,
)


@pytest.mark.covers("A70")
async def test_cors_of_one_origin() -> None:
    handler = cors(["https://app.example"], headers=["x-token"], expose=["x-total"], credentials=True)(hello)

    preflight = await handler(request("OPTIONS", origin="https://app.example", access_control_request_method="PUT"))
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "x-token"
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert preflight.headers["access-control-max-age"] == "600"
    answer = await handler(request(origin="https://app.example"))
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["access-control-expose-headers"] == "x-total"
    assert answer.headers["vary"] == "origin"
    for other in ("https://evil.example", "null", "https://app.example.evil"):
        for asked in (
            request(origin=other),
            request("OPTIONS", origin=other, access_control_request_method="GET"),
        ):
            response = await handler(asked)
            assert "access-control-allow-origin" not in response.headers
            assert "origin" in response.headers["vary"]
    refused = await handler(request("OPTIONS", origin="https://app.example", access_control_request_method="BREW"))
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.covers("A70")
async def test_cors_for_all() -> None:
    handler = cors(["*"])(hello)

    answer = await handler(request(origin="https://x"))
    assert (answer.headers["access-control-allow-origin"], answer.headers.get("vary")) == ("*", None)
    preflight = await handler(
        request(
            "OPTIONS", origin="https://x", access_control_request_method="GET", access_control_request_headers="x-a"
        )
    )
    assert preflight.headers["access-control-allow-headers"] == "x-a"
    with pytest.raises(ValueError, match="credentials"):
        cors(["*"], credentials=True)
    assert (
        "access-control-allow-origin"
        in (await cors(lambda o: o == "https://x")(hello)(request(origin="https://x"))).headers
    )


@pytest.mark.parametrize(
    ("said", "then"),
    [
        (None, "origin"),
        ("X-Original-Host", "X-Original-Host, origin"),
        ("Accept, ORIGIN", "Accept, ORIGIN"),
        ("*", "*"),
    ],
)
async def test_cors_says_that_answers_depend_on_the_origin(said: str | None, then: str) -> None:
    async def handler(request: Request) -> Response:
        return Response("x", headers={} if said is None else {"Vary": said})

    answer = await cors(["https://me"])(handler)(request())

    assert answer.headers["vary"] == then
