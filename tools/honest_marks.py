"""Prove that marks are honest: take a feature away, and see every test fail that claims to prove it.

``python tools/honest_marks.py [--all | --size 12] [--seed N] [ID ...]``; ``nox -s marks`` calls it. For each row of
``tests/checklist.toml``, in a process of its own, the row's public names are taken away (``taking_away.py`` tells how)
and its marked tests are run; rows with the same names share a process. A process is forked from one that has loaded
everything, so a row costs little more than its tests. ``--jobs`` run at once; ``--resume FILE`` goes on where a run was
broken off: it does not try again what the file says was honest, so begin a new file when code or tests have changed.

A mark is honest if its test fails then, with at least one set of its parameters, and passes while nothing is taken
away: that is tried first. A test that hangs has failed; one that is skipped, because what it needs is not there, says
nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, final

import checklist
import hypothesis
import pytest
import taking_away

SECONDS = 30  # for one test
SECONDS_BETWEEN_LINES = 15  # about how the run goes on
TESTS_AT_ONCE = 40  # in one process while nothing is taken away

# ---------------------------------------------------------------- in a process of its own


@final
class Outcomes:
    """A pytest plugin that keeps how each test ended, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: set[str] = set()

    def say(self, what: str, node: str = "") -> None:
        """Write one line: ``started``, ``passed``, ``failed`` or ``skipped`` with a test, ``finished``, ``broken``."""
        with self._path.open("a") as file:
            file.write(f"{what} {node}\n")

    # the hooks of pytest, under their own names

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Skip the other parameters of a test that has failed with some; give each run its time."""
        if item.nodeid.partition("[")[0] in self._failed:
            return True
        signal.alarm(SECONDS)
        self.say("started", item.nodeid)
        return None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the files that cannot be loaded: tests that need the name that early have failed."""
        if report.failed:
            self.say("failed", report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what became of each phase of each test."""
        if report.failed:
            self._failed.add(report.nodeid.partition("[")[0])
            self.say("failed", report.nodeid)
        elif report.skipped:
            self.say("skipped", report.nodeid)
        elif report.when == "call":
            self.say("passed", report.nodeid)


def run_tests(names: tuple[str, ...], nodes: list[str], heard: Path, *, show: bool) -> NoReturn:
    """Take names away, run tests, write down how each ended; and end this process."""
    os.setpgid(0, 0)  # so that what the tests leave behind can be ended, too
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    outcomes = Outcomes(heard)
    if not show:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    try:
        for name in names:
            taking_away.take_away(name)
    except Exception as error:
        outcomes.say("broken", f"{type(error).__name__}: {error}")
        os._exit(1)
    # one example that fails is enough, nobody reads the smallest
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("marks", phases=phases, deadline=None, database=None)
    hypothesis.settings.load_profile("marks")
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "--continue-on-collection-errors"]
    # that the package is loaded before pytest could rewrite its asserts is no fault here
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # one file after the other: one that cannot even be loaded ends the whole session
    for file, group in itertools.groupby(nodes, key=_file):
        signal.alarm(SECONDS)
        outcomes.say("started", file)
        with contextlib.suppress(Exception):  # of its own end, when a failed test leaves a socket open
            pytest.main([*options, *group], plugins=[outcomes])
    outcomes.say("finished")
    sys.stdout.flush()
    os._exit(0)


def _file(node: str) -> str:
    return node.partition("::")[0]


# ---------------------------------------------------------------- in the process that looks on


@final
@dataclass(eq=False)
class Trial:
    """Tests that are run without some public names, or with all of them.

    A process that a test hangs or crashes ends there; the tests after it are run in another.

    Attributes:
        names: What is taken away.
        claims: The tests that are marked, by row.
        heard: The file that the processes of this trial write to.
        nodes: All tests, sorted.
        ends: How each test ended, a set for all its parameters; nothing if it was not run.
        broken: Why the names could not be taken away.
    """

    names: tuple[str, ...]
    claims: dict[str, list[str]]
    heard: Path
    nodes: list[str] = field(init=False)
    ends: dict[str, set[str]] = field(init=False)
    broken: str = ""

    def __post_init__(self) -> None:
        self.nodes = sorted({node for nodes in self.claims.values() for node in nodes})
        self.ends = {node: set() for node in self.nodes}

    @property
    def key(self) -> str:
        """What a file remembers it by."""
        return json.dumps([self.names, self.claims])

    def start(self, *, show: bool) -> int:
        """Run what has not been run yet, in a new process; return its id."""
        self.heard.write_text("")
        child = os.fork()
        if child == 0:
            run_tests(self.names, self._left(), self.heard, show=show)
        return child

    def is_over(self, *, crashed: bool) -> bool:
        """Take in what a process has said that has ended; return whether nothing is left to run."""
        before = self._left()
        said = [line.partition(" ")[::2] for line in self.heard.read_text().splitlines()]
        if crashed:
            last = [node for what, node in said if what == "started"][-1:]
            said += [("hung", node) for node in last if not any(node == each for what, each in said if what in ENDS)]
        for what, each in said:
            if what == "broken":
                self.broken = each
            if what in ENDS:
                for node in self.nodes:
                    if each == node or each.startswith(f"{node}[") or node.startswith(f"{each}::"):
                        self.ends[node].add(what)
        return not crashed or self._left() in ([], before)

    def _left(self) -> list[str]:
        return [node for node, ends in self.ends.items() if not ends]

    @property
    def _without(self) -> str:
        return f"without {', '.join(self.names)}"

    def find_hung(self) -> list[str]:
        """Return a line for each test that did not end."""
        return [
            f"{' '.join(self.claims)} {self._without}: {node}" for node, ends in self.ends.items() if "hung" in ends
        ]

    def find_wrong(self) -> list[str]:
        """Return a line for each mark that is not honest, or each test that fails while nothing is taken away."""
        without = self._without
        if self.broken:
            return [f"{' '.join(self.claims)} {without}: could not be tried: {self.broken}"]
        if not self.names:
            bad = [node for node, ends in self.ends.items() if not ends or ends & FAILED]
            return [f"{node} does not pass while nothing is taken away" for node in bad]
        lines: list[str] = []
        for row, nodes in self.claims.items():
            if all(self.ends[node] == {"skipped"} for node in nodes):
                lines.append(f"{row} {without}: all its tests are skipped here: {', '.join(nodes)}")
            lines += [f"{row} {without}: {node} was not run" for node in nodes if not self.ends[node]]
            passed = [node for node in nodes if "passed" in self.ends[node] and not self.ends[node] & FAILED]
            lines += [f"{row} {without}: {node} passes all the same" for node in passed]
        return lines


FAILED = {"failed", "hung"}
ENDS = {"passed", "skipped", *FAILED}


def run_trials(trials: list[Trial], jobs: int, *, show: bool) -> Iterator[Trial]:
    """Run trials, some at once; yield each one that is over."""
    waiting = trials[::-1]
    running: dict[int, Trial] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                trial = waiting.pop()
                running[trial.start(show=show)] = trial
            child, status = os.wait()
            end_group(child)
            trial = running.pop(child)
            if trial.is_over(crashed=os.WIFSIGNALED(status)):
                yield trial
            else:
                waiting.append(trial)
    finally:
        for child in running:
            end_group(child)


def end_group(child: int) -> None:
    """End what is left of a process and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def plan(rows: list[checklist.Row], marks: dict[str, list[str]], folder: Path) -> list[Trial]:
    """Return the trials that prove some rows: first all their tests with nothing taken away, then without each."""
    nodes = sorted({node for row in rows for node in marks[row.id]})
    parts = [nodes[at : at + TESTS_AT_ONCE] for at in range(0, len(nodes), TESTS_AT_ONCE)]
    trials = [Trial((), {"": part}, folder / f"all-{number}") for number, part in enumerate(parts)]
    by_names: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for row in rows:
        by_names.setdefault(row.names, {})[row.id] = marks[row.id]
    return trials + [Trial(names, claims, folder / "-".join(claims)) for names, claims in by_names.items()]


def try_all(trials: list[Trial], *, jobs: int, show: bool, remembered: Path | None) -> tuple[list[str], list[str]]:
    """Run trials and tell how it goes; return a line for each thing that is wrong, and for each test that hung."""
    known = set(remembered.read_text().splitlines()) if remembered is not None and remembered.exists() else set()
    trials = [trial for trial in trials if trial.key not in known]
    tests, over = sum(len(trial.nodes) for trial in trials), 0
    began = said = time.monotonic()
    wrong: list[str] = []
    hung: list[str] = []
    for trial in run_trials(trials, jobs, show=show):
        lines = trial.find_wrong()
        wrong += lines
        hung += trial.find_hung()
        if remembered is not None and not lines:
            with remembered.open("a") as file:
                file.write(f"{trial.key}\n")
        over += len(trial.nodes)
        now = time.monotonic()
        if lines or now - said > SECONDS_BETWEEN_LINES:
            left = (now - began) / over * (tests - over) / 60
            print(*lines, f"[{over} of {tests} tests run, about {left:.0f} min left]", sep="\n", flush=True)
            said = now
    return wrong, hung


def main() -> int:
    """Take the rows that are asked for, tell what is not honest, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("ids", nargs="*", help="these rows only")
    parser.add_argument("--all", action="store_true", help="all rows")
    parser.add_argument("--size", type=int, default=12, help="how many rows to draw (12)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="how to draw them")
    parser.add_argument("--jobs", "-j", type=int, default=2, help="how many processes at once (2)")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="where to keep what was honest, not to try it again"
    )
    parser.add_argument("--show", action="store_true", help="show what pytest says, one process at a time")
    asked = parser.parse_args()

    marks: dict[str, list[str]] = {}
    for mark in checklist.read_marks():
        if mark.node not in marks.setdefault(mark.id, []):
            marks[mark.id].append(mark.node)
    marked = [row for row in checklist.read_rows().values() if row.id in marks]
    candidates = [row for row in marked if row.names]
    if asked.ids:
        chosen = [row for row in candidates if row.id in asked.ids]
        if unknown := set(asked.ids) - {row.id for row in chosen}:
            parser.error(f"no marked row with names that can be taken away: {', '.join(sorted(unknown))}")
    elif asked.all:
        chosen = candidates
        nameless = ", ".join(row.id for row in marked if not row.names)
        print(f"{len(chosen)} rows; without a name to take away, so not tried: {nameless}", flush=True)
    else:
        chosen = random.Random(asked.seed).sample(candidates, min(asked.size, len(candidates)))
        print(f"{len(chosen)} of {len(candidates)} rows, drawn with --seed {asked.seed}", flush=True)

    remembered = None if asked.resume is None else asked.resume.resolve()
    os.chdir(checklist.ROOT)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has the background ignore them
        signal.signal(number, signal.default_int_handler)
    taking_away.load_everything()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        # what Hypothesis finds here are no bugs to remember
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        trials = plan(chosen, marks, Path(folder))
        jobs = 1 if asked.show else asked.jobs
        wrong, hung = try_all(trials, jobs=jobs, show=asked.show, remembered=remembered)
    print(summary(chosen, marks, wrong, hung, time.monotonic() - began))
    return 1 if wrong else 0


def summary(
    chosen: list[checklist.Row], marks: dict[str, list[str]], wrong: list[str], hung: list[str], seconds: float
) -> str:
    """Return what was found, for people."""
    tests = len({node for row in chosen for node in marks[row.id]})
    claims = sum(len(marks[row.id]) for row in chosen)
    lines = [f"{len(chosen)} rows, {claims} marks on {tests} tests, in {seconds / 60:.0f} min"]
    if hung:
        lines += [f"{len(hung)} failed by not ending within {SECONDS} s:", *(f"  {line}" for line in sorted(hung))]
    if wrong:
        lines += [f"{len(wrong)} not honest:", *(f"  {line}" for line in sorted(wrong))]
    else:
        lines += ["all honest: each test passes, and fails without the names of the row that it is marked for"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
