"""The body of an answer on standard output: byte for byte for programs, laid out and harmless for people."""

from __future__ import annotations

import codecs

from ..messages import Response
from ..semantics import text_encoding
from ._json_text import indent_json
from ._progress import size_in_words
from ._render import Renderer, lexer_for
from ._terminal import Terminal

__all__ = ["show_body"]

SHOWN_AT_ONCE = 1024 * 1024  # bytes that are laid out; a larger body is shown as it comes


async def show_body(response: Response, terminal: Terminal, renderer: Renderer, *, as_it_comes: bool = False) -> None:
    """Show a body that is still arriving.

    Args:
        response: The response.
        terminal: Where.
        renderer: How, on a terminal.
        as_it_comes: Show each piece at once and as it is.

    Raises:
        HTTPError: It did not arrive.
        BrokenPipeError: Nobody reads it any more.
    """
    if not terminal.stdout_is_terminal:
        async for piece in response.body:
            await terminal.write(piece)
        return
    content_type = response.headers.get("content-type")
    gathered = bytearray()
    async for piece in response.body:
        gathered += piece
        if as_it_comes or len(gathered) > SHOWN_AT_ONCE:
            break
    data = bytes(gathered)
    if not data:
        return
    encoding = text_encoding(content_type, data[:4])
    if _is_binary(data, encoding):
        size = response.headers.get("content-length")
        words = "" if size is None else f", {size_in_words(int(size))}"
        terminal.note(f"(a binary body of type {content_type}{words}: save it with -o FILE, or send it on with | or >)")
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    text = decoder.decode(data)
    if response.body.at_end or not (as_it_comes or len(data) > SHOWN_AT_ONCE):
        lexer = lexer_for(content_type)
        laid_out = indent_json(text) if not as_it_comes and (lexer == "json" or text.lstrip()[:1] in "{[") else None
        await terminal.write(renderer.body(laid_out or text, "json" if laid_out else lexer))
        return
    await terminal.write(renderer.piece(text))
    async for piece in response.body:
        await terminal.write(renderer.piece(decoder.decode(piece)))
    await terminal.write(renderer.piece(decoder.decode(b"", final=True)))


def _is_binary(data: bytes, encoding: str) -> bool:
    """Tell whether bytes are none that people can read."""
    if b"\0" in data and not encoding.lower().startswith(("utf-16", "utf-32")):
        return True
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(data)  # the last character may be cut off
    except (LookupError, UnicodeDecodeError):
        return True
    return False
