"""What all tests share: how a test that is parametrized over kinds of connections gets its virtual network."""

from __future__ import annotations

import pytest


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
