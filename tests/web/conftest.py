"""A folder of files, for the tests that send some of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.web.asking import BIG


@pytest.fixture
def site(tmp_path: Path) -> Path:
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
