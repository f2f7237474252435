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
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job, told line by line: a real server and a real client over loopback."""
    session.install("-e", ".")
    session.run("python", "examples/story.py")
