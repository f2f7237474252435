"""What the Autobahn test suite says of our server and our client; see :mod:`tests.interop.autobahn`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interop.autobahn import FAST, failures, judge_client, judge_server, table

WSTEST = os.environ.get("AUTOBAHN_WSTEST", "")

pytestmark = [
    pytest.mark.covers("A55", "A60"),
    pytest.mark.skipif(not WSTEST, reason="AUTOBAHN_WSTEST does not say where wstest is; nox -s autobahn brings it"),
]


async def test_our_server_passes(tmp_path: Path) -> None:
    report = await judge_server(WSTEST, FAST, tmp_path)

    assert len(report) >= 247, table(report)
    assert failures(report) == {}


async def test_our_client_passes(tmp_path: Path) -> None:
    report = await judge_client(WSTEST, FAST, tmp_path)

    assert len(report) >= 247, table(report)
    assert failures(report) == {}
