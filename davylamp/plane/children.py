"""The supervisor's children: started from its main thread, reaped, and ended by pid."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from davylamp.plane.processes import (
    Identity,
    Process,
    descendants,
    is_alive,
    look_up,
    snapshot,
)
from davylamp.plane.spawn import signal_group, spawn

_REAP_SECONDS = 1.0
"""Backstop for a lost SIGCHLD, and for orphans that became ours."""
_KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Child:
    """A running child, leader of a session of its own."""

    name: str
    identity: Identity
    stop_signal: signal.Signals
    keeps_stragglers: bool
    """Does what it started outlive it?"""
    exited: asyncio.Future[int]
    """Its exit code; minus the signal's number when one ended it."""

    @property
    def pid(self) -> int:
        return self.identity.pid


class Children:
    """Starts, reaps and ends. All methods belong to the event loop's thread."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called whenever a child came or went."""
        self._changed = changed
        self._running: dict[int, tuple[Child, subprocess.Popen[bytes]]] = {}
        self._zombies: set[Identity] = set()

    def running(self) -> list[Child]:
        return [child for child, _ in self._running.values()]

    def start(
        self,
        name: str,
        argv: list[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
        keeps_stragglers: bool = False,
    ) -> Child:
        """Raises OSError when it cannot be started."""
        process = spawn(argv, env=env, cwd=cwd, log=log, death_signal=death_signal)
        found = look_up(process.pid)
        identity = found.identity if found else Identity(process.pid, 0)
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        child = Child(name, identity, stop_signal, keeps_stragglers, exited)
        self._running[child.pid] = (child, process)
        self._changed()
        return child

    async def reap_forever(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            self._reap()
            self._reap_orphans()

    async def end(self, child: Child, grace_seconds: float) -> bool:
        """Ask its group to end, wait, kill. True if it had to be killed.

        What it started goes with it, also what made a session of its own.
        """
        if child.exited.done():
            return False
        below = [] if child.keeps_stragglers else descendants(child.pid, snapshot())
        signal_group(child.pid, child.stop_signal)
        await asyncio.wait([child.exited], timeout=grace_seconds)
        is_deaf = not child.exited.done()
        if is_deaf:
            signal_group(child.pid, signal.SIGKILL)
            await asyncio.wait([child.exited], timeout=_KILL_SECONDS)
        for process in below:
            if is_alive(process.identity):
                kill(process)
        return is_deaf

    def _reap(self) -> None:
        ended = [child for child in self.running() if _has_ended(child.pid)]
        # while they are zombies: once reaped, their pids may be somebody else's
        kill_sessions({child.pid for child in ended if not child.keeps_stragglers})
        for child in ended:
            self._gone(child.pid, _exit_code(child.pid))

    def _gone(self, pid: int, code: int) -> None:
        child, process = self._running.pop(pid)
        process.returncode = code  # or Popen would warn that it still runs
        if not child.exited.done():
            child.exited.set_result(code)
        self._changed()

    def _reap_orphans(self) -> None:
        """Zombies nobody has waited for in two looks: not a child some thread is waiting for."""
        ours = os.getpid()
        zombies = {p.identity for p in snapshot().values() if p.parent == ours and p.is_zombie}
        for zombie in zombies & self._zombies:
            if zombie.pid not in self._running:
                _exit_code(zombie.pid)
        self._zombies = zombies


def kill_sessions(leaders: set[int]) -> None:
    """Kill what is left of sessions whose leaders were our children and have ended."""
    for process in snapshot().values() if leaders else ():
        if process.session in leaders and not process.is_zombie:
            kill(process)


def kill(process: Process) -> None:
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _has_ended(pid: int) -> bool:
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True  # somebody else reaped it: gone is gone
    return found is not None


def _exit_code(pid: int) -> int:
    try:
        _, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status)
