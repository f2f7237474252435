"""h11's own tests, run against this core: the sdist is fetched from PyPI, nothing of it is kept here.

What is left out or must fail is listed with its reason; the reason is always that a test reaches the inside of h11.
The only thing that is ever skipped is the whole, where PyPI cannot be reached; with ``CI=true`` that is a failure.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

RELEASE = "h11==0.16.0"

# These files test parts of h11 that have no counterpart here: its readers, writers and buffer are called directly.
# What they say about bytes and events is said again, through Connection, in test_against_h11.py.
LEFT_OUT_FILES = {
    "test_io.py": "calls h11._readers and h11._writers, which are inside parts",
    "test_receivebuffer.py": "tests the class h11._receivebuffer.ReceiveBuffer, an inside part",
}
# These run like the others, and must fail: one that passes has lost its reason.
MUST_FAIL = {
    "test_headers.py::test_normalize_and_validate": "asserts that an error text of the private function "
    "normalize_and_validate echoes a field value; ours never do, values may be credentials",
    "test_util.py::test_LocalProtocolError": "calls the private method _reraise_as_remote_protocol_error",
}
RUN = [
    "test_against_stdlib_http.py",
    "test_connection.py",
    "test_events.py",
    "test_headers.py",
    "test_helpers.py",
    "test_state.py",
    "test_util.py",
]
# what the runs must find, so that a suite that shrinks silently is noticed
EXPECTED_PASSED = 55

SWAP = """
import trio_http.h1

h11 = trio_http.h1.install_as_h11()
h11.__path__ = [{folder!r}]


def pytest_sessionfinish():
    import sys

    assert sys.modules["h11"] is h11, "something replaced the core under test"
"""


@pytest.fixture(scope="session")
def sdist(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = getattr(pytestconfig, "cache", None)
    folder = Path(cache.mkdir("h11-sdist")) if cache else tmp_path_factory.mktemp("h11-sdist")
    found = sorted(folder.glob("h11-*.tar.gz"))
    if found:
        return found[0]
    command = [sys.executable, "-m", "pip", "download", RELEASE, "--no-binary", ":all:", "--no-deps", "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("h11-*.tar.gz"))
    if not found:
        reason = f"the sdist of {RELEASE} cannot be fetched: {' '.join(command)} said: {done.stderr.strip()[-500:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found[0]


def test_h11s_own_tests_pass(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("h11-*/h11/tests")
    folder = tmp_path / "swapped" / "h11"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    tests = source.rename(folder / "tests")
    assert {path.name for path in tests.glob("test_*.py")} == {*RUN, *LEFT_OUT_FILES}
    (tmp_path / "swap_h11.py").write_text(SWAP.format(folder=str(folder)))
    package = Path(__file__).parents[2]

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "swap_h11", "-p", "no:cacheprovider", "-c", os.devnull),
            *("-rf", "--rootdir", str(folder.parent)),
            *(str(tests / name) for name in RUN),
        ],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(package)])},
        capture_output=True,
        text=True,
        check=False,
    )

    failed = re.findall(r"^FAILED h11/tests/(\S+)", done.stdout, re.MULTILINE)
    assert sorted(failed) == sorted(MUST_FAIL), done.stdout + done.stderr
    assert f"{len(MUST_FAIL)} failed, {EXPECTED_PASSED} passed" in done.stdout, done.stdout
