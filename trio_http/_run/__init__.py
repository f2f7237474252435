"""Programs that serve: signals, one process or several, and what the system around them wants to know."""

from ._backoff import Backoff
from ._changes import Changes
from ._line import Line
from ._patient import PatientListener
from ._program import Program, run
from ._served import Order, ServedProcess
from ._signals import follow_signals
from ._supervisor import Supervisor, Worker, told
from ._system import PidFile, drop_privileges, hand_over
from ._systemd import Notifier, inherited_descriptors
from ._worker import WorkerProcess, follow_supervisor

__all__ = [
    "Backoff",
    "Changes",
    "Line",
    "Notifier",
    "Order",
    "PatientListener",
    "PidFile",
    "Program",
    "ServedProcess",
    "Supervisor",
    "Worker",
    "WorkerProcess",
    "drop_privileges",
    "follow_signals",
    "follow_supervisor",
    "hand_over",
    "inherited_descriptors",
    "run",
    "told",
]
