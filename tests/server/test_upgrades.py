"""Handing the connection over: Upgrade and CONNECT."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.wires import ALL_KINDS, serving
from trio_http import Request, Response, ServerTimeouts, UpgradeResponse

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n"
CONNECT = b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"


async def shout(stream: trio.abc.HalfCloseableStream) -> None:
    async for data in stream:
        await stream.send_all(bytes(data).upper())
    await stream.send_all(b"BYE")


async def switch(request: Request) -> Response:
    return UpgradeResponse("shout", shout, headers={"x-mine": "1"})


@pytest.mark.covers("A51")
@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_an_upgrade_hands_the_stream_over(kind: str) -> None:
    with trio.fail_after(5):
        async with serving(switch, kind) as wires, wires.connect() as peer:
            await peer.send(UPGRADE + b"trailing ")
            head = await peer.receive_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert b"upgrade: shout\r\n" in head.lower()
            assert b"connection: upgrade\r\n" in head.lower()
            assert b"x-mine: 1\r\n" in head

            assert await peer.receive_exactly(9) == b"TRAILING "
            await peer.send(b"more")
            assert await peer.receive_exactly(4) == b"MORE"
            if "tls" not in kind:
                await peer.send_eof()
                assert await peer.receive_all() == b"BYE"


@pytest.mark.covers("A51")
@pytest.mark.parametrize("kind", ALL_KINDS)
async def test_connect_hands_the_stream_over(kind: str) -> None:
    async def handler(request: Request) -> Response:
        assert request.target == "h:80"
        return UpgradeResponse(None, shout)

    with trio.fail_after(5):
        async with serving(handler, kind) as wires, wires.connect() as peer:
            await peer.send(CONNECT + b"early")
            head = await peer.receive_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"content-length" not in head.lower()
            assert b"transfer-encoding" not in head.lower()

            assert await peer.receive_exactly(5) == b"EARLY"


async def test_an_upgrade_by_an_http_1_0_client_is_not_seen(autojump_clock: Any) -> None:
    async with serving(switch) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert status == 426  # not 101: RFC 9110 sections 7.8 and 15.2
    assert fields[b"connection"] == b"close"


async def test_who_did_not_ask_is_answered_426(autojump_clock: Any) -> None:
    async with serving(switch) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert status == 426
    assert fields[b"upgrade"] == b"shout"


async def test_another_protocol_than_the_one_asked_for_is_not_switched_to(autojump_clock: Any) -> None:
    async with serving(switch) as wires, wires.connect() as peer:
        status, _, _ = await peer.ask(UPGRADE.replace(b"shout", b"whisper"))

    assert status == 426


async def test_an_upgrade_may_be_refused_and_the_connection_goes_on(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response("no")

    async with serving(handler) as wires, wires.connect() as peer:
        assert (await peer.ask(UPGRADE))[2] == b"no"
        assert (await peer.ask(UPGRADE))[2] == b"no"


async def test_the_talk_ends_with_the_shutdown(autojump_clock: Any) -> None:
    ended: list[str] = []

    async def talk(stream: trio.abc.Stream) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cancelled")

    async def handler(request: Request) -> Response:
        return UpgradeResponse("shout", talk)

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(UPGRADE)
        await peer.receive_until(b"\r\n\r\n")
        await trio.sleep(100)  # no deadline of HTTP applies any more
        assert not ended
        report = await wires.server.shutdown(grace=2)

    assert ended == ["cancelled"]
    assert report.seconds <= 2.5


async def test_an_error_after_the_switch_is_logged(autojump_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        raise RuntimeError("talk trouble")

    async def handler(request: Request) -> Response:
        return UpgradeResponse("shout", talk)

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(UPGRADE)
        assert (await peer.receive_all()).startswith(b"HTTP/1.1 101 ")

    assert "talk trouble" in caplog.text


async def test_a_tunnel_for_who_did_not_ask_for_one_is_refused(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return UpgradeResponse(None, shout)

    async with serving(handler) as wires, wires.connect() as peer:
        assert (await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 405


async def test_the_time_of_a_handler_ends_with_the_switch(autojump_clock: Any) -> None:
    async with serving(switch, timeouts=ServerTimeouts(handler=3)) as wires, wires.connect() as peer:
        await peer.send(UPGRADE)
        await peer.receive_until(b"\r\n\r\n")
        await trio.sleep(10)
        await peer.send(b"still here")

        assert await peer.receive_exactly(10) == b"STILL HERE"
