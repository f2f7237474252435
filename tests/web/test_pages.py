"""The pages in a real browser: Chromium without a screen; where it is not installed a test says so, in CI it fails.

Pages of the tests drive those under test in a frame, so that links are clicked as people click them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio

import trio_http
from tests.examples import example
from tests.interop.real_programs import require
from tests.wires import until
from trio_http import Request, Response
from trio_http.web import Resource, Router, add_docs, get, param, put, static

pytestmark = pytest.mark.usefixtures("chromium")


@pytest.fixture
def chromium() -> None:
    """Skip, or fail in CI, where there is none."""
    require("chromium")


def browse(profile: Path, url: str) -> list[str]:
    """The command that opens a page, and stays there until it is killed."""
    return [
        require("chromium"),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={profile}",
        "--remote-debugging-port=0",  # otherwise it leaves as soon as the page is loaded
        url,
    ]


async def told_by(handler: Router, path: str, profile: Path, wanted: str) -> list[str]:
    """What a page posts to /told, up to a text that matches ``wanted``."""
    told: list[str] = []
    found = trio.Event()

    @handler.post("/told")
    async def tell(request: Request) -> Response:
        told.append(await request.text())
        if re.fullmatch(wanted, told[-1], re.DOTALL):
            found.set()
        return Response(status=204)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, handler, 0)

        async def browser() -> None:
            await trio.run_process(browse(profile, f"{server.url}{path}"), capture_stdout=True, capture_stderr=True)

        nursery.start_soon(browser)
        with trio.move_on_after(30):
            await found.wait()
        nursery.cancel_scope.cancel()
    return told


class Things(Resource):
    @get("/thing/:id<int>/:part?")
    @param("q", "a <question>")
    async def show(self, request: Request) -> Response:
        """Show a thing."""
        return Response("")

    @put("/thing/:id<int>")
    async def store(self, request: Request) -> Response:
        return Response("")


CLICKER = """<!doctype html><title>wait</title><iframe src="/docs" width=1200 height=900></iframe><script>
document.querySelector("iframe").onload = event => {
  const page = event.target.contentDocument, out = [];
  for (const link of page.querySelectorAll('a[href^="#"]')) {
    link.click();
    const target = page.querySelector(":target");
    out.push(`${link.getAttribute("href")} ${target ? target.id : "nowhere"}`);
  }
  const nav = page.querySelector("nav").getBoundingClientRect();
  const main = page.querySelector("main").getBoundingClientRect();
  out.push(`beside ${main.left >= nav.right && nav.width > 200} ${page.documentElement.scrollWidth <= 1200}`);
  fetch("/told", {method: "POST", body: out.join("\\n")});
};
</script>"""


async def test_the_links_of_the_docs_page_lead_somewhere(tmp_path: Path) -> None:
    router = Router()
    router.register_routes(Things())
    add_docs(router, title="Things")

    @router.get("/clicker")
    async def clicker(request: Request) -> Response:
        return Response(CLICKER, headers={"content-type": "text/html"})

    told = await told_by(router, "/clicker", tmp_path, ".*beside.*")

    assert told[-1].splitlines() == [
        "#get/thing/{id}/{part} get/thing/{id}/{part}",
        "#get/thing/{id} get/thing/{id}",
        "#put/thing/{id} put/thing/{id}",
        "#get/clicker get/clicker",
        "#post/told post/told",
        "beside true true",
    ]


WATCHER = """<!doctype html><iframe src="/"></iframe>
<script>
const frame = document.querySelector("iframe");
let before = "";
const look = () => {
  const page = frame.contentDocument;
  const now = page.querySelector("#state")?.textContent + " | " + page.querySelector("#values")?.innerText;
  if (now !== before) fetch("/told", {method: "POST", body: before = now});
};
setInterval(look, 50);
</script>"""


async def test_the_dashboard_is_live(tmp_path: Path) -> None:
    dashboard = example("web_dashboard")
    board = dashboard.Board()
    router = Router()

    @router.get("/watcher")
    async def watcher(request: Request) -> Response:
        return Response(WATCHER, headers={"content-type": "text/html"})

    app = dashboard.make_app(board)
    router.get("/")(app)
    router.get("/events")(app)
    async with trio.open_nursery() as nursery:

        async def change() -> None:
            await until(lambda: board.watchers)  # the page has connected
            board.show({"answers": 42})

        nursery.start_soon(change)
        told = await told_by(router, "/watcher", tmp_path, r"live \| 42\s+answers")
        nursery.cancel_scope.cancel()

    assert re.fullmatch(r"live \| 42\s+answers", told[-1]), told


WALKER = """<!doctype html><iframe src="/files/"></iframe>
<script>
const frame = document.querySelector("iframe");
const steps = ["a%20%26%20b/", "deeper/", "../", "../", "%C3%A9.txt"];
frame.onload = () => {
  const page = frame.contentDocument, step = steps.shift();
  if (!step) return fetch("/told", {method: "POST", body: "end " + page.body.innerText});
  const link = page.querySelector(`a[href$="${step}"]`);
  fetch("/told", {method: "POST", body: page.title}).then(() => link.click());
};
</script>"""


async def test_people_find_their_way_through_folders(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "a & b" / "deeper").mkdir(parents=True)
    (site / "é.txt").write_text("found")
    router = Router()
    router.mount("/files", static(site, listing=True))

    @router.get("/walker")
    async def walker(request: Request) -> Response:
        return Response(WALKER, headers={"content-type": "text/html; charset=utf-8"})

    told = await told_by(router, "/walker", tmp_path / "profile", "end .*")

    assert told == ["/", "/a & b/", "/a & b/deeper/", "/a & b/", "/", "end found"]
