"""Bringing the plane up, and taking it down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from davylamp.errors import BadInput, DavylampError, Refused, Unreachable
from davylamp.plane.home import Home
from davylamp.plane.leftovers import MARKER, sweep
from davylamp.plane.lock import holder, take_lock
from davylamp.plane.logs import tail
from davylamp.plane.processes import is_alive
from davylamp.plane.status import NAMES, PartStatus, PlaneStatus, ask, plane_status
from davylamp.settings import Settings

_POLL_SECONDS = 0.1
_LOCK_SECONDS = 25.0
_ANSWER_SECONDS = 3.0
_SHUTDOWN_SECONDS = 180.0
_HOPELESS_RESTARTS = 3
_UP = ("ready", "external")

Progress = Callable[[PartStatus], None]


@dataclass(frozen=True)
class Wanted:
    """Which parts, and how."""

    parts: tuple[str, ...]
    any_port: bool = False
    fast: bool = False


@dataclass(frozen=True)
class WentUp:
    status: PlaneStatus
    was_up: bool


@dataclass(frozen=True)
class WentDown:
    was_up: bool
    killed: tuple[str, ...] = ()
    """What did not end when asked to."""
    swept: tuple[str, ...] = ()
    """What a supervisor that had died left behind."""


def bring_up(
    settings: Settings, wanted: Wanted, progress: Progress, *, seconds: float = 180.0
) -> WentUp:
    """Start the plane, or what is missing of it, and wait until all of it is ready.

    A plane that does not come up is taken down again; the error says which part, and why.
    """
    before = _settled_status(settings)
    if before.is_up and not before.is_going_down:
        have = {part.name for part in before.parts}
        missing = [name for name in wanted.parts if name not in have]
        if missing:
            body = NAMES.dump_json(missing)
            ask(Home.of(settings).socket, "POST", "/parts", body, seconds=60.0)
        return WentUp(_wait(settings, wanted, None, progress, seconds), was_up=True)
    process = _start_supervisor(settings, wanted)
    try:
        status = _wait(settings, wanted, process, progress, seconds)
    except BaseException:
        take_down(settings)
        raise
    return WentUp(status, was_up=status.pid != process.pid)


def _settled_status(settings: Settings) -> PlaneStatus:
    """Once nobody is dying: a killed supervisor's undertaker holds the lock until it has swept."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            status = plane_status(settings)
        except Unreachable as error:
            if time.monotonic() > until:
                raise Unreachable(f"{error}; `davylamp down` ends it") from error
        else:
            if not status.is_going_down or time.monotonic() > until:
                return status
        time.sleep(_POLL_SECONDS)


def take_down(settings: Settings) -> WentDown:
    """End everything, whether the supervisor still lives or not."""
    home = Home.of(settings)
    if not home.folder.is_dir():
        return WentDown(was_up=False)
    was_up, killed = _ask_to_end(home)
    lock = take_lock(home.lock, _LOCK_SECONDS if was_up else 1.0)
    if lock is None:
        killed += _kill_supervisor(home)
        lock = take_lock(home.lock, _LOCK_SECONDS)
    if lock is None:
        raise Refused(
            f"{home.lock} is still held (`fuser {home.lock}` shows by whom): end that process, "
            "then run `davylamp down` again"
        )
    try:
        swept = sweep(home.folder, home.record)
        settings.addresses_file.unlink(missing_ok=True)
        home.socket.unlink(missing_ok=True)
    finally:
        os.close(lock)
    return WentDown(was_up or bool(killed or swept), killed, tuple(swept))


def _start_supervisor(settings: Settings, wanted: Wanted) -> subprocess.Popen[bytes]:
    home = Home.of(settings)
    home.make()
    argv = [sys.executable, "-m", "davylamp.plane.supervisor", *wanted.parts]
    argv += ["--any-port"] if wanted.any_port else []
    argv += ["--fast"] if wanted.fast else []
    env = {name: value for name, value in os.environ.items() if name != MARKER}
    with home.log("supervisor").open("ab") as log:
        return subprocess.Popen(
            argv,
            env={**env, "DAVYLAMP_HOME": str(home.folder), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait(
    settings: Settings,
    wanted: Wanted,
    process: subprocess.Popen[bytes] | None,
    progress: Progress,
    seconds: float,
) -> PlaneStatus:
    until = time.monotonic() + seconds
    told: set[str] = set()
    while True:
        status = _status(settings)
        for part in status.parts:
            if part.state in _UP and part.name not in told:
                told.add(part.name)
                progress(part)
        missing = [name for name in wanted.parts if name not in told]
        if status.is_up and not missing:
            return status
        _check_supervisor(settings, status, process)
        for name in missing:
            _check_part(status.part(name), seconds, is_late=time.monotonic() > until)
        if time.monotonic() > until:
            raise Unreachable(f"the embedded plane was not up after {seconds:g} s")
        time.sleep(_POLL_SECONDS)


def _status(settings: Settings) -> PlaneStatus:
    try:
        return plane_status(settings)
    except Unreachable:  # the lock is taken, the socket isn't there yet
        return PlaneStatus(str(Home.of(settings).folder), is_up=False)


def _check_supervisor(
    settings: Settings, status: PlaneStatus, process: subprocess.Popen[bytes] | None
) -> None:
    if status.is_up or process is None or process.poll() is None:
        return
    log = Home.of(settings).log("supervisor")
    said = tail(log, 30).rpartition("davylamp: ")[2]
    kinds: dict[int, type[DavylampError]] = {1: Refused, 2: BadInput}
    kind = kinds.get(process.returncode, Unreachable)
    raise kind(f"the plane's supervisor ended at once (log {log}): {said}")


def _check_part(part: PartStatus | None, seconds: float, *, is_late: bool) -> None:
    if part is None:
        return
    if part.restarts >= _HOPELESS_RESTARTS or is_late:
        when = f"after {seconds:g} s" if is_late else f"after {part.restarts} restarts"
        raise Unreachable(
            f"{part.name} is not ready {when}: {part.reason or part.state}\n"
            f"The end of its log {part.log}:\n{tail(Path(part.log), 12)}"
        )


def _ask_to_end(home: Home) -> tuple[bool, tuple[str, ...]]:
    """Did it end when asked, and what did it have to kill?"""
    if not home.socket.exists():
        return False, ()
    try:
        ask(home.socket, "GET", "/status", seconds=_ANSWER_SECONDS)
        answer = ask(home.socket, "POST", "/shutdown", seconds=_SHUTDOWN_SECONDS)
    except Unreachable:
        return False, ()
    return True, tuple(NAMES.validate_json(answer))


def _kill_supervisor(home: Home) -> tuple[str, ...]:
    """It holds the lock and does not answer. Its undertaker sweeps once it is gone."""
    found = holder(home.lock)
    if found is None or not is_alive(found):
        return ()  # the undertaker is at work already
    os.kill(found.pid, signal.SIGKILL)
    return (f"supervisor (pid {found.pid})",)
