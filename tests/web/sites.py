"""A folder to serve, and requests for its files without a wire."""

from __future__ import annotations

import os
from pathlib import Path

from trio_http import Request, Response
from trio_http.messages import Handler

BIG = bytes(range(256)) * 4096  # 1 MiB: several pieces


def make_site(tmp_path: Path) -> Path:
    """A folder with what a site may hold, good and bad, and a secret beside it."""
    root = tmp_path / "site"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "bare").mkdir()
    (root / "index.html").write_text("<p>home")
    (root / "sub" / "index.html").write_text("<p>sub")
    (root / "hello.txt").write_text("Hello, World!")
    (root / "empty.bin").write_bytes(b"")
    (root / "big.bin").write_bytes(BIG)
    (root / "bare" / "a <b>&.txt").write_text("x")
    (root / ".env").write_text("SECRET=1")
    (root / ".well-known").mkdir()
    (root / ".well-known" / "it").write_text("known")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "out.txt").symlink_to("../secret.txt")
    (root / "out").symlink_to("..")
    (root / "in.txt").symlink_to("hello.txt")
    os.mkfifo(root / "pipe")
    return root


async def ask(handler: Handler, path: str, method: str = "GET", **fields: str) -> Response:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    response = await handler(Request(method, path, headers=headers))
    if response.outgoing.data is None and method == "GET":
        pieces: list[bytes] = []

        async def take(piece: bytes) -> None:
            pieces.append(piece)

        await response.outgoing.send_to(take)
        response = Response(b"".join(pieces), status=response.status, headers=response.headers)
    return response
