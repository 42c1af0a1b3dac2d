"""What a killed supervisor left running: found again, and ended.

Two traces lead there: the record it kept of its children (pid and start, so that a reused pid
is never taken for one), and a marker in the environment that everything it started inherits.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from davylamp.plane.processes import (
    Identity,
    descendants,
    environment_names,
    is_alive,
    look_up,
    snapshot,
)

MARKER = "DAVYLAMP_PLANE"
"""Environment variable: the home of the plane a process belongs to."""

_GRACE_SECONDS = 3.0
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Recorded:
    """A process the supervisor has started."""

    name: str
    identity: Identity
    stop_signal: int


@dataclass(frozen=True)
class Record:
    boot_id: str
    """Of the machine's boot: after another, no pid means anything any more."""
    processes: tuple[Recorded, ...]


_RECORD = TypeAdapter(Record)


def write_record(file: Path, processes: Iterable[Recorded]) -> None:
    temporary = file.with_name(f"{file.name}.new")
    temporary.write_bytes(_RECORD.dump_json(Record(_boot_id(), tuple(processes))))
    temporary.replace(file)


def sweep(home: Path, record: Path) -> list[str]:
    """End everything a former supervisor of `home` left; says what had to be ended.

    Only for whoever holds the plane's lock: a living supervisor's children look the same.
    """
    found = _leftovers(home, record)
    for one in found:
        _send(one.identity, signal.Signals(one.stop_signal))
    _wait_until_gone(found, _GRACE_SECONDS)
    stubborn = [one for one in found if is_alive(one.identity)]
    for one in stubborn:
        _send(one.identity, signal.SIGKILL)
    _wait_until_gone(stubborn, _KILL_SECONDS)
    record.unlink(missing_ok=True)
    return [
        f"{one.name} (pid {one.identity.pid}{', killed' if one in stubborn else ''})"
        for one in found
    ]


def _leftovers(home: Path, record: Path) -> list[Recorded]:
    found = {one.identity: one for one in _read(record) if is_alive(one.identity)}
    processes = snapshot()
    marker = os.fsencode(f"{MARKER}={home}")
    roots = [one.pid for one in found] + [
        pid for pid in processes if environment_names(pid, marker)
    ]
    spared = _ourselves()
    for root in roots:
        family = [processes[root]] if root in processes else []
        for process in [*family, *descendants(root, processes)]:
            if process.pid not in spared and not process.is_zombie:
                name = _name(process.pid)
                found.setdefault(process.identity, Recorded(name, process.identity, signal.SIGTERM))
    return list(found.values())


def _read(record: Path) -> tuple[Recorded, ...]:
    try:
        read = _RECORD.validate_json(record.read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError:
        return ()  # half written by a full disk: the marker finds them
    return read.processes if read.boot_id == _boot_id() else ()


def _ourselves() -> set[int]:
    """This process and those above it: the sweep may be run from inside the plane."""
    found: set[int] = set()
    pid = os.getpid()
    while pid > 1:
        found.add(pid)
        above = look_up(pid)
        pid = above.parent if above else 0
    return found


def _send(identity: Identity, number: signal.Signals) -> None:
    if not is_alive(identity):
        return
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return


def _wait_until_gone(processes: list[Recorded], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(is_alive(one.identity) for one in processes):
        time.sleep(_POLL_SECONDS)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return "a process"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
