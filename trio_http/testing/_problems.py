"""What goes wrong in a simulation, in two families that are never mixed up.

A :class:`Finding` says something about the program under test; a :class:`HarnessError` says that the simulation itself
is misused, invalid or broken, so whatever it seemed to show means nothing.
"""

from __future__ import annotations

__all__ = [
    "CancelPointError",
    "CassetteError",
    "DeadlockError",
    "Finding",
    "HarnessError",
    "LeakError",
    "LivelockError",
    "MockError",
    "NondeterminismError",
    "OutsideSimulationError",
    "PeerError",
    "RealIOError",
    "RealNetworkError",
    "TimeLimitError",
]


class HarnessError(Exception):
    """The simulation is misused, invalid or broken; never a fact about the program under test."""


class OutsideSimulationError(HarnessError, RuntimeError):
    """Something that lives in a simulation was used outside it, or in another one."""


class RealIOError(HarnessError):
    """A task waits for a real file descriptor or thread while virtual time is about to move past it."""


class NondeterminismError(HarnessError):
    """The same seed gave two different traces; the text names the first event that differs."""


class Finding(AssertionError):
    """The simulation found a fault of the program under test."""


class DeadlockError(Finding):
    """Every task waits and nothing will ever wake one; the text names each task and its own line."""


class LivelockError(Finding):
    """The program is busy for ever without the clock moving."""


class TimeLimitError(Finding):
    """The program is still running when the virtual time limit of the simulation is reached."""


class LeakError(Finding):
    """The program ended and left something open; the text names each thing and the line that opened it."""


class RealNetworkError(Finding):
    """A test reached for the real network under ``no_network``."""


class CancelPointError(Finding):
    """A block that was cancelled at one of its points broke an invariant, or raised something else than Cancelled."""


class PeerError(Finding):
    """A scripted peer got something else than its script expects."""


class MockError(Finding):
    """A request that no mock answers, or a mock that was never asked."""


class CassetteError(Finding):
    """A client said something else than the cassette has recorded."""
