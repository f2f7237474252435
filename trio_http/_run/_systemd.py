"""What systemd gives and wants: listening sockets (sd_listen_fds(3)), and to be told how it goes (sd_notify(3))."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import MutableMapping, Sequence
from typing import final

import trio

__all__ = ["Notifier", "inherited_descriptors"]

log = logging.getLogger("trio_http.run")

FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START


def inherited_descriptors(environment: MutableMapping[str, str]) -> Sequence[int]:
    """Return the sockets that systemd has opened for this process, and take them out of the environment.

    Args:
        environment: ``os.environ``. Its variables are removed, so that no child takes the sockets for its own.

    Raises:
        ValueError: The variables are not what systemd sets.
    """
    pid, count = environment.get("LISTEN_PID"), environment.get("LISTEN_FDS")
    if pid is None or count is None:
        return []
    if not pid.isdecimal() or not count.isdecimal():
        raise ValueError(
            f"LISTEN_PID={pid!r} and LISTEN_FDS={count!r} should be numbers: unset them, or let systemd set them"
        )
    if int(pid) != os.getpid():
        return []  # meant for a parent of ours
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    descriptors = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count))
    for descriptor in descriptors:
        try:
            os.set_inheritable(descriptor, False)
        except OSError as error:
            raise ValueError(
                f"LISTEN_FDS={count} says that descriptor {descriptor} is open: {error.strerror}"
            ) from error
    return descriptors


@final
class Notifier:
    """Tells systemd how it goes; without systemd it does nothing.

    Args:
        environment: ``os.environ``. Its variables are removed, so that no child speaks in our name.
    """

    __slots__ = ("_address", "_is_ready", "_watchdog")

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        usec, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = not pid or pid == str(os.getpid())
        self._is_ready = trio.Event()
        self._watchdog = int(usec) / 1e6 if usec.isdecimal() and ours else 0.0

    def ready(self, status: str) -> None:
        """It serves."""
        self._is_ready.set()
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """It has begun to reload; :meth:`ready` ends this (``Type=notify-reload``)."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """It has begun to end."""
        self._send("STOPPING=1")

    async def keep_watchdog_quiet(self) -> None:
        """Say from time to time that this process is alive, twice as often as systemd wants to hear it; or return.

        It begins once :meth:`ready` has been called, as systemd's own counting does.

        Cancellation:
            Ends it.
        """
        await self._is_ready.wait()
        while self._watchdog:
            self._send("WATCHDOG=1")
            await trio.sleep(self._watchdog / 2)

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("systemd could not be told %r: %s", text, error)
