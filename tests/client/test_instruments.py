"""Instruments are told of each phase of each attempt as it happens, whatever its end; in virtual time."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import OK, Peer, answers, chunks, listen, relay, run, silence
from trio_http import Client, ClientLimits, Request, Response
from trio_http.client import AttemptInfo, ClientInstrument, Phase, Proxy
from trio_http.testing import CertificateAuthority, VirtualNetwork, for_each_cancel_point

AUTHORITY = CertificateAuthority()


class Diary(ClientInstrument):
    def __init__(self) -> None:
        self.entries: list[str] = []
        self.open: list[str] = []
        self.attempts: list[AttemptInfo] = []

    def note(self, text: str) -> None:
        self.entries.append(f"{trio.current_time():g} {text}")

    def attempt_started(self, attempt: AttemptInfo) -> None:
        self.attempts.append(attempt)
        self.open.append("attempt")
        self.note(f"{attempt.number}: {attempt.request.method} {attempt.request.url}")

    def phase_started(self, attempt: AttemptInfo, phase: Phase) -> None:
        self.open.append(phase)
        self.note(f"{phase}(")

    def phase_ended(self, attempt: AttemptInfo, phase: Phase, error: BaseException | None) -> None:
        self.open.remove(phase)
        self.note(f"){phase}{'' if error is None else ' ' + type(error).__name__}")

    def attempt_ended(self, attempt: AttemptInfo, error: BaseException | None) -> None:
        self.open.remove("attempt")
        how = "complete" if attempt.complete else "left" if error is None else type(error).__name__
        self.note(f"end: {how} {attempt.status} {attempt.received}")


@pytest.mark.covers("B34")
def test_each_phase_of_a_request_through_a_tunnel() -> None:
    async def main(net: VirtualNetwork) -> list[str]:
        async def proxy(peer: Peer) -> None:
            await peer.head()
            await trio.sleep(1)
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            await relay(peer, "safe", 443)

        async def slow(peer: Peer) -> None:
            while True:
                await peer.head()
                await trio.sleep(2)
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
                await trio.sleep(3)
                await peer.send(b"56789")

        await listen(net, slow, host="safe", port=443, tls=AUTHORITY.server_context("safe"))
        await listen(net, proxy, host="proxy", port=3128)
        net.dns.delay("proxy", 4)
        diary = Diary()
        context = ssl.create_default_context(cadata=AUTHORITY.pem)
        async with Client(proxy="http://proxy:3128", ssl_context=context, instruments=[diary]) as client:
            await client.get("https://safe/x")
            await client.get("https://safe/y")
        assert [attempt.reused for attempt in diary.attempts] == [False, True]
        return diary.entries

    assert run(main) == [
        "0 1: GET https://safe/x",
        *("0 connect(", "0 dns(", "4 )dns", "4 )connect"),
        *("4 tunnel(", "5 )tunnel", "5 handshake(", "5 )handshake"),
        *("5 send(", "5 )send", "5 wait(", "7 )wait", "7 receive(", "10 )receive"),
        "10 end: complete 200 10",
        "10 1: GET https://safe/y",
        *("10 send(", "10 )send", "10 wait(", "12 )wait", "12 receive(", "15 )receive"),
        "15 end: complete 200 10",
    ]


@pytest.mark.covers("B34")
def test_queue_redirects_and_retries() -> None:
    async def main(net: VirtualNetwork) -> list[str]:
        async def script(peer: Peer) -> None:
            await peer.answer(status="302 Found", fields="Location: /there\r\n")
            await peer.answer(status="503 Unwell", fields="Retry-After: 5\r\n")
            await peer.answer()
            await peer.head()
            await trio.sleep_forever()

        await listen(net, script)
        diary = Diary()
        client = Client(instruments=[diary], limits=ClientLimits(connections=1))
        async with client, trio.open_nursery() as nursery:
            await client.get("http://api/", retry=2)
            nursery.start_soon(client.get, "http://api/slow")
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(2):
                await client.get("http://api/later")
            with pytest.raises(trio_http.PoolTimeout):
                await client.get("http://api/later", timeout=trio_http.ClientTimeouts(pool=1))
            nursery.cancel_scope.cancel()
        assert diary.open == []
        return [entry for entry in diary.entries if "send" not in entry and "wait" not in entry]

    entries = run(main)
    assert [entry for entry in entries if "GET" in entry or "end" in entry][:6] == [
        "0 1: GET http://api/",
        "0 end: complete 302 2",
        "0 2: GET http://api/there",
        "0 end: complete 503 2",
        "5 3: GET http://api/there",
        "5 end: complete 200 2",
    ]
    later = entries.index("5 1: GET http://api/later")
    assert entries[later : later + 8] == [
        *("5 1: GET http://api/later", "5 queue(", "7 )queue Cancelled", "7 end: Cancelled None 0"),
        *("7 1: GET http://api/later", "7 queue(", "8 )queue PoolTimeout", "8 end: PoolTimeout None 0"),
    ]


@pytest.mark.covers("B34")
def test_upload_goes_on_beside_the_waiting_and_a_stream_may_be_left() -> None:
    async def main(net: VirtualNetwork) -> list[str]:
        async def script(peer: Peer) -> None:
            await peer.until(b"0\r\n\r\n")
            await trio.sleep(1)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
            await trio.sleep_forever()

        async def slowly() -> object:
            for _ in range(3):
                await trio.sleep(1)
                yield b"x"

        await listen(net, script)
        diary = Diary()
        async with (
            Client(instruments=[diary]) as client,
            client.stream("POST", "http://api/", content=slowly()) as response,
        ):
            assert await response.body.receive_some() == b"0123456789"
        return [entry for entry in diary.entries if "dns" not in entry and "connect" not in entry]

    assert run(main) == [
        "0 1: POST http://api/",
        *("0 send(", "0 wait(", "3 )send", "4 )wait", "4 receive(", "4 )receive"),
        "4 end: left 200 10",
    ]


@pytest.mark.covers("B34")
@pytest.mark.parametrize(
    ("script", "error", "phase"),
    [
        (silence, trio_http.ReadTimeout, "wait"),
        (b"", trio_http.RemoteProtocolError, "wait"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", trio_http.IncompleteBody, "receive"),
    ],
)
def test_errors_are_told_with_their_phase(
    script: bytes | Callable[[Peer], Awaitable[None]], error: type[Exception], phase: str
) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def send(peer: Peer) -> None:
            await peer.head()
            assert isinstance(script, bytes)
            await peer.send(script)

        await listen(net, send if isinstance(script, bytes) else script)
        diary = Diary()
        async with Client(instruments=[diary], timeout=trio_http.ClientTimeouts(read=1)) as client:
            with pytest.raises(error):
                await client.get("http://api/")
        assert diary.open == []
        assert f"){phase} {error.__name__}" in diary.entries[-2]
        assert f"end: {error.__name__}" in diary.entries[-1]

    run(main)


@pytest.mark.covers("B34", "B35")
def test_handler_in_this_process() -> None:
    async def handler(request: Request) -> Response:
        await trio.sleep(1)
        if request.path == "/bad":
            raise ValueError("mine")
        return Response(chunks(b"ab", b"c"))

    async def main(net: VirtualNetwork) -> list[str]:
        diary = Diary()
        async with Client(app=handler, instruments=[diary]) as client:
            await client.get("http://app/")
            with pytest.raises(ValueError, match="mine"):
                await client.get("http://app/bad")
        return diary.entries

    assert run(main) == [
        *("0 1: GET http://app/", "0 wait(", "1 )wait", "1 receive(", "1 )receive", "1 end: complete 200 3"),
        *("1 1: GET http://app/bad", "1 wait(", "2 )wait ValueError", "2 end: ValueError None 0"),
    ]


@pytest.mark.covers("B34")
def test_instrument_that_fails_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ClientInstrument):
        def phase_started(self, attempt: AttemptInfo, phase: Phase) -> None:
            raise ValueError(phase)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        diary = Diary()
        async with Client(instruments=[Broken(), diary]) as client:
            await client.get("http://api/")
            assert [info.state for info in client.pool.connections] == ["idle"]
        assert diary.open == []

    run(main)
    assert any("Broken" in record.getMessage() for record in caplog.records)


@pytest.mark.covers("B19")
def test_what_began_ends_wherever_it_is_cancelled() -> None:
    async def main(net: VirtualNetwork) -> int:
        async def script(peer: Peer) -> None:
            while True:
                await peer.head()
                await trio.sleep(0.1)
                await peer.send(OK)

        async def http_proxy(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            await relay(peer, "safe", 443)

        await listen(net, script, host="safe", port=443, tls=AUTHORITY.server_context("safe"))
        await listen(net, http_proxy, host="proxy", port=3128)
        context = ssl.create_default_context(cadata=AUTHORITY.pem)

        async def block() -> None:
            nonlocal diary
            diary = Diary()
            proxy = Proxy(host="proxy", port=3128)
            async with Client(proxy=proxy, ssl_context=context, instruments=[diary]) as client:
                await client.get("https://safe/")
                async with client.stream("GET", "https://safe/") as response:
                    await response.read()

        async def nothing_open() -> None:
            assert diary.open == []

        diary = Diary()
        return len(await for_each_cancel_point(block, nothing_open, report=False))

    assert run(main) > 10


def test_client_without_instruments_makes_nothing_of_this() -> None:
    made: list[str] = []

    def watch(frame: object, event: str, argument: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]  # it is a frame
        if event == "call" and code.co_filename.endswith("client/_trace.py"):
            made.append(code.co_name)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        async with Client() as client:
            sys.setprofile(watch)
            try:
                await client.get("http://api/")
                await client.post("http://api/", content=b"")
            finally:
                sys.setprofile(None)

    run(main)
    assert made == []
