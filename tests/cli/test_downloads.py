"""Downloads: whole or not there, and continued only where the rest fits what is there. Files take threads: no clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
import trio.testing
from cli_kit import Screen, command

from trio_http import Handler, Request, Response
from trio_http.messages import SendChunk
from trio_http.semantics import parse_range

pytestmark = pytest.mark.covers("B42")
BODY = bytes(range(256)) * 4096  # 1 MiB
TAG = '"v1"'


class Origin:
    """Has one file, and sends as much of it as it likes."""

    def __init__(self, body: bytes = BODY, *, tag: str | None = TAG, breaks_after: int | None = None) -> None:
        self.body = body
        self.tag = tag
        self.breaks_after = breaks_after
        self.asked: list[tuple[str | None, str | None]] = []

    async def __call__(self, request: Request) -> Response:
        headers = request.headers
        self.asked.append((headers.get("range"), headers.get("if-range")))
        fields = {"ETag": self.tag} if self.tag is not None else {}
        same = headers.get("if-range") in (None, self.tag)
        ranges = parse_range(headers.get("range"), len(self.body)) if same else None
        if ranges == []:
            return Response("no", status=416, headers={**fields, "Content-Range": f"bytes */{len(self.body)}"})
        start = 0
        if ranges:
            start = ranges[0].start
            fields["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        wanted = self.body[start:]
        fields["Content-Length"] = str(len(wanted))

        async def producer(send: SendChunk) -> None:
            if self.breaks_after is None:
                await send(wanted)
                return
            await send(wanted[: self.breaks_after])
            raise RuntimeError("the origin breaks down")

        return Response(producer, status=206 if ranges else 200, headers=fields)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


def part_of(file: Path) -> Path:
    return file.with_name(file.name + ".part")


def content(file: Path) -> bytes:
    return file.read_bytes()


def put(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def is_there(file: Path) -> bool:
    return file.exists()


def leftovers(file: Path) -> list[str]:
    return sorted(each.name for each in file.parent.iterdir())


async def get(origin: Handler, file: Path, *options: str) -> tuple[int, Screen]:
    return await command("get", "http://h/file", "-o", str(file), *options, app=origin)


async def interrupted(file: Path, count: int = 300_000, *, tag: str | None = TAG) -> None:
    """Leave a part of the file."""
    with pytest.raises(RuntimeError):
        await get(Origin(tag=tag, breaks_after=count), file)
    assert part_of(file).read_bytes() == BODY[:count]
    assert not is_there(file), "what has its name is whole"


async def test_a_file_appears_when_it_is_complete(file: Path) -> None:
    put(file, b"the one before")

    code, screen = await get(Origin(), file)

    assert (code, content(file), screen.text) == (0, BODY, "")
    assert leftovers(file) == ["file.bin"]
    assert "1.0 MiB in" in screen.notes


async def test_an_interrupted_download_goes_on(file: Path) -> None:
    await interrupted(file)
    origin = Origin()

    code, _ = await get(origin, file, "--continue")

    assert (code, content(file)) == (0, BODY)
    assert origin.asked == [("bytes=300000-", TAG)]
    assert leftovers(file) == ["file.bin"]


async def test_no_password_is_left_behind(file: Path) -> None:
    with pytest.raises(RuntimeError):
        await command("get", "http://me:secret@h/file", "-o", str(file), app=Origin(breaks_after=10))

    assert "secret" not in (file.parent / "file.bin.part.json").read_text()
    assert (await command("get", "http://me:secret@h/file", "-o", str(file), "--continue", app=Origin()))[0] == 0
    assert content(file) == BODY


async def test_it_begins_anew_where_the_server_has_another_version(file: Path) -> None:
    await interrupted(file)
    origin = Origin(b"new" * 1000, tag='"v2"')

    code, screen = await get(origin, file, "--continue")

    assert (code, content(file)) == (0, b"new" * 1000)
    assert "another version" in screen.notes


async def test_it_begins_anew_where_nothing_tells_versions_apart(file: Path) -> None:
    await interrupted(file, tag='W/"weak"')
    origin = Origin(tag='W/"weak"')

    code, screen = await get(origin, file, "--continue")

    assert (code, content(file)) == (0, BODY)
    assert origin.asked == [(None, None)]
    assert "begins anew" in screen.notes


async def test_another_url_is_another_file(file: Path) -> None:
    await interrupted(file)
    origin = Origin()

    await command("get", "http://h/other", "-o", str(file), "--continue", app=origin)

    assert origin.asked == [(None, None)]
    assert content(file) == BODY


async def test_what_is_complete_already_is_told(file: Path) -> None:
    await interrupted(file)
    part_of(file).write_bytes(BODY)  # it was interrupted between the last byte and the end
    code, screen = await get(Origin(), file, "--continue")
    assert (code, content(file)) == (0, BODY)
    assert "complete" in screen.notes

    code, screen = await get(Origin(), file, "--continue")  # of a file that is there as a whole

    assert (code, content(file)) == (0, BODY)
    assert "complete" in screen.notes
    assert leftovers(file) == ["file.bin"]


async def test_a_file_of_another_program_is_continued(file: Path) -> None:
    put(file, BODY[:1000])

    code, _ = await get(Origin(), file, "--continue")

    assert (code, content(file)) == (0, BODY)


async def test_more_than_there_is_is_no_part_of_it(file: Path) -> None:
    put(file, BODY + b"x")

    code, screen = await get(Origin(), file, "--continue")

    assert (code, content(file)) == (11, BODY + b"x")
    assert "not the same file" in screen.notes


@pytest.mark.parametrize(
    "content_range",
    [
        None,
        "bytes 0-1048575/1048576",
        "bytes 299999-1048575/1048576",
        "bytes 300000-1048574/1048576",
        "bytes 300000-1048575/1048577",
        "bytes 300000-2097151/2097152",
        "lines 300000-1048575/1048576",
    ],
)
async def test_a_part_that_does_not_fit_is_refused(file: Path, content_range: str | None) -> None:
    await interrupted(file)

    async def lies(request: Request) -> Response:
        fields = {} if content_range is None else {"Content-Range": content_range}
        return Response(BODY[300_000:], status=206, headers=fields)

    code, screen = await get(lies, file, "--continue")

    assert code == 9
    assert "without --continue" in screen.notes
    assert part_of(file).read_bytes() == BODY[:300_000], "what is there stays as it was"
    assert not is_there(file)


async def test_a_part_that_nobody_asked_for_is_refused(file: Path) -> None:
    async def lies(request: Request) -> Response:
        return Response(b"xyz", status=206, headers={"Content-Range": "bytes 5-7/10"})

    code, _ = await get(lies, file)

    assert (code, is_there(file)) == (9, False)
    assert (await get(lies, file, "-H", "Range: bytes=5-7"))[0] == 0
    assert content(file) == b"xyz"


async def test_an_error_page_is_shown_and_not_saved(file: Path) -> None:
    async def handler(request: Request) -> Response:
        return Response("no such file", status=404)

    code, screen = await get(handler, file)

    assert (code, screen.text, leftovers(file)) == (4, "no such file", [])


async def test_cancellation_keeps_what_has_come(file: Path) -> None:
    sent = trio.Event()

    async def slow(request: Request) -> Response:
        async def producer(send: SendChunk) -> None:
            await send(BODY[:5000])
            sent.set()
            await trio.sleep_forever()

        return Response(producer, headers={"ETag": TAG, "Content-Length": str(len(BODY))})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(get, slow, file)
        await sent.wait()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert part_of(file).read_bytes() == BODY[:5000]
    assert json.loads((file.parent / "file.bin.part.json").read_text())["validator"] == TAG


async def test_compressed_files_are_saved_as_they_are(file: Path) -> None:
    async def handler(request: Request) -> Response:
        assert request.headers["accept-encoding"] == "identity"
        return Response(b"\x1f\x8b no gzip at all", headers={"Content-Encoding": "gzip"})

    assert (await get(handler, file))[0] == 0
    assert content(file) == b"\x1f\x8b no gzip at all"


async def test_devices_are_written_as_they_are() -> None:
    code, screen = await get(Origin(), Path("/dev/null"))

    assert (code, is_there(Path("/dev/null.part"))) == (0, False)
    assert "1.0 MiB" in screen.notes


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}], ids=["rich", "plain"])
async def test_progress_is_shown_to_people(file: Path, environ: dict[str, str]) -> None:
    screen = Screen(is_terminal=True, environ=environ)

    await command("get", "http://h/file", "-o", str(file), app=Origin(), screen=screen)

    assert "file.bin" in screen.notes
    assert "1.0" in screen.notes
    assert ("\x1b[" in screen.notes) == (not environ)
