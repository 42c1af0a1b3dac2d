"""The first and last moments of a forked process: what it leaves behind, and how it ends."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

Life = Callable[[], None]
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def leave_home(to_close: Iterable[int]) -> None:
    """Become a process of its own: session, signals, files. A zygote that dies interrupts it,
    and an interrupted release goes back to stable."""
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor in to_close:
        os.close(descriptor)
    random.seed()


def run_to_end(life: Life) -> NoReturn:
    """Live, and end without a word to anybody who was there before the fork."""
    code = 1
    try:
        life()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a process's last words
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def live(arguments: str) -> None:
    """Execute a run, as Dagster's own command does."""
    from dagster._cli import cli
    from dagster._utils.interrupts import capture_interrupts

    from release_defs.launcher.preload import code_has_changed

    command = ["api", "execute_run", arguments]
    if code_has_changed():  # an edited file: start cold, with what is written now
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        os.execv(sys.executable, [sys.executable, "-m", "dagster", *command])
    sys.argv = ["dagster", *command[:-1]]
    with capture_interrupts():  # from here on a cancel is noted, and raised in the first op
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        try:
            cli(command, auto_envvar_prefix="DAGSTER_CLI", standalone_mode=False)
        finally:
            # a run cancelled before it began is left in the middle by Dagster
            report_death(arguments, f"worker {os.getpid()} ended before its run did")


def report_death(arguments: str, message: str) -> None:
    """Tell Dagster that a run's worker has died, unless the run had ended."""
    from dagster import DagsterInstance, DagsterRunStatus
    from dagster._grpc.types import ExecuteRunArgs
    from dagster._serdes import deserialize_value

    args = deserialize_value(arguments, ExecuteRunArgs)
    with DagsterInstance.from_ref(args.instance_ref) as instance:
        run = instance.get_run_by_id(args.run_id)
        if run is None or run.is_finished:
            return
        if run.status == DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message)
        else:
            instance.report_run_failed(run, message)
