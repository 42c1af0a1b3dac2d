"""Start a child process that cannot outlive us."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    argv: list[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, its output appended to `log`.

    The kernel sends it `death_signal` when the *thread* that called this ends: call it from the
    main thread. Raises OSError when there is no such program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_tie_to_parent(death_signal),  # noqa: PLW1509 (calls nothing that locks)
        )


def adopt_orphans() -> None:
    """Let grandchildren whose parent died become our children instead of init's."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal a whole process group; fine when it is gone already."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


_MEANT_TO_END = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    prctl, getppid = _libc.prctl, os.getppid

    def before_exec() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in _MEANT_TO_END:  # a shell's background jobs inherit some of them ignored
            signal.signal(number, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if getppid() != parent:  # it died before the kernel knew
            os._exit(1)

    return before_exec
