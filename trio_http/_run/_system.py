"""What a service does with the system it runs on: its user and group, its umask, a file with its process id."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from pathlib import Path
from typing import Self, final

__all__ = ["PidFile", "drop_privileges", "hand_over"]


def drop_privileges(user: str | None, group: str | None) -> None:
    """Become another user for good.

    Args:
        user: A name or number; None to stay who we are.
        group: A name or number; None for the user's own groups.

    Raises:
        ValueError: There is no such user or group, or we may not become it.
    """
    if user is None and group is None:
        return
    who, group_id = _wanted(user, group)
    if os.geteuid() != 0 and (who is None or who.pw_uid == os.geteuid()) and group_id == os.getegid():
        return  # as whom we run already
    try:
        if who is not None:
            os.initgroups(who.pw_name, group_id)
        else:
            os.setgroups([group_id])
        os.setgid(group_id)
        if who is not None:
            os.setuid(who.pw_uid)
    except PermissionError as error:
        wanted = f"user {user}" if user is not None else f"group {group}"
        raise ValueError(f"only root can become {wanted}, and this runs as user {os.geteuid()}") from error


def hand_over(path: str, user: str | None, group: str | None) -> None:
    """Make a file belong to the user and group that :func:`drop_privileges` is going to become.

    Raises:
        ValueError: There is no such user or group, or we may not give it the file.
    """
    if user is None and group is None:
        return
    who, group_id = _wanted(user, group)
    try:
        os.chown(path, -1 if who is None else who.pw_uid, group_id)
    except OSError as error:
        raise ValueError(f"cannot give {path} to user {user}, group {group}: {error.strerror}") from error


def _wanted(user: str | None, group: str | None) -> tuple[pwd.struct_passwd | None, int]:
    """The user, and the number of the group: that of the user where none is said."""
    who = None if user is None else _user(user)
    return who, _group(group) if group is not None else who.pw_gid if who is not None else os.getgid()


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        raise ValueError(f"there is no user {name}: give the name or number of one in /etc/passwd") from None


def _group(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {name}: give the name or number of one in /etc/group") from None


@final
class PidFile:
    """A file with the id of this process, for as long as a ``with`` block runs.

    Args:
        path: The file. One left behind by a process that is gone is replaced.

    Raises:
        ValueError: On entering, if the process of an existing file runs, or the file cannot be written.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __enter__(self) -> Self:
        if (other := self._other()) is not None:
            raise ValueError(f"{self._path} says that process {other} serves already: stop it, or delete the file")
        try:
            self._path.write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise ValueError(f"cannot write the pid file {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            if int(self._path.read_text()) == os.getpid():  # not if somebody has put another one in its place
                self._path.unlink()

    def _other(self) -> int | None:
        """The running process that an existing file names; None if there is none."""
        try:
            pid = int(self._path.read_text())
        except (OSError, ValueError):
            return None
        if pid <= 0 or pid == os.getpid():
            return None
        try:
            os.kill(pid, 0)
        except PermissionError:
            return pid  # it runs, as somebody else
        except (OSError, OverflowError):
            return None
        return pid
