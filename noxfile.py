"""Every chore of the project, one command each: ``python -m nox -s tests``; ``python -m nox -l`` lists them all."""

from __future__ import annotations

from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format (``-- --fix`` mends what can be mended)."""
    session.install("ruff==0.17.*")
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy --strict; and with pyright that all that is public says its types.

    The second fails below 100 %: a type that is left to be inferred may differ from one type checker to the next.
    """
    session.install("mypy==2.4.*", "pyright[nodejs]==1.1.414", "nox", "-e", ".[test,bench,brotli,zstd]")
    session.run("mypy")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "trio_http")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    session.install("-e", ".[test,brotli,zstd]")
    session.run("pytest", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job, told line by line: a real server and a real client over loopback."""
    session.install("-e", ".")
    session.run("python", "examples/story.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Throw mutated bytes at the HTTP/1.1 core, for as many seconds as given after ``--`` (60)."""
    session.install("-e", ".[test]")
    session.run("python", "fuzz/h1.py", *(session.posargs or ["60"]))


@nox.session
def autobahn(session: nox.Session) -> None:
    """Let the Autobahn test suite judge the WebSockets: ``-- PYTHON2.7 [CASES ...]``, all cases unless some are given.

    The suite runs on Python 2.7 only, which has to be there (``pyenv install 2.7.18``); everything else is installed.
    Sections 1 to 7 and 10 (``'1.*' '2.*' ...``) take 10 s, all of it a quarter of an hour.
    """
    python, *cases = session.posargs or ["python2.7"]
    place = Path(session.create_tmp()).resolve() / "suite"  # the suite runs in a folder of its own
    session.install("-e", ".", "virtualenv<20.22")  # the last that makes an environment for 2.7
    session.run("virtualenv", "--quiet", "--python", python, str(place))
    try:
        session.run(str(place / "bin" / "pip"), "install", "--quiet", "autobahntestsuite==25.10.1", external=True)
    except CommandFailed:
        session.skip("autobahntestsuite cannot be installed for Python 2.7 here")
    wstest = str(place / "bin" / "wstest")
    session.run("python", "tests/interop/autobahn.py", wstest, *cases, env={"PYTHONPATH": "."})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside the peers: all, with a picture; or one: ``-- core``, ``server``, ``client``, ``web``."""
    session.install("-e", ".[bench]")
    if session.posargs:
        name, *options = session.posargs
        session.run("python", f"benchmarks/{name}.py", *options)
        return
    session.run("python", "benchmarks/core.py")
    session.run("python", "benchmarks/web.py")
    files = [f"{session.create_tmp()}/{name}.json" for name in ("server", "client")]
    session.run("python", "benchmarks/server.py", "--json", files[0])
    session.run("python", "benchmarks/client.py", "--json", files[1])
    session.run("python", "benchmarks/chart.py", "docs/performance.svg", *files)


@nox.session
def marks(session: nox.Session) -> None:
    """Prove that marks are honest: take features away and see the tests fail that are marked for them.

    A sample of the rows, or all of them with ``-- --all``; further arguments go to the script.
    """
    session.install("-e", ".[test,brotli,zstd]")
    session.run("python", "tools/honest_marks.py", *session.posargs)


@nox.session
def changes(session: nox.Session) -> None:
    """Check the news fragments, and show what they come to; a file that towncrier would leave out is an error."""
    session.install("towncrier>=24.8")
    session.run("towncrier", "build", "--draft", "--version", "next", "--date", "unreleased")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build; a warning is an error."""
    session.install("-e", ".[docs,prometheus,otel,redis,testing]")
    session.run("sphinx-build", "--fresh-env", "--fail-on-warning", "--keep-going", "-q", "docs", "docs/_build")
