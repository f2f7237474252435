"""The processes of ``trio-http serve``: one that does everything, or a supervisor and its workers."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence

import trio

from .. import _entropy
from .._errors import HTTPError
from .._run import (
    Changes,
    Line,
    Notifier,
    Order,
    PidFile,
    Program,
    ServedProcess,
    Supervisor,
    Worker,
    WorkerProcess,
    drop_privileges,
    follow_signals,
    follow_supervisor,
    told,
)
from .._version import __version__
from ..server import Server
from ._parser import UsageError
from ._serve_handler import Served, context_maker, find_handler, make_server
from ._serve_log import limits_in_words
from ._serve_metrics import counting_together, find_metrics
from ._serve_options import ServeOptions
from ._serve_sockets import Share, Sockets, listeners_of, listening, servers_beside

__all__ = ["serve_alone", "serve_as_worker", "supervise"]

log = logging.getLogger("trio_http.run")

FORCED = 1  # the exit code of a process that was ended by force


def serve_alone(options: ServeOptions) -> int:
    """Serve in this process; return the exit code."""
    with _pid_file(options), listening(options) as sockets:
        where, beside = sockets.in_words(secure=options.certfile is not None), sockets.beside_in_words
        served, process = _ready_to_serve(options, sockets.share(1))

        def announce(server: Server) -> None:
            _tell(options, where, f"{served.words} in process {os.getpid()}", beside)

        _drive(Program(process, Notifier(os.environ), announce).run)
    return FORCED if process.forced else 0


def supervise(options: ServeOptions) -> int:
    """Run workers; return the exit code."""
    for folder in options.reload_dir:
        if not os.path.isdir(folder):
            raise UsageError(f"--reload-dir {folder}: there is no such folder")
    with (
        _pid_file(options),
        listening(options, options.workers or 1) as sockets,
        counting_together(options) as forget,
    ):
        return trio.run(_supervise, options, sockets, forget)


async def _supervise(options: ServeOptions, sockets: Sockets, forget: Callable[[int], None]) -> int:
    count = options.workers or 1
    where, beside = sockets.in_words(secure=options.certfile is not None), sockets.beside_in_words
    notifier = Notifier(os.environ)
    is_first = True

    async def start(slot: int) -> Worker:
        share = sockets.share(slot)
        return await WorkerProcess.open(
            lambda line: _worker_command(options, f"{slot}:{line}:{share}"), share.descriptors
        )

    def on_ready() -> None:
        nonlocal is_first
        workers = told(supervisor.pids)
        if is_first:
            what = options.target or f"the files of {options.directory}"
            _tell(options, where, f"{what} in {workers}; supervisor {os.getpid()}", beside)
        is_first = False
        notifier.ready(f"listens on {where}; {workers}")

    def obey(order: Order) -> None:
        if order is Order.RELOAD:
            notifier.reloading()
        else:
            notifier.stopping()
            sockets.close()  # the workers' are all there are now: when they end to accept, clients are told
        supervisor.obey(order)

    supervisor = Supervisor(
        start,
        count,
        grace=options.grace,
        lame_duck=options.lame_duck,
        silence=None if options.reload else options.worker_timeout,  # a debugger may hold a worker
        keep_trying=options.reload,
        on_ready=on_ready,
        on_end=forget,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(follow_signals, obey)
        nursery.start_soon(notifier.keep_watchdog_quiet)
        if options.reload:
            nursery.start_soon(_renew_on_change, options, supervisor)
        code = await supervisor.run()
        nursery.cancel_scope.cancel()
    return code


async def _renew_on_change(options: ServeOptions, supervisor: Supervisor) -> None:
    folders = options.reload_dir or (options.app_dir,)
    changes = Changes(folders, options.reload_include or ("*.py",))
    while True:
        changed = await changes.wait()
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        log.info("changed: %s%s", changed[0], more)
        supervisor.obey(Order.RELOAD)


def serve_as_worker(options: ServeOptions) -> int:
    """Serve in this process, which a supervisor has started; return the exit code."""
    assert options.as_worker is not None
    try:
        number, descriptor, rest = options.as_worker.split(":", 2)
        slot = int(number)
        line = Line(socket.socket(fileno=int(descriptor)))
        os.set_inheritable(line.fileno(), False)
        share = Share.inherited(rest)
    except (ValueError, OSError, HTTPError) as error:
        raise UsageError("--as-worker is for the supervisor; leave it out, and give --workers N") from error
    try:
        return _work(options, slot, line, share)
    except UsageError as error:
        if slot == 1 or options.debug:
            raise
        log.debug("%s", error)  # the first worker says the same aloud
        return 2


def _work(options: ServeOptions, slot: int, line: Line, share: Share) -> int:
    _, process = _ready_to_serve(options, share)
    most = options.max_requests
    if most is not None:
        most += int(_entropy.random_unit() * (options.max_requests_jitter + 1))

    def announce(server: Server) -> None:
        log.debug("worker %d serves", slot)

    async def work() -> None:
        every = options.worker_timeout / 4 if options.worker_timeout is not None else None
        await follow_supervisor(line, process, alive_every=every, most_requests=most, announce=announce)

    try:
        _drive(work)
    except UsageError as error:
        if not process.server.addresses:
            raise
        log.error("%s", error)  # it has served, so this is not about how it was called
        return 1
    return FORCED if process.forced else 0


def _drive(program: Callable[[], Awaitable[None]]) -> None:
    """Run a server to its end."""
    try:
        trio.run(program)
    except (
        HTTPError
    ) as error:  # it could not begin, or not end: an application that says so is no reason for tracebacks
        raise UsageError(" ".join(str(error).split())) from error


def _worker_command(options: ServeOptions, as_worker: str) -> Sequence[str]:
    """The command line of a worker: ours (interpreter, its options, and all), and what it inherits."""
    count = len(options.argv)
    is_ours = count > 0 and sys.orig_argv[-count:] == list(options.argv)
    program = sys.orig_argv[1:-count] if is_ours else ["-m", "trio_http"]  # else somebody has called main()
    return [sys.executable, *program, *options.argv, "--as-worker", as_worker]


def _ready_to_serve(options: ServeOptions, share: Share) -> tuple[Served, ServedProcess]:
    """Do what comes before serving: certificates while we may read them, then become who we are to be, then load."""
    make_context = context_maker(options)
    context = None if make_context is None else make_context()
    try:
        listeners = listeners_of(share)
        drop_privileges(options.user, options.group)
    except (HTTPError, ValueError) as error:
        raise UsageError(str(error)) from error
    served = find_handler(options)
    instruments, metrics = find_metrics(options)
    server = make_server(options, served, listeners, context, instruments)
    process = ServedProcess(
        server,
        grace=options.grace,
        lame_duck=options.lame_duck,
        make_context=make_context,
        beside=servers_beside(share, server, metrics),
    )
    return served, process


@contextlib.contextmanager
def _pid_file(options: ServeOptions) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if options.pid_file is not None:
            try:
                stack.enter_context(PidFile(options.pid_file))
            except ValueError as error:
                raise UsageError(str(error)) from error
        yield


def _tell(options: ServeOptions, where: str, what: str, beside: str) -> None:
    log.info("trio_http %s listens on %s; Ctrl-C ends it", __version__, where)
    log.info("serving %s", what)
    if beside:
        log.info("%s", beside)
    log.info("%s", limits_in_words(options.limits, options.timeouts))
