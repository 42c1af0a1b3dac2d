"""What runs on this machine, read from /proc in one pass."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ZOMBIE = ("Z", "X")


@dataclass(frozen=True)
class Identity:
    """A process and no other: the kernel reuses a pid, but not with the same start."""

    pid: int
    started_ticks: int
    """Clock ticks from boot to its start; unlike a time of day it never shifts."""


@dataclass(frozen=True)
class Process:
    identity: Identity
    parent: int
    session: int
    is_zombie: bool
    cpu_seconds: float
    """Its own and that of the children it has waited for."""
    memory_bytes: int
    """Resident."""

    @property
    def pid(self) -> int:
        return self.identity.pid


@dataclass(frozen=True)
class Usage:
    cpu_seconds: float
    memory_bytes: int


def snapshot() -> dict[int, Process]:
    """Every process by pid. One that ends meanwhile is left out."""
    found = (look_up(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def look_up(pid: int) -> Process | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the name may hold spaces and brackets: fields count from the last bracket
    part = line[line.rindex(")") + 2 :].split()
    return Process(
        identity=Identity(pid, int(part[19])),
        parent=int(part[1]),
        session=int(part[3]),
        is_zombie=part[0] in _ZOMBIE,
        cpu_seconds=sum(int(ticks) for ticks in part[11:15]) / _TICKS,
        memory_bytes=int(part[21]) * _PAGE,
    )


def is_alive(identity: Identity) -> bool:
    found = look_up(identity.pid)
    return found is not None and found.identity == identity and not found.is_zombie


def descendants(of: int, processes: dict[int, Process]) -> list[Process]:
    """Children and theirs, parents first."""
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [of]
    while waiting:
        born = children.get(waiting.pop(), [])
        found += born
        waiting += [process.pid for process in born]
    return found


def usage_by_session(processes: dict[int, Process]) -> dict[int, Usage]:
    """What each session uses, all its processes together."""
    found: dict[int, Usage] = {}
    for process in processes.values():
        so_far = found.get(process.session, Usage(0.0, 0))
        found[process.session] = Usage(
            so_far.cpu_seconds + process.cpu_seconds, so_far.memory_bytes + process.memory_bytes
        )
    return found


def environment_names(pid: int, marker: bytes) -> bool:
    """Was the process started with the entry `marker` (`NAME=value`) in its environment?"""
    try:
        return marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def now() -> datetime:
    return datetime.now(UTC)
