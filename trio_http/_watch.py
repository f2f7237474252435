"""A registry of open things, for those who hunt leaks; empty and free of cost unless a testing kit sets it.

What can be left open (a connection, a body, a client) calls :func:`opened` when it begins and :func:`closed` when it
ends. Nothing of the package reads the registry.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Watcher", "closed", "opened", "set_watcher"]


class Watcher(Protocol):
    """What a testing kit installs to hear of open things."""

    def opened(self, kind: str, thing: object) -> None:
        """``thing``, a ``kind`` such as ``"connection"``, has been opened."""
        ...

    def closed(self, thing: object) -> None:
        """``thing`` has been closed; may come more than once, and for things never announced."""
        ...


_watcher: Watcher | None = None


def opened(kind: str, thing: object) -> None:
    """Tell the watcher, if there is one, that ``thing`` is open."""
    if _watcher is not None:
        _watcher.opened(kind, thing)


def closed(thing: object) -> None:
    """Tell the watcher, if there is one, that ``thing`` is closed."""
    if _watcher is not None:
        _watcher.closed(thing)


def set_watcher(watcher: Watcher | None) -> Watcher | None:
    """Install a watcher for the process, or none. Returns the one before."""
    global _watcher
    before, _watcher = _watcher, watcher
    return before
