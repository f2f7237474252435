"""Every chore of the project, one command each: ``python -m nox -s tests``; ``python -m nox -l`` lists them."""

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
    session.install("mypy==2.4.*", "nox", "-e", ".[test,brotli,zstd]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Throw mutated bytes at the HTTP/1.1 core, for as many seconds as given after ``--`` (60)."""
    session.install("-e", ".[test]")
    session.run("python", "fuzz/h1.py", *(session.posargs or ["60"]))


@nox.session
def h11_compat(session: nox.Session) -> None:
    """Run h11's own tests, and the programs that import h11, on the HTTP/1.1 core."""
    session.install("-e", ".[test]", "uvicorn", "httpcore", "hypercorn[trio]", "wsproto")
    names = ["test_h1_h11_suite.py", "test_h1_programs.py", "test_h1_against_h11.py"]
    session.run("pytest", *(f"tests/h1/{name}" for name in names), *session.posargs, env={"CI": "true"})
