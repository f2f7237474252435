"""What a simulation leaves behind: text, JSON lines, pcap, diagrams, cassettes."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import dpkt
import httpx
import pytest
import trio

from trio_http.testing import (
    Cassette,
    CassetteError,
    Chunks,
    Faults,
    Link,
    Simulation,
    Trace,
    Turn,
    VirtualNetwork,
    World,
    diagram,
    pcap,
    simulate,
)

from .programs import serve_http, small_http_program


@pytest.fixture(scope="module")
def done() -> Simulation[None]:
    return simulate(
        small_http_program, seed=11, faults=Faults(short_read=0.2, reset=0.1), world=World(link=Link(latency=0.01))
    )


# the trace


@pytest.mark.covers("C13")
def test_lines_json_and_digest_say_the_same(done: Simulation[None], tmp_path: Path) -> None:
    done.trace.save(tmp_path / "t.jsonl")
    done.trace.save(tmp_path / "t.txt")

    header, *events = map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines())

    assert header == {"trio_http.testing": "1", "events": len(done.trace), "digest": done.trace.digest()}
    assert [event["op"] for event in events] == [event.op for event in done.trace]
    assert (tmp_path / "t.txt").read_text().splitlines() == done.trace.lines()


def test_payloads_of_bulk_transfers_are_let_go_but_stay_in_the_digest() -> None:
    traces = []
    for limit in (1 << 30, 10):
        trace = Trace()
        for number in range(100):
            trace.add(number, "a", "b", "send", 3, b"%03d" % number, "x")
            if limit == 10 and number % 10 == 9:
                trace._fold()
        traces.append(trace)

    kept, folded = traces

    assert kept.digest() == folded.digest()
    assert kept.payload(0) == b"000"
    assert folded.payload(0) is None
    assert kept.diff(folded) is None


@pytest.mark.covers("C13")
def test_diff_names_the_first_event_that_differs() -> None:
    one, two = Trace(), Trace()
    for trace, last in ((one, b"x"), (two, b"y")):
        trace.add(0.0, "a", "b", "send", 1, b"same", "c")
        trace.add(1.0, "a", "b", "send", 1, last, "c")

    assert "event 1 differs" in str(one.diff(two))
    two.add(2.0, "a", "b", "close", 0, None, "c")
    assert one.diff(one) is None


# pcap


def checksum_is_right(data: bytes) -> bool:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def test_pcap_holds_every_byte_with_right_sequence_numbers_and_checksums(
    done: Simulation[None], tmp_path: Path
) -> None:
    path = tmp_path / "t.pcap"

    count = pcap(done.network, path)

    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4
    assert struct.unpack_from("<I", data, 20)[0] == 101
    at, packets, moved = 24, 0, 0
    streams: dict[tuple[bytes, bytes, int, int], int] = {}
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        packets += 1
        assert packet[0] == 0x45
        assert checksum_is_right(packet[:20])
        tcp = packet[20:]
        assert checksum_is_right(packet[12:20] + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
        source, target, sequence = struct.unpack_from(">HHI", tcp)
        key = (packet[12:16], packet[16:20], source, target)
        assert streams.setdefault(key, sequence) == sequence, "a hole in the sequence numbers"
        streams[key] = sequence + len(tcp) - 20 + bool(tcp[13] & 3)
        moved += len(tcp) - 20
    assert packets == count > 20
    assert moved == sum(event.size for event in done.trace if event.op == "send")


RAW_IP = 101  # LINKTYPE_RAW


def read_by_dpkt(path: Path) -> list[tuple[float, Any]]:
    """The packets of a file, as a library reads it that knows nothing of us."""
    with path.open("rb") as file:
        reader = dpkt.pcap.Reader(file)
        assert reader.datalink() == RAW_IP
        return [(time, (dpkt.ip.IP if data[0] >> 4 == 4 else dpkt.ip6.IP6)(data)) for time, data in reader]


def test_another_reader_finds_the_requests_in_the_pcap(done: Simulation[None], tmp_path: Path) -> None:
    count = pcap(done.network, tmp_path / "t.pcap")

    packets = read_by_dpkt(tmp_path / "t.pcap")
    streams: dict[tuple[bytes, int], bytes] = {}
    for _, packet in packets:
        if packet.data.dport == 80:
            flow = packet.src, packet.data.sport
            streams[flow] = streams.get(flow, b"") + packet.data.data
    requests = [dpkt.http.Request(stream) for stream in streams.values() if stream]
    assert len(packets) == count
    assert {time for time, _ in packets} <= {round(event.time, 6) for event in done.trace}
    assert len(requests) > 2
    assert all(request.method == "GET" and request.headers == {"host": "api"} for request in requests)


def test_pcap_of_ipv6(tmp_path: Path) -> None:
    async def main(net: VirtualNetwork) -> None:
        async with net.listen_raw("api", 80), await net.connect_raw("fd00::1", 80) as peer:
            await peer.send(b"hello")
        pcap(net, tmp_path / "t.pcap")

    simulate(main)
    packets = [packet for _, packet in read_by_dpkt(tmp_path / "t.pcap")]
    assert {len(packet.src) for packet in packets} == {16}
    assert [packet.data.data for packet in packets if packet.data.data] == [b"hello"]
    assert [packet.data.flags for packet in packets[:3]] == [
        dpkt.tcp.TH_SYN,
        dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK,
        dpkt.tcp.TH_ACK,
    ]


# diagrams


def test_the_diagram_is_good_xml_with_hosts_times_and_faults(done: Simulation[None], tmp_path: Path) -> None:
    svg = diagram(done.network, tmp_path / "t.svg")

    root = ET.fromstring(svg)
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"api", "client0", "client1", "client2"} <= set(texts)
    assert f"{done.trace[-1].time:.3f}" in texts
    assert any(text.startswith("fault: short_read on client") for text in texts)
    assert any(text.startswith("send ") for text in texts)
    assert (tmp_path / "t.svg").read_text() == svg


def test_the_diagram_can_be_a_page_and_shows_the_last_events(done: Simulation[None], tmp_path: Path) -> None:
    page = diagram(done.network, tmp_path / "t.html", most=10)

    assert page.startswith("<!doctype html>")
    assert f"... {len(done.trace) - 10} events before" in page
    with pytest.raises(ValueError, match="most=0"):
        diagram(done.network, most=0)


# cassettes


async def two_requests(net: VirtualNetwork, **headers: str) -> list[str]:
    async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
        return [(await client.get(f"http://api/{path}")).text for path in ("a?token=s3cret", "b")]


@pytest.fixture(scope="module")
def cassette() -> Cassette:
    cassette = Cassette(redact_query=["token"], ignore=["User-Agent"])

    async def main(net: VirtualNetwork) -> None:
        await net.host("api").start(trio.serve_tcp, serve_http, 80)
        assert await two_requests(net, authorization="Bearer abc") == ["/a?token=s3cret", "/b"]
        cassette.record(net)

    simulate(main)
    return cassette


def replay(cassette: Cassette, **headers: str) -> Any:
    async def main(net: VirtualNetwork) -> Any:
        net.chunks = Chunks.bytewise()
        replayed = cassette.serve(net, "api", 80)
        texts = await two_requests(net, **headers)
        assert replayed.left == []
        return texts

    return simulate(main).value


@pytest.mark.covers("C20")
def test_a_cassette_answers_as_recorded_under_any_chunking(cassette: Cassette) -> None:
    headers = {"authorization": "Bearer another", "user-agent": "something else"}

    assert replay(cassette, **headers) == ["/a?token=s3cret", "/b"]


@pytest.mark.covers("C20")
def test_secrets_are_never_kept(cassette: Cassette, tmp_path: Path) -> None:
    cassette.save(tmp_path / "c.jsonl")
    text = (tmp_path / "c.jsonl").read_text()

    assert "abc" not in text
    assert "GET /a?token=<redacted> HTTP/1.1" in text
    assert "authorization: <redacted>" in text.lower()
    assert replay(Cassette.load(tmp_path / "c.jsonl"), authorization="x") == ["/a?token=s3cret", "/b"]


@pytest.mark.covers("C20")
def test_a_client_that_says_something_else_is_told_where(cassette: Cassette) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        replay(cassette, authorization="x", accept="text/plain")

    # the client sees the connection close, so its own error stands beside
    told, _ = caught.value.split(CassetteError)
    while isinstance(told, ExceptionGroup):
        [told] = told.exceptions
    assert "no unused conversation begins like this; from number 0 they differ at byte" in str(told)
    assert "accept: text/plain" in str(told)


def test_replay_can_take_the_recorded_time() -> None:
    cassette = Cassette()
    cassette.add([Turn("client", 0, b"ping"), Turn("server", 2.5, b"po"), Turn("server", 4, b"ng")])

    async def main(net: VirtualNetwork) -> float:
        cassette.serve(net, "api", 80, pace=True)
        async with await net.connect_raw("api", 80) as peer:
            await peer.send(b"ping")
            await peer.expect(b"pong")
        return trio.current_time()

    assert simulate(main).value == 4


@asynccontextmanager
async def real_server() -> AsyncIterator[int]:
    """A server on loopback; its port."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve_http, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@pytest.mark.covers("C20")
@pytest.mark.parametrize("left_open", [False, True])
async def test_a_real_server_is_recorded_through_a_proxy(left_open: bool) -> None:
    cassette = Cassette()
    client = httpx.AsyncClient(trust_env=False)
    async with real_server() as port:
        async with cassette.record_real("127.0.0.1", port) as own:
            response = await client.get(f"http://127.0.0.1:{own}/real", headers={"cookie": "secret"})
            assert response.text == "/real"
            if not left_open:
                await client.aclose()
        await client.aclose()

    [conversation] = cassette.conversations
    assert [side for side, _ in conversation.spoken()] == ["client", "server"]
    assert b"secret" not in conversation.turns[0].data


async def test_recording_adds_no_group_around_an_error() -> None:
    own = KeyError("mine")
    async with real_server() as port:
        with pytest.raises(KeyError) as caught:
            async with Cassette().record_real("127.0.0.1", port):
                raise own

    assert caught.value is own


async def test_a_real_server_that_cannot_be_reached_is_told() -> None:
    async def ask(port: int) -> None:
        async with Cassette().record_real("127.0.0.1", port) as own, await trio.open_tcp_stream("127.0.0.1", own) as us:
            assert await us.receive_some() == b""

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="failed"):
            await ask(nobody.getsockname()[1])


def test_tls_and_wrong_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="TLS cannot be replayed"):
        Cassette().add([Turn("client", 0, b"\x16\x03\x01")])
    for text in ("", "[]\n", '{"cassette": 99}\n', "no json"):
        (tmp_path / "c").write_text(text)
        with pytest.raises(ValueError, match=r"."):
            Cassette.load(tmp_path / "c")
    with pytest.raises(TypeError, match="collection of names"):
        Cassette(redact="Cookie")


def test_redaction_keeps_the_borders_of_what_follows_the_head() -> None:
    cassette = Cassette()
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n"
    cassette.add(
        [
            Turn("client", 0, b"GET / HTTP/1.1\r\nCoo"),
            Turn("client", 0, b"kie: secret\r\n\r\n"),
            Turn("server", 1, head + b"one"),
            Turn("server", 2, b"two"),
        ]
    )

    [conversation] = cassette.conversations
    assert [turn.data for turn in conversation.turns] == [
        b"GET / HTTP/1.1\r\nCookie: <redacted>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: <redacted>\r\n\r\n",
        b"one",
        b"two",
    ]
