"""A client that stays connected: it prints what a server says, and connects again when the connection ends.

Run it: ``python examples/websocket_client.py ws://127.0.0.1:8000/chat``.
"""

from __future__ import annotations

import sys

import trio

import trio_http


async def follow(url: str) -> None:
    """Print messages for ever."""
    async with trio_http.Client(timeout=10) as client, client.websockets(url) as connections:
        async for ws in connections:
            print(f"connected; {await ws.ping() * 1000:.1f} ms away")
            try:
                async for message in ws:
                    print(message)
            except trio_http.ConnectionClosed as error:
                print(error)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        trio.run(follow, sys.argv[1])
    except* KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
