"""Draw the pages of docs/ that the code itself says: timeouts and limits, the states of the core, the errors.

``python tools/draw_docs.py`` writes them; ``tests/test_docs.py`` fails when they are out of date. What is drawn cannot
lie, and nobody has to remember to change a page.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

from trio_http import MinRate
from trio_http.h1 import _state

ROOT = Path(__file__).parent.parent
NOTE = "<!-- drawn by tools/draw_docs.py: change the code, then run it -->\n"
OPTIONS = {  # the file of each class of options
    "_config.py": ("ServerTimeouts", "ClientTimeouts", "ServerLimits", "ClientLimits"),
    "websocket/_options.py": ("WebSocketLimits", "WebSocketTimeouts", "Keepalive"),
    "web/_multipart.py": ("FormLimits",),
    "client/_retry.py": ("Retry",),
}


def limits_page() -> str:
    """Return the page of all timeouts and limits: what each is, and the comment behind its default."""
    page = [
        NOTE,
        "# Timeouts and limits",
        "",
        "All are frozen dataclasses; None means no limit. Timeouts are seconds, sizes are bytes. The last column says",
        "what a default follows. Those of servers and clients are changed with `replace(...)`, which gives a copy.",
    ]
    for file, names in OPTIONS.items():
        source = (ROOT / "trio_http" / file).read_text()
        lines = source.splitlines()
        classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
        for name in names:
            about, _, attributes = (ast.get_docstring(classes[name]) or "").partition("\nAttributes:\n")
            page += ["", f"## `{name}`", "", about.strip(), ""]
            page += ["| option | default | what, and by whose example |", "| --- | --- | --- |"]
            said = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE))
            for field in classes[name].body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None:
                    option = field.target.id
                    comment = lines[field.lineno - 1].partition("  # ")[2]
                    what = re.sub(r":\w+:`([^`]+)`", r"`\1`", " ".join(said.get(option, "").split()))
                    text = "; ".join(filter(None, (what.removesuffix("."), comment)))
                    page.append(f"| `{option}` | {readable(ast.unparse(field.value))} | {text} |")
    return "\n".join(page) + "\n"


def readable(value: str) -> str:
    """Return a default as people write it: ``8 * KIB`` is 8 KiB."""
    value = value.replace("1024 * 1024", "1 * MIB").replace("* 1024", "* KIB")
    product = re.fullmatch(r"(\d+) \* (?:1 \* )?(KI|MI)B", value)
    if product is not None:
        return f"{product[1]} {product[2].title()}B"
    rate = re.fullmatch(r"MinRate\((\d+)\)", value)
    if rate is not None:
        return f"{rate[1]} bytes/s after {MinRate(int(rate[1])).after:g} s"
    several = re.fullmatch(r"frozenset\(\{(.*)\}\)", value)
    return several[1] if several is not None else value.removesuffix(".0")


def states_page() -> str:
    """Return the page with the state machines of both roles, drawn from the tables that run."""
    page = [
        NOTE,
        "# The states of an HTTP/1.1 connection",
        "",
        "Each side has its own machine; `connection.states` shows both. These diagrams are drawn from the tables that",
        "`trio_http.h1` runs on. Any event that has no arrow is a protocol error: a local one when we try to send it,",
        "a remote one when the peer did.",
    ]
    for role, states in _state.EVENT_TRIGGERED_TRANSITIONS.items():
        page += ["", f"## {str(role).title()}", "", "```mermaid", "stateDiagram-v2", "    [*] --> IDLE"]
        for state, moves in states.items():
            page += [f"    {state} --> {after}: {event_name(event)}" for event, after in moves.items()]
        page += ["```"]
    page += [
        "",
        "## Both together",
        "",
        "Some pairs of states change at once: when one side is gone, the other is not used again.",
        "",
        "| client | server | then |",
        "| --- | --- | --- |",
    ]
    for (client, server), changes in _state.STATE_TRIGGERED_TRANSITIONS.items():
        then = ", ".join(f"{str(role).lower()} becomes {after}" for role, after in changes.items())
        page.append(f"| {client} | {server} | {then} |")
    page += [
        "",
        "When both are DONE and nobody asked to close, `start_next_cycle()` brings both back to IDLE.",
    ]
    return "\n".join(page) + "\n"


def event_name(event: object) -> str:
    """Return the name of an event class, or of an event that counts only together with a role or a proposal."""
    if isinstance(event, tuple):
        return " with ".join(getattr(part, "__name__", str(part)) for part in event)
    return getattr(event, "__name__", str(event))


def errors_page() -> str:
    """Return the page of all errors: the tree that the code is documented with, and each by itself."""
    source = ast.parse((ROOT / "trio_http" / "_errors.py").read_text())
    first, _, rest = (ast.get_docstring(source) or "").partition("\n\n::\n\n")
    tree, _, last = rest.rpartition("\n\n")
    page = [NOTE, "# Errors", "", re.sub(r":\w+:`([^`]+)`", r"`\1`", first), ""]
    page += ["```text", textwrap.dedent(tree), "```", "", last, "", "```{eval-rst}", ".. currentmodule:: trio_http", ""]
    page += [f".. autoexception:: {node.name}" for node in source.body if isinstance(node, ast.ClassDef)]
    return "\n".join([*page, "```"]) + "\n"


PAGES = {"limits.md": limits_page, "h1-states.md": states_page, "reference/errors.md": errors_page}


def main() -> None:
    """Write all pages."""
    for name, draw in PAGES.items():
        (ROOT / "docs" / name).write_text(draw())


if __name__ == "__main__":
    main()
