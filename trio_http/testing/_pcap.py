"""pcap: a trace as packets for Wireshark; addresses, ports, sequence numbers and times are those of the simulation.

The packets are made up from the trace: one for each send, FIN, RST and connect, without acknowledgements or
retransmissions of their own. Checksums are right.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, final

from ._addresses import Address
from ._network import VirtualNetwork

__all__ = ["pcap"]

_HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)  # link type 101: raw IP
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_MOST: Final = 60_000  # a segment has to fit into an IP packet


@final
class _Flow:
    """Sequence numbers of one connection."""

    def __init__(self, client: Address, server: Address) -> None:
        self.client, self.server = client, server
        self.next = {"client": 1000, "server": 5000}

    def packet(self, side: str, flags: int, payload: bytes = b"") -> bytes:
        other = "server" if side == "client" else "client"
        source, target = (self.client, self.server) if side == "client" else (self.server, self.client)
        acknowledged = self.next[other] if flags & _ACK else 0
        data = _ip(source, target, self.next[side], acknowledged, flags, payload)
        self.next[side] = (self.next[side] + len(payload) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        return data


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ip(source: Address, target: Address, sequence: int, acknowledged: int, flags: int, payload: bytes) -> bytes:
    one, two = ip_address(source[0]), ip_address(target[0])
    length = 20 + len(payload)
    tcp = struct.pack(">HHIIBBHHH", source[1], target[1], sequence, acknowledged, 5 << 4, flags, 65535, 0, 0)
    if isinstance(one, IPv4Address) and isinstance(two, IPv4Address):
        pseudo = one.packed + two.packed + struct.pack(">BBH", 0, 6, length)
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, 6, 0, one.packed, two.packed)
        header = header[:10] + struct.pack(">H", _checksum(header)) + header[12:]
    else:
        ends = [IPv6Address(f"::ffff:{end}") if isinstance(end, IPv4Address) else end for end in (one, two)]
        pseudo = ends[0].packed + ends[1].packed + struct.pack(">IHBB", length, 0, 0, 6)
        header = struct.pack(">IHBB16s16s", 6 << 28, length, 6, 64, ends[0].packed, ends[1].packed)
    tcp = tcp[:16] + struct.pack(">H", _checksum(pseudo + tcp + payload)) + tcp[18:]
    return header + tcp + payload


def pcap(net: VirtualNetwork, path: str | Path) -> int:
    """Write what happened on a network as a pcap file (opens in Wireshark).

    Bytes that the trace has let go of (past 64 MiB) are written as zeros.

    Returns:
        How many packets were written.
    """
    names = {connection.label: connection for connection in net.connections}
    flows = {label: _Flow(one.client.address, one.server.address) for label, one in names.items()}
    ended: set[tuple[str, str]] = set()
    count = 0
    with Path(path).open("wb") as file:
        file.write(_HEADER)

        def write(time: float, packet: bytes) -> None:
            nonlocal count
            count += 1
            seconds, micros = divmod(round(time * 1_000_000), 1_000_000)
            file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)

        for index, event in enumerate(net.trace):
            flow = flows.get(event.label)
            if flow is None:
                continue
            connection = names[event.label]
            side = "client" if event.peer == connection.server_name else "server"
            if event.op == "established":
                write(event.time, flow.packet("client", _SYN))
                write(event.time, flow.packet("server", _SYN | _ACK))
                write(event.time, flow.packet("client", _ACK))
            elif event.op == "send":
                data = net.trace.payload(index) or bytes(event.size)
                for start in range(0, len(data), _MOST):
                    write(event.time, flow.packet(side, _PSH | _ACK, data[start : start + _MOST]))
            elif event.op in ("shutdown", "close", "rst", "close-unread", "reset") and (event.label, side) not in ended:
                orderly = event.op in ("shutdown", "close")
                write(event.time, flow.packet(side, (_FIN if orderly else _RST) | _ACK))
                # a reset from outside ends both sides, in the trace by one line
                ended |= {(event.label, side)} if orderly else {(event.label, "client"), (event.label, "server")}
    return count
