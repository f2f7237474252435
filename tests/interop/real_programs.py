"""Real peers: programs that other people wrote. Where one is absent a test says so; in CI absence is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str) -> str:
    """Return the path of a program; without it skip the test, or fail it where CI=true."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is not installed (on Debian: apt-get install {program})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
