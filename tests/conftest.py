"""What all tests share: no proxies of the machine, and a virtual network for tests that name it as a kind."""

from __future__ import annotations

import os

import pytest


def pytest_configure() -> None:
    """Forget the proxies of the machine: clients heed them by default, and tests speak to servers of their own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the items of kind ``virtual`` the fixture of that name, as if they had asked for it."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
            and item.callspec.params.get("kind") == "virtual"
        ):
            # a list of its own: the items of one function share theirs
            item.fixturenames = [*item.fixturenames, "virtual_network"]
