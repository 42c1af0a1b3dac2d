"""Our own commands, each in a process of its own that is forked from one which has everything
imported: a start costs milliseconds instead of a second or two, and there are hundreds."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path

_FROM = multiprocessing.get_context("forkserver")
_OFTEN = (
    "davylamp.cli.build",
    "davylamp.cli.demo.load",
    "davylamp.cli.main",
    "davylamp.cli.plane",
    "davylamp.cli.release",
    "davylamp.cli.rollback",
    "davylamp.cli.status",
    "davylamp.rollout.conduct",
    "davylamp.rollout.drive",
    "davylamp.traffic.controller",
    "tests.certificates",
)
_FROM.set_forkserver_preload([*_OFTEN])


_ONE_AT_A_TIME = threading.Lock()
"""Each start asks all others whether they have ended, and a process tells its code only once: of
two threads that read it at the same time, one would be told 255."""


def import_too(*modules: str) -> None:
    """Have the process that is forked from import more. Changes nothing once it runs: commands
    then import it themselves."""
    _FROM.set_forkserver_preload([*_OFTEN, *modules])


class Forked:
    """As much of `subprocess.Popen` as tests use."""

    def __init__(
        self,
        module: str,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        out: Path,
        err: Path | None = None,
    ) -> None:
        """Begin `python -m module args`, its output in the files."""
        self.args = [module, *args]
        given = (module, list(args), dict(env), cwd, out, err or out)
        self._process = _FROM.Process(target=_live, args=given, daemon=True)
        with _ONE_AT_A_TIME:
            self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def wait(self, seconds: float) -> int:
        wait([self._process.sentinel], seconds)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, seconds)
        return code

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def _live(
    module: str, args: list[str], env: dict[str, str], cwd: Path, out: Path, err: Path
) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    os.environ.clear()
    os.environ |= env
    os.chdir(cwd)
    sys.argv = [module, *args]
    importlib.import_module(module).main()
