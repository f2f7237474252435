"""The tool that takes features away finds who claims too much, and takes away neither more nor less than it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import honest_marks

ROOT = Path(__file__).parent.parent
ONE, TWO, THREE = (f"tests/test_x.py::test_{name}" for name in ("one", "two", "three"))


def trial(
    folder: Path, *said: str, names: tuple[str, ...] = ("serve",), crashed: bool = False
) -> tuple[list[str], bool]:
    """What is found wrong after a process has said so much, and whether the trial is over."""
    made = honest_marks.Trial(names, {"A1": [ONE, TWO], "A2": [THREE]}, folder / "heard")
    made.heard.write_text("".join(f"{line}\n" for line in said))
    over = made.is_over(crashed=crashed)
    return made.find_wrong(), over


def test_marks_are_honest_when_every_test_fails(tmp_path: Path) -> None:
    assert trial(tmp_path, f"failed {ONE}", f"passed {TWO}[0]", f"failed {TWO}[1]", f"failed {THREE}") == ([], True)


def test_a_file_that_cannot_be_loaded_fails_all_its_tests(tmp_path: Path) -> None:
    assert trial(tmp_path, "started tests/test_x.py", "failed tests/test_x.py") == ([], True)


def test_who_passes_all_the_same_is_told(tmp_path: Path) -> None:
    wrong, _ = trial(tmp_path, f"passed {ONE}[0]", f"passed {ONE}[1]", f"failed {TWO}", f"failed {THREE}")

    assert wrong == [f"A1 without serve: {ONE} passes all the same"]


def test_who_is_skipped_says_nothing_and_does_not_do_alone(tmp_path: Path) -> None:
    wrong, _ = trial(tmp_path, f"skipped {ONE}", f"failed {TWO}", f"skipped {THREE}")

    assert wrong == [f"A2 without serve: all its tests are skipped here: {THREE}"]


def test_who_was_not_run_is_told(tmp_path: Path) -> None:
    wrong, over = trial(tmp_path, f"failed {ONE}", f"failed {THREE}", "finished ")

    assert (wrong, over) == ([f"A1 without serve: {TWO} was not run"], True)


def test_a_test_that_hangs_has_failed_and_the_others_are_still_to_run(tmp_path: Path) -> None:
    wrong, over = trial(tmp_path, f"started {ONE}", f"failed {ONE}", f"started {TWO}", crashed=True)

    assert (wrong, over) == ([f"A2 without serve: {THREE} was not run"], False)


def test_a_process_that_ends_between_two_tests_fails_neither(tmp_path: Path) -> None:
    wrong, over = trial(tmp_path, f"started {ONE}", f"passed {ONE}", crashed=True)

    assert over is False
    assert f"A1 without serve: {ONE} passes all the same" in wrong


def test_a_process_that_ends_before_any_test_is_not_started_for_ever(tmp_path: Path) -> None:
    assert trial(tmp_path, crashed=True)[1] is True


def test_who_fails_with_everything_in_place_proves_nothing(tmp_path: Path) -> None:
    wrong, _ = trial(tmp_path, f"passed {ONE}", f"passed {TWO}[0]", f"failed {TWO}[1]", f"skipped {THREE}", names=())

    assert wrong == [f"{TWO} does not pass while nothing is taken away"]


def test_names_that_cannot_be_taken_away_are_told(tmp_path: Path) -> None:
    wrong, over = trial(tmp_path, "broken ValueError: there is no serve")

    assert (wrong, over) == (["A1 A2 without serve: could not be tried: ValueError: there is no serve"], True)


# What must hold without each name, and what must be said of one that is not there.
TAKEN = {
    "url_concat": """
lost(lambda: trio_http.url_concat("/", {}))
lost(lambda: trio_http.semantics.url_concat("/", {}))
""",
    "Headers.get": """
headers = trio_http.Headers({"a": "1"})
lost(lambda: headers.get("a"))
lost(lambda: trio_http.Headers.get)
assert headers.get_list("a") == ["1"]
assert trio_http.Request("GET", "/", headers={"Host": "h"}).host == "h"  # we still find it
""",
    "Status.TEAPOT": """
lost(lambda: trio_http.Status.TEAPOT)
assert trio_http.Status(404) is trio_http.Status.NOT_FOUND
""",
    "Response(status)": "assert trio_http.Response('x', status=404).status == 200",
    "ServerLimits(body)": "assert trio_http.ServerLimits(body=1).body is trio_http.ServerLimits().body is None",
    "Client.*(headers)": """
assert "a" not in trio_http.Client(headers={"a": "1"}).headers
assert "a" not in trio_http.Client().with_(headers={"a": "1"}).headers
""",
    "no_such_name": "ValueError: ",
    "Client.no_such_name": "ValueError: ",
    "Client(": "ValueError: ",
}
PROGRAM = """
import json, os, sys, traceback
sys.path.insert(0, "tools")
import taking_away, trio_http
taking_away.load_everything()

def lost(use):
    try:
        use()
    except AttributeError:  # Removed, or what an enum makes of it
        pass
    else:
        raise AssertionError("it is still there")

for name, code in json.loads(sys.argv[1]).items():
    if os.fork() == 0:  # there is no way back
        try:
            taking_away.take_away(name)
            exec(code)
        except Exception as error:
            if not (code.startswith("ValueError") and traceback.format_exception_only(error)[0].startswith(code)):
                print(name, traceback.format_exc(), flush=True)
        os._exit(0)
    os.wait()
"""


def test_what_is_taken_away_is_gone_for_others_only() -> None:
    command = [sys.executable, "-c", PROGRAM, json.dumps(TAKEN)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
