"""A sequence diagram of a trace: hosts as columns, virtual time downwards, in one SVG or HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from ._network import VirtualNetwork
from ._trace import TraceEvent

__all__ = ["diagram"]

_COLUMN, _ROW, _TOP, _LEFT = 240, 26, 60, 90
_COLOURS: Final = {
    "send": "#1f6feb", "recv": "#8b949e", "syn": "#57606a", "established": "#1a7f37", "accept": "#1a7f37",
    "refused": "#cf222e", "timeout": "#cf222e", "reset": "#cf222e", "rst": "#cf222e", "rst-received": "#cf222e",
    "close-unread": "#cf222e", "cut": "#cf222e", "stall": "#bf8700", "partition": "#bf8700", "hold": "#bf8700",
    "unreachable": "#cf222e", "crash": "#cf222e",
}  # fmt: skip
_ARROWS: Final = {"send", "syn", "shutdown", "close", "rst", "close-unread", "refused"}
_STYLE: Final = (
    "text{font:12px ui-monospace,monospace;fill:#1f2328}.time{fill:#57606a;text-anchor:end}"
    ".host{font-weight:bold;text-anchor:middle}.fault{fill:#bf8700}"
)


def diagram(net: VirtualNetwork, path: str | Path | None = None, *, most: int = 500) -> str:
    """Draw what happened on a network.

    Args:
        net: the network.
        path: write it there, as HTML if the name ends in ``.html``, else as SVG.
        most: draw at most so many events, the last ones.

    Returns:
        The SVG, or the HTML if ``path`` asks for it.

    Raises:
        ValueError: ``most`` below 1.
    """
    if most < 1:
        raise ValueError(f"most={most!r}: 1 or more")
    events = net.trace.last(most)
    svg = _svg(net, events, left_out=len(net.trace) - len(events))
    if path is None:
        return svg
    path = Path(path)
    if path.suffix == ".html":
        title = f"seed {net.seed}"
        svg = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{svg}</html>'
    path.write_text(svg, encoding="utf-8")
    return svg


def _svg(net: VirtualNetwork, events: Sequence[TraceEvent], *, left_out: int) -> str:
    # trace lines are about hosts, ways ("a->b") and, for connections, the other host by its address
    ends = {c.label: (c.client.host.name, c.server.host.name, c.server_name) for c in net.connections}
    columns: dict[str, int] = {}
    for event in events:
        for name in _hosts_of(event, ends):
            columns.setdefault(name, len(columns))
    faults = [(fault.time, fault.text) for fault in net.faults_happened]
    rows: list[str] = []
    at = _TOP
    if left_out:
        rows.append(_text(_LEFT, at, f"... {left_out} events before", "fault"))
        at += _ROW
    last = None
    for event in events:
        while faults and faults[0][0] <= event.time:
            time, text = faults.pop(0)
            if not left_out or time >= events[0].time:
                rows.append(_text(_LEFT + _COLUMN * len(columns), at, f"fault: {text}", "fault"))
                at += _ROW
        if event.time != last:
            rows.append(_text(_LEFT - 12, at, f"{event.time:.3f}", "time"))
            last = event.time
        rows.append(_row(event, columns, ends, at))
        at += _ROW
    width, height = _LEFT + _COLUMN * (len(columns) + 1), at + 10
    heads = [
        _text(_x(column), 24, name, "host")
        + f'<line x1="{_x(column)}" y1="34" x2="{_x(column)}" y2="{height}" stroke="#d0d7de"/>'
        for name, column in columns.items()
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="white"/>'
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="context-stroke"/></marker></defs>'
        f"{''.join(heads)}{''.join(rows)}</svg>"
    )


def _x(column: int) -> int:
    return _LEFT + _COLUMN // 2 + _COLUMN * column


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'


def _hosts_of(event: TraceEvent, ends: dict[str, tuple[str, str, str]]) -> list[str]:
    if "->" in event.host:
        return event.host.split("->")
    if event.label in ends:
        return [event.host, *ends[event.label][:2]]
    return [event.host]


def _row(event: TraceEvent, columns: dict[str, int], ends: dict[str, tuple[str, str, str]], y: int) -> str:
    colour = _COLOURS.get(event.op, "#57606a")
    hosts = _hosts_of(event, ends)
    here = _x(columns[hosts[0]])
    number = event.label.rpartition("#")[2] if "#" in event.label else ""
    what = f"{event.op} {event.size}B" if event.size else event.op
    label = f"{what} #{number}" if number else f"{what} {event.peer} {event.label}".rstrip()
    there = here
    if event.label in ends and event.op in _ARROWS:
        client, server, server_name = ends[event.label]
        there = _x(columns[server if event.peer == server_name else client])
    elif "->" in event.host:
        there = _x(columns[hosts[1]])
    if there == here:
        return f'<circle cx="{here}" cy="{y - 4}" r="3" fill="{colour}"/>' + _text(here + 8, y, label)
    return (
        f'<line x1="{here}" y1="{y - 2}" x2="{there}" y2="{y - 2}" stroke="{colour}" marker-end="url(#tip)"/>'
        + _text(min(here, there) + 10, y - 6, label)
    )
