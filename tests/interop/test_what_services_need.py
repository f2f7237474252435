"""What a service has to do with its system: files that change, a file with its id, sockets of systemd."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from trio_http._run import Changes, Line, Notifier, PatientListener, PidFile, drop_privileges, inherited_descriptors


async def test_changes_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / ".hidden").mkdir()
    old, other = tmp_path / "old.py", tmp_path / "package" / "other.py"
    old.write_text("1")
    other.write_text("1")
    changes = Changes([str(tmp_path)], interval=0.01)

    old.unlink()
    other.write_text("12")
    (tmp_path / "new.py").write_text("1")
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / ".hidden" / "a.py").write_text("nor this")
    with trio.fail_after(10):
        changed = await changes.wait()

    assert changed == sorted([str(old), str(other), str(tmp_path / "new.py")])
    with trio.move_on_after(0.1) as scope:
        await changes.wait()
    assert scope.cancelled_caught  # each change is told once


async def test_what_counts_can_be_said(tmp_path: Path) -> None:
    changes = Changes([str(tmp_path)], ["*.html", "*.css"], interval=0.01)

    (tmp_path / "a.py").write_text("1")
    (tmp_path / "a.css").write_text("1")
    with trio.fail_after(10):
        assert await changes.wait() == [str(tmp_path / "a.css")]


def test_a_pid_file_is_there_as_long_as_we_are(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_a_pid_file_of_somebody_who_runs_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text(f"{os.getppid()}\n")

    with pytest.raises(ValueError, match=f"says that process {os.getppid()} serves already"), PidFile(str(path)):
        raise AssertionError
    assert path.read_text() == f"{os.getppid()}\n"


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "99999999999999999999", "DEAD"])
def test_a_pid_file_that_was_left_behind_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pid"
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    path.write_text(text.replace("DEAD", dead.stdout.decode()))

    with PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_pid_file_that_somebody_has_replaced_is_not_ours_to_delete(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with PidFile(str(path)):
        path.write_text("1\n")
    assert path.exists()


def test_a_pid_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot write the pid file"), PidFile(str(tmp_path / "no" / "pid")):
        raise AssertionError


def test_becoming_who_we_are_is_no_work() -> None:
    drop_privileges(None, None)


@pytest.mark.parametrize(("user", "group"), [("no-such-user", None), (None, "no-such-group"), ("4294967294", None)])
def test_there_has_to_be_such_a_user(user: str | None, group: str | None) -> None:
    with pytest.raises(ValueError, match="there is no"):
        drop_privileges(user, group)


def test_without_systemd_there_are_no_sockets() -> None:
    assert inherited_descriptors({}) == []
    assert inherited_descriptors({"LISTEN_FDS": "1"}) == []


def test_sockets_for_another_process_are_not_ours() -> None:
    environment = {"LISTEN_PID": str(os.getppid()), "LISTEN_FDS": "1"}

    assert inherited_descriptors(environment) == []


@pytest.mark.parametrize(
    "environment", [{"LISTEN_PID": "x", "LISTEN_FDS": "1"}, {"LISTEN_PID": "1", "LISTEN_FDS": "-"}]
)
def test_nonsense_in_the_environment_is_told(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="should be numbers"):
        inherited_descriptors(environment)


async def test_systemd_is_told_through_an_abstract_socket_as_well() -> None:
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    plain.bind("")  # the kernel chooses an abstract name
    name = plain.getsockname().decode()
    environment = {"NOTIFY_SOCKET": "@" + name[1:], "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getppid())}
    notifier = Notifier(environment)
    with plain, trio.fail_after(10):
        notifier.ready("all is well")
        notifier.stopping()
        await notifier.keep_watchdog_quiet()  # not ours: it returns

        assert plain.recv(100) == b"READY=1\nSTATUS=all is well"
        assert plain.recv(100) == b"STOPPING=1"
    assert environment == {}


async def test_a_line_keeps_words_apart_and_tells_its_end() -> None:
    line, theirs = Line.pair()
    other = Line(theirs)
    line.tell("one")
    line.tell("two")

    assert [await other.hear(), await other.hear()] == ["one", "two"]
    line.close()
    assert await other.hear() is None
    other.tell("nobody listens")
    other.close()


async def test_a_patient_listener_lets_the_other_go_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        patient = PatientListener(owner.dup(), patience=0.2, head_start=0)
        address = owner.getsockname()
        async with trio.open_nursery() as nursery:
            accepted: list[trio.SocketStream] = []

            async def accept() -> None:
                while True:
                    accepted.append(await patient.accept())

            nursery.start_soon(accept)
            with socket.create_connection(address), owner.accept()[0]:
                await trio.sleep(0.4)
                assert accepted == []
            with socket.create_connection(address), socket.create_connection(address):
                with trio.fail_after(10):
                    while len(accepted) < 2:
                        await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        for stream in accepted:
            await stream.aclose()
        await patient.aclose()
