"""What a handler sees of a request that a client has made."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.client.client_peers import run
from trio_http import Client, Request, Response, Server
from trio_http.testing import VirtualNetwork


@pytest.mark.covers("S2.15", "S2.16", "S2.17", "S2.18", "S2.19", "S2.20", "S2.21", "S2.22", "S2.25", "S2.13", "S4.32")
def test_request_as_a_handler_sees_it() -> None:
    seen: list[Any] = []

    async def handler(request: Request) -> Response:
        seen.append(
            {
                "target": request.target,
                "raw_path": request.raw_path,
                "path": request.path,
                "method": request.method,
                "host": request.host,
                "ip": request.ip,
                "peer": request.peer,
                "field": request.headers["x-mine"],
                "query": request.query.get_list("q"),
                "cookies": dict(request.cookies),
                "version": request.http_version,
            }
        )
        return Response("ok")

    async def main(net: VirtualNetwork) -> None:
        host = net.host("api")

        async def run_server(*, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
            await Server(handler, 8000, host="0.0.0.0").listen(task_status=task_status)

        await host.start(run_server)
        ours = net.host("ours")
        with ours.active():
            async with Client(base_url="http://api:8000", allow_ipv6=False) as client:
                options: Any = {"headers": {"X-Mine": "1"}, "cookies": {"a": "b"}}
                await client.get("/a%20b/c", params={"q": ["1", "2"]}, **options)
        [facts] = seen
        assert facts["target"] == "/a%20b/c?q=1&q=2"
        assert (facts["raw_path"], facts["path"]) == ("/a%20b/c", "/a b/c")
        assert (facts["method"], facts["host"], facts["version"]) == ("GET", "api:8000", "HTTP/1.1")
        assert facts["ip"] == facts["peer"][0] == ours.ipv4
        assert facts["query"] == ["1", "2"]
        assert (facts["field"], facts["cookies"]) == ("1", {"a": "b"})

    run(main)
