"""Server-sent events on the command line, as they come."""

from __future__ import annotations

from ..client import Client, RequestOptions, ServerSentEvent
from ._exits import OK
from ._json_text import indent_json
from ._render import Renderer
from ._terminal import Terminal

__all__ = ["show_events"]


async def show_events(
    client: Client,
    method: str,
    url: str,
    asked: RequestOptions,
    terminal: Terminal,
    renderer: Renderer,
    *,
    verbose: bool,
) -> int:
    """Show events until the server says that there are no more, connecting again when the connection ends.

    A program gets the data of each event as a line (or lines); a person sees type and id besides.

    Returns:
        The exit code.

    Raises:
        HTTPError: There are no events there, or connecting again has failed too often.
    """
    async with client.sse(url, method=method, **asked) as events:
        if events.response is not None and (verbose or terminal.stdout_is_terminal):
            head = renderer.response_head(events.response)
            if terminal.stdout_is_terminal:
                await terminal.write(head)
            else:
                terminal.say(head)
        async for event in events:
            await terminal.write(_shown(event, terminal, renderer))
    return OK


def _shown(event: ServerSentEvent, terminal: Terminal, renderer: Renderer) -> str:
    if not terminal.stdout_is_terminal:
        return event.data + "\n"
    name = f"{event.event} {event.id}" if event.id else event.event
    laid_out = indent_json(event.data) if event.data[:1] in ("{", "[") else None
    return f"{renderer.name(name)}\n{renderer.body(laid_out or event.data, 'json' if laid_out else None)}"
