"""Draw the picture of the benchmarks: ``python benchmarks/chart.py OUT.svg server.json client.json ...``.

A bar is what something costs there in times of what it costs with trio_http; 1.0 is equal, longer is dearer. Beyond
ten times a bar is cut and says so.
"""

from __future__ import annotations

import json
import pathlib
import sys
from html import escape

CUT = 10.0  # times; longer bars are cut here
ROW, LEFT, SCALE, WIDTH = 22, 250, 44, 800
OURS, OTHERS, LIMIT = "#1b6e53", "#9aa7b1", "#d9b44a"
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.note{fill:#57606a;font-size:12px}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9aa7b1}}"
)


def draw(cases: dict[str, dict[str, float]]) -> str:
    """Return the picture as SVG.

    Args:
        cases: By case, the cost by contender; each has one of ``trio_http``.
    """
    parts: list[str] = []
    top = 24
    for case, costs in cases.items():
        ours = costs["trio_http"]
        parts.append(f'<text class="title" x="8" y="{top}">{escape(case)}</text>')
        parts.append(
            f'<text class="note" x="{WIDTH - 8}" y="{top}" text-anchor="end">1.0 = {ours:.1f} us of CPU</text>'
        )
        top += 8
        for name, cost in sorted(costs.items(), key=lambda pair: pair[1]):
            times = cost / ours
            colour = OURS if name == "trio_http" else LIMIT if name == "limit" else OTHERS
            parts.append(f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
            parts.append(
                f'<rect x="{LEFT}" y="{top + 3}" width="{min(times, CUT) * SCALE:.1f}" height="{ROW - 6}" rx="2" '
                f'fill="{colour}"/>'
            )
            more = " (cut)" if times > CUT else ""
            parts.append(f'<text x="{LEFT + min(times, CUT) * SCALE + 6:.1f}" y="{top + 15}">{times:.2f}{more}</text>')
            top += ROW
        line = LEFT + SCALE
        height = ROW * len(costs)
        parts.append(f'<path d="M{line} {top - height}V{top}" stroke="{OURS}" stroke-dasharray="3 3"/>')
        top += 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - 16}" width="{WIDTH}" role="img" '
        f'aria-label="CPU time in times of trio_http\'s"><style>{STYLE}</style>{"".join(parts)}</svg>\n'
    )


def main() -> None:
    """Read the files, write the picture."""
    out, *files = map(pathlib.Path, sys.argv[1:])
    cases: dict[str, dict[str, float]] = {}
    for file in files:
        cases.update(json.loads(file.read_text()))
    out.write_text(draw(cases))


if __name__ == "__main__":
    main()
