"""Every chore of the project, one command each: ``python -m nox -s tests``; ``python -m nox -l`` lists them all."""

from __future__ import annotations

import nox

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
    """Check the types of the package, the examples and this file with mypy --strict."""
    session.install("mypy==2.4.*", "nox", "-e", ".[test,brotli,zstd,socks]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    session.install("-e", ".[test,brotli,zstd,socks]")
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
def bench(session: nox.Session) -> None:
    """Time the core beside h11, cycle by cycle; arguments after ``--`` go to the script."""
    session.install("-e", ".", "h11==0.16.0")
    session.run("python", "benchmarks/core.py", *session.posargs)


@nox.session
def marks(session: nox.Session) -> None:
    """Prove that marks are honest: take features away and see the tests fail that are marked for them.

    A sample of the rows, or all of them with ``-- --all``; further arguments go to the script.
    """
    session.install("-e", ".[test,brotli,zstd,socks]")
    session.run("python", "tools/honest_marks.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "--fresh-env", "--fail-on-warning", "--keep-going", "-q", "docs", "docs/_build")
