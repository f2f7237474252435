"""Requests that Hypothesis makes up arrive as they were made, at a handler and over a network."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, strategies as st

from trio_http import Client, Request, Response
from trio_http.testing.strategies import requests

Seen = tuple[str, str, str, list[tuple[str, str]], bytes]


async def seen_of(request: Request) -> Seen:
    fields = [(name, value) for name, value in request.headers.get_all() if name.lower().startswith("x-")]
    return request.method, request.raw_path, request.query_string, fields, await request.read()


@pytest.mark.covers("C26")
@given(request=requests())
def test_requests_arrive_as_they_were_made(request: Request) -> None:
    async def main() -> None:
        arrived: list[Seen] = []

        async def handler(request: Request) -> Response:
            arrived.append(await seen_of(request))
            return Response("")

        async with Client(app=handler, base_url="http://test") as client:
            assert (await client.send(request)).status == 200
        assert arrived == [await seen_of(request)]

    trio.run(main)


@pytest.mark.covers("C26")
@given(data=st.data())
def test_methods_and_content_can_be_chosen(data: st.DataObject) -> None:
    request = data.draw(requests(["PUT"], most_content=3))

    assert request.method == "PUT"
    assert len(trio.run(request.read)) <= 3
