"""Files found a moment ago: they need no thread, are never old, and how much is kept of them is bounded.

Threads work here, so no clock jumps.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.web.asking import BIG, ask
from tests.web.open_files import open_below
from trio_http._clock import set_wall_clock
from trio_http.web import static


@pytest.fixture
def later() -> Iterator[None]:
    """A wall clock by which the files of these tests were made a while ago."""
    before = set_wall_clock(lambda: time.time() + 60)
    yield
    set_wall_clock(before)


@pytest.mark.covers("A48")
async def test_what_is_in_memory_needs_no_thread(site: Path, later: None) -> None:
    limiter = trio.CapacityLimiter(1)
    handler = static(site, limiter=limiter)
    first = await ask(handler, "/big.bin")  # by threads; from now on the system has it
    await ask(handler, "/sub/")

    async with limiter:  # whoever needs a thread now waits for ever
        with trio.fail_after(5):
            for _ in range(3):
                assert (await ask(handler, "/big.bin")).content == first.content == BIG
                assert (await ask(handler, "/sub/")).content == b"<p>sub"
            part = await ask(handler, "/big.bin", range="bytes=5-9")
            assert part.content == BIG[5:10]
            assert (await ask(handler, "/sub/", range="bytes=1-1")).content == b"p"
            assert (await ask(handler, "/big.bin", if_none_match=first.headers["etag"])).status == 304
        with trio.move_on_after(0.05) as scope:
            await ask(handler, "/hello.txt")
        assert scope.cancelled_caught  # its name has not been looked up yet
    (site / "big.bin").unlink()
    assert (await ask(handler, "/big.bin")).status == 404
    assert open_below(site) == []


async def test_what_is_kept_is_never_old(site: Path, tmp_path: Path, later: None) -> None:
    current = tmp_path / "current"
    current.symlink_to(site)
    handler = static(current)
    file = site / "hello.txt"
    for step in range(20):
        text = f"version {step:3}"  # all of one size
        (site / "new").write_text(text)
        os.utime(site / "new", (1, 1))  # and of one time
        (site / "new").rename(file)
        assert (await ask(handler, "/hello.txt")).text() == text
        assert (await ask(handler, "/hello.txt")).text() == text

    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "hello.txt").write_text("next")
    (tmp_path / "new").symlink_to("next")
    (tmp_path / "new").rename(current)
    assert (await ask(handler, "/hello.txt")).text() == "next"

    (tmp_path / "next" / "hello.txt").unlink()
    (tmp_path / "next" / "hello.txt").symlink_to("../secret.txt")
    assert (await ask(handler, "/hello.txt")).status == 404


async def test_compressed_forms_that_are_kept_are_never_old(site: Path, later: None) -> None:
    handler = static(site)
    packed = site / "hello.txt.gz"
    for content in (b"first", b"other"):
        (site / "new").write_bytes(content)
        (site / "new").rename(packed)
        for _ in range(2):
            response = await ask(handler, "/hello.txt", accept_encoding="gzip")
            assert (response.headers.get("content-encoding"), response.content) == ("gzip", content)
    packed.unlink()
    assert (await ask(handler, "/hello.txt", accept_encoding="gzip")).content == b"Hello, World!"


async def test_a_file_just_changed_is_read_each_time(site: Path) -> None:
    limiter = trio.CapacityLimiter(1)
    handler = static(site, limiter=limiter)
    await ask(handler, "/hello.txt")

    async with limiter:
        with trio.move_on_after(0.05) as scope:  # two changes at once would look like one
            await ask(handler, "/hello.txt")
    assert scope.cancelled_caught


async def test_what_is_kept_is_bounded(tmp_path: Path, later: None) -> None:
    for number in range(300):
        (tmp_path / f"{number}.bin").write_bytes(b"x" * 65536)
    tracemalloc.start()
    handler = static(tmp_path, precompressed=False)
    for number in range(300):
        assert (await ask(handler, f"/{number}.bin")).status == 200
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 18 * 1024 * 1024
