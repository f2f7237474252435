"""What is looked at when a simulation ends: sockets, tasks and trio_http's own things left open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import trio

from ._network import VirtualNetwork

__all__ = ["Checks", "OpenThings", "leaks_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What a simulation checks; each can be switched off.

    Attributes:
        sockets: sockets still open at the end, with the line that opened them.
        tasks: system tasks that the program started and that still run at the end.
        bodies: bodies, connections and clients of trio_http still open at the end.
        unaccepted: connections that no one accepted. Off: a cancelled happy-eyeballs attempt leaves such ones.
        unread: connections closed with unread bytes, which sends RST and can lose an answer. Off: faults do it, too.
        deadlock: every task waits for ever.
        real_io: a task waits for a real file descriptor while the clock is about to jump.
    """

    sockets: bool = True
    tasks: bool = True
    bodies: bool = True
    unaccepted: bool = False
    unread: bool = False
    deadlock: bool = True
    real_io: bool = True


@final
class OpenThings:
    """The registry that trio_http tells what it opens and closes."""

    def __init__(self) -> None:
        self._things: dict[int, tuple[str, object]] = {}

    def opened(self, kind: str, thing: object) -> None:
        """``thing`` is open."""
        self._things[id(thing)] = (kind, thing)

    def closed(self, thing: object) -> None:
        """``thing`` is closed."""
        self._things.pop(id(thing), None)

    def left(self) -> list[str]:
        """Return a line for each thing that is open."""
        return [f"{kind} left open: {thing!r}" for kind, thing in self._things.values()]


def system_tasks() -> set[trio.lowlevel.Task]:
    """Return the tasks outside the main task's tree."""
    root = trio.lowlevel.current_root_task()
    if root is None:
        return set()
    return {task for nursery in root.child_nurseries for task in nursery.child_tasks}


def leaks_of(
    net: VirtualNetwork, checks: Checks, *, things: OpenThings, tasks_before: Iterable[trio.lowlevel.Task]
) -> list[str]:
    """Return a line for each leak."""
    found: list[str] = []
    if checks.sockets:
        found.extend(f"socket left open: {one.described}" for one in net.open_sockets)
    if checks.tasks:
        before = set(tasks_before)
        found.extend(sorted(f"system task left running: {task.name}" for task in system_tasks() - before))
    if checks.bodies:
        found.extend(things.left())
    if checks.unaccepted:
        found.extend(
            f"connection never accepted: {connection!r}" for connection in net.connections if not connection.accepted
        )
    if checks.unread:
        found.extend(f"closed with unread bytes: {event}" for event in net.trace if event.op == "close-unread")
    return found
