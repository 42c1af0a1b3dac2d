"""What an audit of a whole simulated fleet costs, from asking everybody to its findings."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import psutil

from benchmarks.simulated_fleet.faults import FAULTS, Expected
from benchmarks.simulated_fleet.servers import Server
from benchmarks.simulated_fleet.stage import Stage, stage
from benchmarks.simulated_fleet.world import Size
from davylamp.audit.gather.everything import gather
from davylamp.audit.run import Audit, run_audit

_EACH = 3
"""Faults of each kind that are planted."""


@dataclass(frozen=True)
class AuditCost:
    """Seconds and megabytes."""

    gather: float
    findings: float
    """From inventory to findings."""
    memory_mb: float
    """By which the process grew."""
    planted: int
    missed: int
    false: int


def measure(server: Server, size: Size) -> AuditCost:
    with stage(server.ledger, server.url, server.folder, apart=True) as staged:
        staged.set_up(size)
        expected = plant_all(staged, random.Random(6))
        parts = staged.parts()
        before = psutil.Process().memory_info().rss
        start = time.perf_counter()
        inventory = gather(parts)
        gathered = time.perf_counter()
        found = run_audit(inventory)
        done = time.perf_counter()
        grown = psutil.Process().memory_info().rss - before
    missed, false = compare(found, expected)
    return AuditCost(
        gathered - start, done - gathered, grown / 1e6, len(expected), len(missed), len(false)
    )


def plant_all(staged: Stage, dice: random.Random, each: int = _EACH) -> list[Expected]:
    """Faults of every kind, each at a service of its own."""
    names = staged.world.names
    needed = each * sum(fault.needs_database for fault in FAULTS)
    with_database = dice.sample(names[: staged.world.size.databases], needed)
    others = names[staged.world.size.databases :]
    dice.shuffle(others)
    expected: list[Expected] = []
    for fault in FAULTS:
        places = with_database if fault.needs_database else others
        for _ in range(each):
            expected += fault.plant(staged, places.pop())
    return expected


def compare(found: Audit, expected: list[Expected]) -> tuple[list[Expected], list[Expected]]:
    """What was planted and not found; what was found and not planted, or found twice."""
    told = [(f.code, f.service or "", f.instance or "") for f in found.findings]
    missed, false = list(expected), []
    for one in told:
        if one in missed:
            missed.remove(one)
        else:
            false.append(one)
    return missed, false
